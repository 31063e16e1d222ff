"""`make demo`: a minute of learning from the base, the same minute from nothing, and what both compose, in `demo/`.

Runs the very commands that a person would type, and prints them. Learned from are the pieces of the embedded corpus
that the base did not learn from, as its card says: a folder of a few files that are new to it.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ritornello import read, render_pianoroll
from ritornello.bundle import load_bundle
from ritornello.corpus.pieces import key_of
from ritornello.corpus.scan import scan
from ritornello.data import CORPUS
from ritornello.generation import find_bundle

DEMO = Path("demo")
MUSIC = DEMO / "music"
MINUTES = "1"
BASE = "base"
INITS = {"from-base": BASE, "from-nothing": "none"}
WIDTH = 960
"""Pixels of a piano roll, of which there are two side by side."""


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


def copy_music() -> None:
    """Copy the pieces that the base did not learn from to MUSIC; all of them, if its card names none."""
    apart = set(load_bundle(find_bundle(BASE)).card.training.get("held_out", ()))
    reports = scan([CORPUS]).used
    new = [report for report in reports if key_of(report.digest) in apart] or reports
    shutil.rmtree(MUSIC, ignore_errors=True)
    MUSIC.mkdir(parents=True)
    for report in new:
        shutil.copy(report.path, MUSIC)
    print(f"{MUSIC}: {len(new)} pieces that {BASE} did not learn from")


def nats(name: str) -> tuple[float, float]:
    """Return the nats a held-out note of a model, and those of the bigram model of its folder."""
    held_out = load_bundle(DEMO / f"{name}.rit").card.held_out
    return held_out["nats_per_note"], held_out["bigram_nats_per_note"]


def draw() -> None:
    """Draw the pieces side by side, as piano rolls."""
    rolls = []
    for name in INITS:
        title = f"A minute {name.replace('-', ' ')}: {nats(name)[0]:.2f} nats a note"
        rolls.append(render_pianoroll(replace(read(DEMO / f"{name}.mid"), title=title), WIDTH))
    page = Image.new(
        "RGB", (WIDTH * len(rolls), max(roll.height for roll in rolls)), rolls[0].getpixel((0, 0))
    )
    for number, roll in enumerate(rolls):
        page.paste(roll, (WIDTH * number, 0))
    page.save(DEMO / "both.png", optimize=True)


def main() -> None:
    """Learn twice, compose with both, and say what lies where."""
    started = time.monotonic()
    copy_music()
    for name, init in INITS.items():
        out = DEMO / name
        run(f"train {MUSIC} -o {out}.rit --init {init} --minutes {MINUTES} --samples 0 --force")
        run(f"compose {out}.rit --bars 16 --meter 4/4 --seed 1 -o {out}.mid -o {out}.wav -o {out}.svg")
    draw()
    (before, bigram), (nothing, _) = map(nats, INITS)
    print(
        f"\nDone in {time.monotonic() - started:.0f} s. Held-out notes cost {before:.2f} nats each after a minute"
    )
    print(f"from {BASE}, {nothing:.2f} after a minute from nothing; a table of pairs of tokens {bigram:.2f}.")
    print(f"Lower is better. In {DEMO}/:")
    for what, meaning in (
        ("both.png", "what both composed, as piano rolls side by side"),
        ("from-base.mid .wav .svg", f"the piece of the model that began from {BASE}: MIDI, sound, score"),
        ("from-nothing.mid .wav .svg", "that of the one that began from nothing"),
        ("from-base.rit", "the model itself"),
        ("from-base.run/curve.png", "how it learned"),
    ):
        print(f"  {what:<28} {meaning}")
    print("\nNext, with your own music:")
    if sys.prefix != sys.base_prefix:  # a virtual environment, as `make demo` makes one
        print(f"  {activation()}")
    print("  ritornello inspect my_midi_folder")
    print("  ritornello train my_midi_folder -o mine.rit --minutes 2")
    print("  ritornello compose mine.rit -o new.mid -o new.mp3")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
