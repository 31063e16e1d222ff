"""The embedded tunes: each is whole, in its meter, and good for a representation that plays over chords."""

from __future__ import annotations

import pytest

from ritornello.data.tunes import Tune, load_tunes, parse_tune
from ritornello.errors import FormatError
from ritornello.representations.leadsheet import check_leadsheet, read_leadsheet


def test_there_are_forty_or_more_with_titles_of_their_own():
    tunes = load_tunes()
    assert len(tunes) >= 40
    assert len({tune.title for tune in tunes}) == len(tunes)
    assert sum(bool(tune.checked) for tune in tunes) >= 10


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
