"""Packs what `build.sh` compiled as a wheel, without tests and what only compiling needs."""

import sys
import zipfile
from pathlib import Path

VERSION, TAG = "2.4.6", "cp314-cp314-pyemscripten_2026_0_wasm32"
LEFT_OUT = {"tests", "f2py", "distutils", "_build_utils", "_pyinstaller", "code_generators", "src", "include"}

folder, packages = Path(sys.argv[1]), Path(sys.argv[2])
source, built = folder / f"numpy-{VERSION}", folder / "built"
files: dict[str, bytes] = {}
for path in sorted((source / "numpy").rglob("*.py")):
    name = path.relative_to(source)
    if not LEFT_OUT.intersection(name.parts):
        files[name.as_posix()] = path.read_bytes()
for path in [built / "numpy/__config__.py", *sorted(built.rglob("*.so"))]:
    name = path.relative_to(built)
    end = ".cpython-314-wasm32-emscripten.so" if path.suffix == ".so" else ".py"
    files[(name.parent / (name.name.partition(".")[0] + end)).as_posix()] = path.read_bytes()
info = f"numpy-{VERSION}.dist-info"
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: numpy\nVersion: {VERSION}\n".encode()
files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {TAG}\n".encode()
files[f"{info}/licenses/LICENSE.txt"] = (source / "LICENSE.txt").read_bytes()
files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
with zipfile.ZipFile(
    packages / f"numpy-{VERSION}-{TAG}.whl", "w", zipfile.ZIP_DEFLATED, compresslevel=9
) as wheel:
    for name, data in files.items():
        wheel.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
