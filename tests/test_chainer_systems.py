"""Systems A and B from files to music and sentences, each by its preset; and the commands that they brought."""

# ruff: noqa: F811  a fixture has the name that its tests ask for

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import small_network
from test_batches import make_piece
from test_cli import ritornello  # noqa: F401  a fixture

from ritornello import formats
from ritornello.bundle import Facts, load_bundle, save_bundle
from ritornello.formats.event_text import text_to_midi
from ritornello.formats.midi import parse_midi
from ritornello.presets import PRESETS
from ritornello.representations.event_words import EventWords

QUICK = (
    "--steps 3 --hidden 8 --batch 4 --window 8 --evaluations 1 --samples 1 --precision float32 --threads 1"
)


@pytest.mark.parametrize(("preset", "layers"), [("two_layer_events", 2), ("four_layer_events", 4)])
def test_from_midi_to_midi(ritornello, preset: str, layers: int, tmp_path: Path) -> None:
    for number in range(4):
        formats.write(make_piece(number), tmp_path / "music" / f"{number}.mid")
    formats.write(make_piece(0), tmp_path / "music" / "as-text.txt")
    done = ritornello("train", "music", "--preset", preset, "-o", "m.rit", *QUICK.split())
    assert done.code == 0, done.err
    bundle = load_bundle(tmp_path / "m.rit")
    assert bundle.card.network.config["layers"] == layers
    assert bundle.card.representation.name == "event_words"
    assert list((tmp_path / "m.run" / "samples").glob("*.mid"))
    word = next(w for w in bundle.card.representation.config["words"] if w.startswith("0_90"))
    done = ritornello(
        "compose", "m.rit", "--primer", word, "--bars", 3, "--surprise", 0.1, "-o", "a.mid", "-o", "a.txt"
    )
    assert done.code == 0, done.err
    assert formats.read("a.mid").note_count == formats.read("a.txt").note_count > 0
    assert not formats.read("a.mid").repairs  # nothing hangs


def test_a_primer_outside_the_vocabulary_is_mapped_and_told(ritornello, tmp_path: Path) -> None:
    song = parse_midi(text_to_midi("0_90_40_40 96_80_40_00 0_90_43_40 96_80_43_00"))
    words = EventWords.fit([EventWords.collect_statistics(song)], {"keep": "notes"})
    save_bundle(tmp_path / "m.rit", small_network(words), words, Facts(name="m"))
    done = ritornello("compose", "m.rit", "--primer", "0_90_40_41 96_80_40_00", "--bars", 2)
    assert done.code == 0, done.err
    assert done.err == "ritornello: 0_90_40_41 is not in the vocabulary: 0_90_40_40 stands for it\n"


def test_from_prose_to_prose(ritornello, tmp_path: Path) -> None:
    prose = "\n\n".join(f"He saw number {n} . It was there ." for n in range(40))
    (tmp_path / "novel.txt").write_text(prose, encoding="utf-16")
    done = ritornello("train", "novel.txt", "--preset", "two_layer_words", "-o", "n.rit", *QUICK.split())
    assert done.code == 0, done.err
    assert "nats a word" in " ".join(done.out.split())
    assert list((tmp_path / "n.run" / "samples").glob("*.txt"))
    done = ritornello("compose", "n.rit", "--primer", "He saw", "--bars", 1, "--seed", 3)
    assert done.code == 0, done.err
    assert done.out.startswith("He saw ")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "novel.txt: the file is empty"),
        (bytes(range(128, 256)), "novel.txt: unknown encoding"),
        (b" \n ", "novel.txt: no words in it"),
        (b"0_90_40_40 96_80_40_00", "novel.txt: it is music; wanted is prose"),
        (b"One line only .", "at least 2 are needed"),
    ],
)
def test_a_text_of_no_use_is_refused_in_one_line(
    ritornello, content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / "novel.txt").write_bytes(content)
    done = ritornello("train", "novel.txt", "--preset", "two_layer_words", "-o", "n.rit")
    assert done.code == 2
    line = done.err.strip().splitlines()[-1]
    assert line.startswith("ritornello: ")
    assert told in line


def test_convert_there_and_back(ritornello, tmp_path: Path) -> None:
    formats.write(make_piece(1), tmp_path / "song.mid")
    assert ritornello("convert", "song.mid", "song.txt").code == 0
    assert ritornello("convert", "song.txt", "again.mid", "--track", "all").code == 0
    assert formats.read("again.mid") == formats.read("song.mid")
    assert ritornello("convert", "song.mid", "one.txt", "--track", 2).code == 0
    assert len(Path("one.txt").read_text().splitlines()) == 2
    for arguments, told in (
        (["song.mid", "x.txt", "--track", 99], "no track 99"),
        (["song.mid", "x.txt", "--track", "two"], "allowed are a number, counted from 1, and all"),
        (["song.mid", "x.mid", "--track", 1], "from MIDI to text only"),
    ):
        done = ritornello("convert", *arguments)
        assert done.code == 2
        assert told in done.err
    Path("bad.txt").write_text("0_90_40_40 0_90_40")
    done = ritornello("convert", "bad.txt", "x.mid")
    assert "bad.txt: line 1, word 2" in done.err


def test_presets_are_listed_and_explained(ritornello) -> None:
    done = ritornello("presets")
    assert all(name in done.out and row.description in done.out for name, row in PRESETS.items())
    assert "network gate_dropout_lstm" in done.out
    assert "--faithful: representation.faithful on" in done.out
    facts = json.loads(ritornello("presets", "--json").out)
    assert facts["four_layer_events"]["settings"]["layers"] == 4
    assert json.loads(ritornello("presets", "two_layer_words", "--json").out)["settings"]["dropout"] == 0.5
    done = ritornello("presets", "two-layer-word")
    assert done.code == 2
    assert "nearest is 'two_layer_words'" in done.err
