#!/usr/bin/env python3
"""Clang as a compiler of side modules of Emscripten, called `cc` or `cxx`, as meson calls a compiler and linker."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ["NUMPY_WASM"])
SYSTEM, LLVM = FOLDER / "system", "/usr/lib/llvm-22/bin"
IS_CXX = Path(sys.argv[0]).name == "cxx"

CLANG = [
    f"{LLVM}/clang{'++' if IS_CXX else ''}", "--target=wasm32-unknown-emscripten", "--sysroot=/nonexistent", "-fPIC",
    "-D__EMSCRIPTEN_major__=5", "-D__EMSCRIPTEN_minor__=0", "-D__EMSCRIPTEN_tiny__=3", "-fwasm-exceptions",
    "-mllvm", "-wasm-enable-sjlj", "-mbulk-memory", "-mnontrapping-fptoint", "-g0",
    "-Wno-unknown-warning-option", "-Wno-incompatible-function-pointer-types",
]  # fmt: skip
CXX_HEADERS = ("lib/libcxx/include", "lib/libcxxabi/include")
HEADERS = ("include/compat", "include", "lib/libc/musl/include", "lib/libc/musl/arch/emscripten")
COMPILES = {"-c", "-E", "-S", "-fsyntax-only", "--version", "-dM"}

arguments = [
    each for each in sys.argv[1:] if "python3." not in each and each != "-pipe"
]  # not the machine's headers
included = [FOLDER / "own", *(SYSTEM / each for each in (*(CXX_HEADERS if IS_CXX else ()), *HEADERS))]
includes = ["-nostdinc++"] if IS_CXX else []
for place in (*included, SYSTEM / "lib/libc/musl/arch/generic", FOLDER / "include"):
    includes += ["-isystem", str(place)]
if "-Wl,--version" in arguments:
    print("LLD 22 (compatible with GNU linkers)")
    sys.exit()
if COMPILES.intersection(arguments) or any(each.startswith("-print") for each in arguments):
    sys.exit(subprocess.call([*CLANG, *arguments, *includes]))

target = arguments[arguments.index("-o") + 1] if "-o" in arguments else "a.out"
objects = [each for each in arguments if each.endswith((".o", ".a"))]
flags = [
    each
    for each in arguments
    if each.startswith(("-I", "-D", "-O", "-std", "-f", "-W")) and each[:3] != "-Wl"
]
for source in [each for each in arguments if each.endswith((".c", ".cpp"))]:
    objects.append(f"{target}.{len(objects)}.o")
    if code := subprocess.call([*CLANG, *flags, *includes, "-c", source, "-o", objects[-1]]):
        sys.exit(code)
shared = [
    "-shared",
    "--experimental-pic",
    "--import-memory",
    "--unresolved-symbols=import-dynamic",
    "-Bsymbolic",
]
shared.append("--export-if-defined=__wasm_call_ctors")
kind = shared if "-shared" in arguments else ["--no-entry", "--allow-undefined"]
linked = ["--whole-archive", *objects, "--no-whole-archive"]
sys.exit(subprocess.call([f"{LLVM}/wasm-ld", "-o", target, *linked, "--strip-debug", *kind]))
