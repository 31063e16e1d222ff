#!/usr/bin/env bash
# Compiles numpy for the Python of Pyodide 314, where Pyodide's own build of it cannot be fetched.
#
#     tools/numpy_wasm/build.sh FOLDER PACKAGES
#
# FOLDER gets what is in between (1 GB), PACKAGES the wheel. FOLDER must hold, or is given links to:
#   python.zip    python_stdlib.zip of the npm package pyodide 314.0.7
#   numpy.tar.gz  the source of numpy 2.4.6 from PyPI
#   include       the headers of CPython 3.14 (Debian's libpython3.14-dev: usr/include/python3.14)
#   pyconfig.h    likewise usr/include/x86_64-linux-gnu/python3.14/pyconfig.h
#   system        the headers of Emscripten (Debian's emscripten: usr/share/emscripten/system)
# Needs clang 22, lld 22 and ninja, and Python with venv. Without BLAS, FFT and SIMD, which a session does not use.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$1" && pwd)
packages=$(cd "$2" && pwd)
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "cython>=3.1"
python3 "$here/headers.py" "$folder"
tar xzf numpy.tar.gz
ln -sf "$here/compiler.py" cc
ln -sf "$here/compiler.py" cxx
cat > cross.ini <<EOF
[binaries]
c = '$folder/cc'
cpp = '$folder/cxx'
ar = 'llvm-ar'
cython = '$folder/venv/bin/cython'
[properties]
longdouble_format = 'IEEE_QUAD_LE'
skip_sanity_check = true
needs_exe_wrapper = true
[host_machine]
system = 'emscripten'
cpu_family = 'wasm32'
cpu = 'wasm32'
endian = 'little'
EOF
export NUMPY_WASM=$folder PATH=$folder/venv/bin:$PATH
python numpy-2.4.6/vendored-meson/meson/meson.py setup built numpy-2.4.6 --cross-file cross.ini --prefix=/usr \
  -Dbuildtype=release -Ddisable-optimization=true -Dcpu-baseline=none -Dcpu-dispatch=none \
  -Dallow-noblas=true -Dblas=none -Dlapack=none
ninja -C built $(ninja -C built -t targets all \
  | grep -oE '^numpy/(_core/_multiarray_umath|linalg/[a-z_]+|random/[a-z0-9_]+)\.cpython[^:]*\.so:' | tr -d :)
python3 "$here/pack.py" "$folder" "$packages"
