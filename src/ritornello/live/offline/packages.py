"""The packages that a page without a server is made of: fetched once, from the registries, each checked by its digest.

Python for WebAssembly, its numpy and pydantic, and ONNX Runtime for WebAssembly have 17 MB, which most installations
never need, so they are no part of this library's own package. They are kept in the user's cache.

Read in order: `PACKAGES`, `package_files`.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ritornello.errors import ConfigError
from ritornello.paths import write_bytes

NPM = "https://registry.npmjs.org"
PYODIDE = "https://cdn.jsdelivr.net/pyodide/v314.0.7/full"
"""Where Pyodide publishes the packages that it compiles, numpy among them, which PyPI does not have compiled."""

SECONDS = 120
"""How long a registry may be silent before it counts as out of reach."""

TAG = ("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp")
"""What pip calls the Python of Pyodide 314."""


@dataclass(frozen=True)
class Package:
    """A file of a registry. digest: its SHA-256. where: its folder on the web; PyPI, by pip, if empty.

    members: of a tar file, those that are needed; if empty, the file itself is.
    """

    file: str
    digest: str
    licence: str
    where: str = ""
    members: tuple[str, ...] = ()


PACKAGES = (
    Package(
        "pyodide-314.0.7.tgz",
        "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0",
        "MPL-2.0",
        f"{NPM}/pyodide/-",
        ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"),
    ),
    Package(
        "onnxruntime-web-1.30.0.tgz",
        "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
        "MIT",
        f"{NPM}/onnxruntime-web/-",
        ("dist/ort-wasm-simd-threaded.mjs", "dist/ort-wasm-simd-threaded.wasm"),
    ),
    Package(
        "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "a292c1f5d7d8a2208cd5e94fc467604c131cabcd2fc14fed6eefde121e7fabdf",  # as pyodide-lock.json has it
        "BSD-3-Clause",
        PYODIDE,
    ),
    Package(
        "pydantic_core-2.50.5-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "b2910ec0fa5aeb9bef70156f2b79f4783978fdcfaa7b2f1b5d1814458d2e79a1",
        "MIT",
    ),
    Package(
        "pydantic-2.14.4-py3-none-any.whl",
        "653a2ad9f6d8858529c77c72717d0ea991d6c6837fe683246b2f4b2bbfc3fadc",
        "MIT",
    ),
    Package(
        "annotated_types-0.8.0-py3-none-any.whl",
        "f072f4d804ea359e4eaf198b1af7a8b0943881a87f31bb764f8bf219bb9419e0",
        "MIT",
    ),
    Package(
        "typing_extensions-4.16.0-py3-none-any.whl",
        "481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8",
        "PSF-2.0",
    ),
    Package(
        "typing_inspection-0.4.5-py3-none-any.whl",
        "bc210535442b39e1bf2805e0c7a17dfd6a4ace760c84c7f7d16245d23a6b1c39",
        "MIT",
    ),
)


def cache_folder() -> Path:
    """Return the folder in which fetched packages are kept."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA")
    else:
        root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "ritornello" / "packages"


def package_files(folder: Path | None = None) -> dict[str, bytes]:
    """Return the files of all packages by name, without folders.

    folder: where the packages are, which are taken as they are; default: the cache, into which those that it lacks are
    fetched. ConfigError for a package that is missing, that cannot be fetched, or that was fetched with another digest.
    """
    found: dict[str, bytes] = {}
    for package in PACKAGES:
        data = _read(package, folder) if folder else _cached(package, cache_folder())
        if not package.members:
            found[package.file] = data
            continue
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in package.members:
                file = archive.extractfile(f"package/{member}")
                assert file is not None, member  # by its digest it is what this was written for
                found[member.rpartition("/")[2]] = file.read()
    return found


def licences() -> str:
    """Return what is to be said about the packages wherever they are passed on."""
    lines = [f"{each.file} ({each.licence}), from {each.where or 'PyPI'}" for each in PACKAGES]
    return "The session runs by these, whose sources and licences are where they come from:\n\n" + "\n".join(
        lines
    )


def _read(package: Package, folder: Path) -> bytes:
    path = folder / package.file
    if not path.is_file():
        names = ", ".join(each.file for each in PACKAGES)
        raise ConfigError(f"{folder}: {package.file} is missing; needed are {names}")
    return path.read_bytes()


def _cached(package: Package, folder: Path) -> bytes:
    path = folder / package.file
    if not path.is_file():
        try:
            data = _fetch(package)
        except (OSError, subprocess.SubprocessError) as error:
            cause = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"{package.file} cannot be fetched from {package.where or 'PyPI'}: {cause}; "
                "put the packages into a folder, and name it by --packages"
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _checked(package, data, package.where or "PyPI"))
    return _checked(package, path.read_bytes(), str(path))


def _checked(package: Package, data: bytes, where: str) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if digest != package.digest:
        raise ConfigError(f"{where}: {package.file} has the SHA-256 {digest}, expected is {package.digest}")
    return data


def _fetch(package: Package) -> bytes:
    if package.where:
        with urllib.request.urlopen(f"{package.where}/{package.file}", timeout=SECONDS) as answer:
            return bytes(answer.read())
    name, version = package.file.split("-")[:2]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{package.digest}\n", encoding="utf-8")
        options = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--quiet", "--dest", folder)
        command = [sys.executable, "-m", "pip", "download", *options, *TAG, "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise OSError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        return (Path(folder) / package.file).read_bytes()
