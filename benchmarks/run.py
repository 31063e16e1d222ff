"""`make bench`: every benchmark that needs nothing but this project and its development tools, one after another.

Each prints ratios measured in one run. `read_midi` and `check_readers` want folders of MIDI files: give them as
arguments; without, the embedded corpus is used.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "src" / "ritornello" / "data" / "corpus"


def main() -> None:
    folders = sys.argv[1:] or [str(CORPUS)]
    for name, arguments in (
        ("read_midi", folders),
        ("stepping", []),
        ("startup", []),
        ("growth", []),
        ("live", ["--hour", "600"]),
    ):
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], check=True)


if __name__ == "__main__":
    main()
