"""`make demo`: one minute of learning in front of you, then music, in `demo/`.

Runs the very commands that a person would type, and prints them.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

DEMO = Path("demo")
MINUTES = "1"
SHIPPED = "songs"


def run(arguments: str) -> None:
    """Show a command and run it."""
    print(f"\n$ ritornello {arguments}", flush=True)
    subprocess.run([sys.executable, "-m", "ritornello", *shlex.split(arguments)], check=True)


def activation() -> str:
    """Return the command that puts `ritornello` of this virtual environment on the path."""
    folder = Path(sys.prefix)
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    if sys.platform == "win32":
        return str(folder / "Scripts" / "activate")
    return f"source {folder}/bin/activate"


def main() -> None:
    """Learn, compose with what was learned and with a shipped model, and say what lies where."""
    started = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    learned, shipped = DEMO / "learned", DEMO / SHIPPED
    run(f"train -o {learned}.rit --minutes {MINUTES} --samples 0")
    run(
        f"compose {learned}.rit --bars 16 --seed 1 -o {learned}.mid -o {learned}.wav -o {learned}.png -o {learned}.svg"
    )
    run(
        f"compose {SHIPPED} --bars 16 --seed 1 -o {shipped}.mid -o {shipped}.wav -o {shipped}.png -o {shipped}.svg"
    )
    (DEMO / "curve.png").write_bytes((DEMO / "learned.run" / "curve.png").read_bytes())
    print(f"\nDone in {time.monotonic() - started:.0f} s. In {DEMO}/:")
    for name, what in (
        (
            "learned.mid .wav .png .svg",
            "what the network of this minute composed: MIDI, sound, piano roll, score",
        ),
        (f"{SHIPPED}.mid .wav .png .svg", "the same from a model that comes ready-trained"),
        ("curve.png", "how it learned"),
        ("learned.rit", "the model itself"),
    ):
        print(f"  {name:<28} {what}")
    print("\nNext, with your own music:")
    if sys.prefix != sys.base_prefix:  # a virtual environment, as `make demo` makes one
        print(f"  {activation()}")
    print("  ritornello inspect my_midi_folder")
    print("  ritornello train my_midi_folder -o mine.rit --minutes 10")
    print("  ritornello compose mine.rit -o new.mid -o new.mp3")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
