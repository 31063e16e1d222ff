"""Our MIDI reader and writer on real and on broken files, against symusic and mido.

A larger check, of every file there is, is `benchmarks/check_readers.py`.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import mido
import pytest
import symusic
from build import shared_archive

from ritornello.errors import RitornelloError
from ritornello.formats import read
from ritornello.formats.midi import midi_to_bytes, parse_midi
from ritornello.score import Score

MEGABYTES = 1024  # kilobytes, in which Linux counts a process's memory

# Of the broken files, those that hold no music or are no MIDI files: refused. All others are read.
REFUSED = {"empty.mid", "random.mid", "text.mid", "zeros.mid", "magic_only_MThd_random.mid"}
REFUSED |= {f"trunc_{count:04}.mid" for count in (3, 10, 14, 20)}
REFUSED |= {"header__header-type-00-single.mid", "negative-ticks-per-beat.mid"}  # a header and no track


@pytest.mark.parametrize(
    "archive", ["chorales-bach370", "multi-avgvst", "multi-freedoom", "lieder-openscore"]
)
def test_no_note_is_lost_and_reading_is_a_fixed_point(archive: str) -> None:
    files = shared_archive(archive)
    names = sorted(name for name in files.namelist() if name.endswith(".mid"))
    for name in names[:: max(1, len(names) // 40)]:
        data = files.read(name)
        score = parse_midi(data, name)
        written = midi_to_bytes(score)
        assert parse_midi(written) == score, name
        hanging = any(repair.startswith("closed") for repair in score.repairs)
        for content in [written] if hanging else [data, written]:  # symusic drops notes that never end
            assert symusic.Score.from_midi(content).note_num() == score.note_count, name


def test_the_columns_are_those_of_symusic() -> None:
    files = shared_archive("piano-classical")
    data = files.read(sorted(name for name in files.namelist() if name.endswith(".mid"))[7])
    score, other = parse_midi(data), symusic.Score.from_midi(data)
    ours = sorted(tuple(note) for note in score.all_notes().tolist())
    theirs = sorted((n.time, n.duration, n.pitch, n.velocity) for track in other.tracks for n in track.notes)
    assert ours == theirs
    assert [(t.tick, t.microseconds_per_quarter) for t in score.tempos] == [
        (t.time, t.mspq) for t in other.tempos
    ]
    pedals = [int((track.controls["number"] == 64).sum()) for track in score.tracks]
    messages = mido.MidiFile(file=io.BytesIO(data)).tracks
    sent = sum(m.type == "control_change" and m.control == 64 for track in messages for m in track)
    assert pedals == [sent, sent]  # both hands are on one channel


def test_the_broken_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    files = shared_archive("nasty-dev")
    files.extractall(tmp_path)
    root = tmp_path / "nasty-dev"
    before = peak_kilobytes()
    for line in (root / "manifest.jsonl").read_text().splitlines():
        name = json.loads(line)["file"]
        found = read_or_refuse(root / name)
        if name.rpartition("/")[2] in REFUSED or name.endswith(".midi2"):
            assert isinstance(found, str), f"{name} was read"
            assert name in found
            assert "\n" not in found
        else:
            assert isinstance(found, Score), f"{name} was refused: {found}"
            assert parse_midi(midi_to_bytes(found)) == found, name
    assert peak_kilobytes() - before < 300 * MEGABYTES


def read_or_refuse(path: Path) -> Score | str:
    """Return the score, or what our error says."""
    try:
        return read(path)
    except RitornelloError as error:
        return str(error)


def peak_kilobytes() -> int:
    return int(pytest.importorskip("resource").getrusage(0).ru_maxrss)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("note_on_unmatched", 8), ("track_len_0_then_data", 12), ("track_len_ffffffff", 12), ("meta_len_beyond", 3),
        ("ntrks_65535_real2", 24), ("hdrlen_huge", 24), ("events_after_eot", 12), ("riff_named", 24), ("gzip", 24),
        ("sysex_split", 6), ("sysex_big", 6), ("running_after_sysex", 1), ("vlq_5_bytes", 1), ("mut_12", 24),
        ("velocity_high", 7), ("division_e250", 24), ("format2", 24), ("zero_length_notes", 50),
    ],
)  # fmt: skip
def test_what_is_whole_is_kept(name: str, notes: int) -> None:
    data = shared_archive("nasty-dev").read(f"nasty-dev/synthetic/{name}.mid")
    assert parse_midi(data, name).note_count == notes
