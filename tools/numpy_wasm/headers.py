"""Writes the `pyconfig.h` of Pyodide's Python: the names of Debian's, the values of Pyodide's own sysconfig."""

import re
import sys
import zipfile
from pathlib import Path
from typing import Any

NAME = "_sysconfigdata__emscripten_wasm32-emscripten.py"

folder = Path(sys.argv[1])
with zipfile.ZipFile(folder / "python.zip") as archive:
    found: dict[str, Any] = {}
    exec(archive.read(NAME), found)
values = found["build_time_vars"]
lines = []
for line in (folder / "pyconfig.h").read_text().splitlines():
    match = re.match(r"(?:#define (\w+)(?: .*)?|/\* #undef (\w+) \*/)$", line)
    name = match and (match[1] or match[2])
    if name in values:
        is_set = values[name] not in (0, "0", "") or name.startswith(("SIZEOF", "ALIGNOF"))
        line = f"#define {name} {values[name]}" if is_set else f"/* #undef {name} */"
    elif match and match[1] and match[1].startswith("HAVE_"):
        line = f"/* #undef {name} */"
    lines.append(line)
own = folder / "own"
own.mkdir(exist_ok=True)
(own / "pyconfig.h").write_text("\n".join(lines) + "\n")
# glibc's header, which the compiler of the machine finds, and numpy with it; its function is not in Emscripten.
(own / "execinfo.h").write_text("__attribute__((weak)) int backtrace(void **b, int n) { return 0; }\n")
