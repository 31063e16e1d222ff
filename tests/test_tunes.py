"""The embedded tunes: each is whole, in its meter, and good for a representation that plays over chords."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from build import shared_archive

from ritornello.data.tunes import Tune, load_tunes, parse_tune
from ritornello.errors import FormatError
from ritornello.formats.midi import parse_midi
from ritornello.leadsheet import check_leadsheet, read_leadsheet

CHECK = runpy.run_path(str(Path(__file__).resolve().parent.parent / "tools" / "check_tunes.py"))
ARCHIVES = {"OpenEWLD": "leadsheets", "Nottingham": "folk-nottingham"}


def test_there_are_forty_or_more_with_titles_of_their_own():
    tunes = load_tunes()
    assert len(tunes) >= 40
    assert len({tune.title for tune in tunes}) == len(tunes)
    assert sum(bool(tune.checked) for tune in tunes) >= 14
    assert not any(tune.checked and tune.differs for tune in tunes)


@pytest.mark.parametrize("tune", load_tunes(), ids=lambda tune: tune.title)
def test_each_tune_is_a_lead_sheet(tune: Tune):
    score = tune.score  # every bar is full, or this raises
    check_leadsheet(score)
    sheet = read_leadsheet(score)
    assert sheet.given
    assert len(sheet.melody) == len(score.tracks[0].notes) >= 12
    assert 55 <= sheet.melody["pitch"].min() <= sheet.melody["pitch"].max() <= 84
    assert int(tune.date) < 1929


def test_a_bar_that_is_not_full_is_refused():
    head = "title: T\norigin: O\ndate: 1800\nmeter: 4/4  key: C\n"
    with pytest.raises(FormatError, match="tune 'T', bar 2: 3 quarters"):
        parse_tune(head + "[C] C4:4 | C4:3 | C4:4").score  # noqa: B018
    with pytest.raises(FormatError, match="tune 'T': no date"):
        parse_tune(head.replace("date: 1800\n", "") + "[C] C4:4")


@pytest.mark.parametrize("tune", [t for t in load_tunes() if t.checked], ids=lambda tune: tune.title)
def test_what_is_checked_agrees_with_its_edition_note_for_note(tune: Tune):
    collection, name = tune.checked.split()
    files = shared_archive(ARCHIVES[collection])
    path = next(path for path in files.namelist() if Path(path).stem == name)
    edition = CHECK["runs_of"](parse_midi(files.read(path), name))
    found = [CHECK["found_notes"](CHECK["runs_of"](tune.score, speed), edition) for speed in CHECK["SPEEDS"]]
    assert any(each.all() for each in found)


def test_a_note_that_an_edition_has_not_is_found_out_in_any_key_and_speed():
    head = "title: T\norigin: O\ndate: 1800\nmeter: 4/4  key: C\n"
    tune = parse_tune(head + "[C] C4 D4 E4 F4 | G4 A4 B4 C5 | D5 C5 B4 A4 | G4 F4 E4 D4 | C4:4").score
    other = "[D] D4:.5 E4:.5 F#4:.5 G4:.5 A4:.5 B4:.5 C#5:.5 D5:.5 | "
    other += "E5:.5 D5:.5 C#5:.5 B4:.5 {} G4:.5 F#4:.5 E4:.5 | D4:4"
    runs, found_notes = CHECK["runs_of"](tune, 2.0), CHECK["found_notes"]

    def found(note: str) -> list[int]:
        edition = parse_tune(head + other.format(note)).score
        return np.flatnonzero(~found_notes(runs, CHECK["runs_of"](edition))).tolist()

    assert found("A4:.5") == []
    assert found("G#4:.5") == [12, 13, 14, 15, 16]  # too few are left after it for a run
