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
from ritornello.generation import MODELS, find_bundle
from ritornello.rendering.pianoroll import PAPER

DEMO = Path("demo")
MUSIC = DEMO / "music"
MINUTES = "1"
BASE = "base"
RUNS = {"learned": "", "from-nothing": " --init none"}
PIECE = "--bars 16 --meter 4/4 --instruments 'overdriven guitar,bass,drums' --seed 1"
"""The same for both."""

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
    """Copy the pieces that the base did not learn from to MUSIC; all of them, where there is no base."""
    apart = load_bundle(find_bundle(BASE)).card.training["held_out"] if BASE in MODELS else ()
    reports = scan([CORPUS]).used
    new = [report.path for report in reports if key_of(report.digest) in apart]
    shutil.rmtree(MUSIC, ignore_errors=True)
    MUSIC.mkdir(parents=True)
    for path in new or [report.path for report in reports]:
        shutil.copy(path, MUSIC)


def facts(name: str) -> tuple[str, float, float]:
    """Return from what a model began, its nats a held-out note, and those of a bigram model of the same music."""
    card = load_bundle(DEMO / f"{name}.rit").card
    begun = card.derived_from[-1].name if card.derived_from else "nothing"
    return begun, card.held_out["nats_per_note"], card.held_out["bigram_nats_per_note"]


def draw() -> None:
    """Draw the piano rolls of both pieces side by side."""
    rolls = []
    for name in RUNS:
        begun, nats, _ = facts(name)
        score = replace(read(DEMO / f"{name}.mid"), title=f"A minute from {begun}: {nats:.2f} nats a note")
        rolls.append(render_pianoroll(score, WIDTH))
    page = Image.new("RGB", (WIDTH * len(rolls), max(roll.height for roll in rolls)), PAPER)
    for number, roll in enumerate(rolls):
        page.paste(roll, (WIDTH * number, 0))
    page.save(DEMO / "both.png", optimize=True)


def main() -> None:
    """Learn twice, compose with both, and say what lies where."""
    started = time.monotonic()
    copy_music()
    for name, init in RUNS.items():
        out = DEMO / name
        run(f"train {MUSIC} -o {out}.rit --minutes {MINUTES} --samples 0 --force{init}")
        run(f"compose {out}.rit {PIECE} -o {out}.mid -o {out}.wav -o {out}.svg")
    draw()
    print(f"\nDone in {time.monotonic() - started:.0f} s. Nats a held-out note, lower is better:")
    for begun, nats, _ in map(facts, RUNS):
        print(f"  {nats:6.2f} after a minute from {begun}")
    print(f"  {facts('learned')[2]:6.2f} a bigram model, which knows pairs of tokens only\nIn {DEMO}/:")
    for what, meaning in (
        ("both.png", "what both composed, as piano rolls side by side"),
        ("learned.mid .wav .svg", f"the piece of the first: MIDI, sound, score (from {facts('learned')[0]})"),
        ("from-nothing.mid .wav .svg", "the piece of the second, from nothing"),
        ("learned.rit", "the first model itself"),
        ("learned.run/curve.png", "how it learned"),
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
