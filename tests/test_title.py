"""Titles of composed pieces: what they are, in which key, and which of several; no seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from build import TICKS, make_melody

import ritornello
from ritornello.bundle import Card
from ritornello.formats.text import prose_to_score
from ritornello.generation.title import KINDS, make_title
from ritornello.score import Key, Meter, Score

SCALE = (62, 64, 66, 67, 69, 71, 73, 74, 62, 66, 69, 62)
IN_D = Score(TICKS, (make_melody(SCALE),), meters=(Meter(0, 6, 8),))


def card(name: str, representation: str = "multitrack") -> Card:
    made = ritornello.load("songs").bundle.card
    part = made.representation.model_copy(update={"name": representation})
    return made.model_copy(update={"name": name, "representation": part})


@pytest.mark.parametrize(
    ("name", "representation", "title"),
    [
        ("songs", "multitrack", "Song in D major"),
        ("folk", "multitrack", "Jig in D major"),
        ("chorales", "multitrack", "Chorale in D major"),
        ("mine", "multitrack", "Piece in D major"),
        ("solo", "jazz", "Solo in D major"),
    ],
)
def test_kind_and_key(name: str, representation: str, title: str) -> None:
    assert make_title(card(name, representation), IN_D) == title
    assert make_title(card(name, representation), IN_D, 3) == f"{title}, no. 3"


@pytest.mark.parametrize(
    ("meter", "kind"), [((4, 4), "Reel"), ((3, 4), "Waltz"), ((9, 8), "Slip jig"), ((7, 8), "Tune")]
)
def test_folk_tunes_are_named_by_their_meter(meter: tuple[int, int], kind: str) -> None:
    assert make_title(card("folk"), replace(IN_D, meters=(Meter(0, *meter),))) == f"{kind} in D major"


def test_the_key_of_the_file_goes_before_the_estimated_one() -> None:
    assert make_title(card("songs"), replace(IN_D, keys=(Key(0, 2, True),))) == "Song in B minor"


def test_drums_and_prose_have_no_key() -> None:
    drums = replace(IN_D, tracks=(replace(IN_D.tracks[0], is_drum=True),))
    assert make_title(card("beat", "drums"), drums) == "Groove"
    assert make_title(card("novel", "words"), prose_to_score("Once upon a time."), 2) == "Text, no. 2"


def test_all_shipped_models_have_a_name_for_their_pieces() -> None:
    from ritornello.generation import MODELS

    assert set(MODELS.own) <= {*KINDS, "folk", "base"}


def test_a_composed_piece_has_it_and_the_seed_is_in_its_recipe() -> None:
    pieces = ritornello.load("chorales").compose_many(bars=2, seed=1234, count=2)
    for number, piece in enumerate(pieces, start=1):
        assert piece.score.title.startswith("Chorale in ")
        assert piece.score.title.endswith(f", no. {number}")
        assert "1234" not in piece.score.title
        assert '"seed": 1234' in piece.score.texts[0].text
