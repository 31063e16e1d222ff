"""What comes along: every bundle composes well-formed pieces at default settings, and everything has its licence."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

import ritornello
from ritornello.data import BUNDLES, CORPUS, HERE
from ritornello.generation.compose import Composition
from ritornello.theory import instrument_range

NAMES = sorted(ritornello.shipped_bundles())


@pytest.fixture(scope="module", params=NAMES)
def pieces(request: pytest.FixtureRequest) -> list[Composition]:
    return ritornello.load(request.param).compose_many(count=10, seed=2026)


def longest_run(items: list[object]) -> int:
    return max((len(list(group)) for _, group in groupby(items)), default=0)


def bars_of(piece: Composition) -> list[object]:
    """Return what sounds anew in each bar: (place, track, pitch) of every note."""
    score = piece.score
    starts = score.bar_starts()
    bars: list[list[tuple[int, int, int]]] = [[] for _ in starts]
    for number, track in enumerate(score.tracks):
        for note in track.notes:
            bar = int(np.searchsorted(starts, note["start"], side="right")) - 1
            bars[bar].append((int(note["start"] - starts[bar]), number, int(note["pitch"])))
    return [tuple(sorted(bar)) for bar in bars]


def test_the_bundles_that_come_along_are_those_of_the_list() -> None:
    rows = (BUNDLES / "README.md").read_text(encoding="utf-8").splitlines()
    assert sorted(row.split("`")[1] for row in rows if row.startswith("| `")) == NAMES
    assert {"base", "songs", "piano", "quartets", "chorales", "folk", "bands"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_that_comes_along_has_20_megabytes_at_most(name: str) -> None:
    assert (BUNDLES / f"{name}.rit").stat().st_size <= 20_000_000


def test_every_piece_ends_by_itself(pieces: list[Composition]) -> None:
    for piece in pieces:
        end_id = ritornello.load(piece.model).bundle.representation.end_id
        assert piece.ids[-1] == end_id
        assert (piece.ids[:-1] != end_id).all()
        assert piece.score.note_count >= 32
        assert 30 <= len(piece.score.bar_starts()) <= 32


def test_no_pitch_comes_more_than_8_times_in_a_row(pieces: list[Composition]) -> None:
    """A section of a form that returns is as it was composed, so runs are counted within sections."""
    for piece in pieces:
        assert piece.relaxed_steps == 0
        starts, form = piece.score.bar_starts(), piece.settings.form
        size = piece.bars // len(form) if form and form != "none" else len(starts)
        for track in piece.score.tracks:
            sections = np.searchsorted(starts[size::size], track.notes["start"], side="right")
            for section in np.unique(sections):
                assert longest_run(track.notes["pitch"][sections == section].tolist()) <= 8


def test_no_bar_comes_more_than_4_times_running(pieces: list[Composition]) -> None:
    for piece in pieces:
        assert longest_run(bars_of(piece)) <= 4


def test_all_notes_are_within_their_instruments_compass(pieces: list[Composition]) -> None:
    for piece in pieces:
        for track in piece.score.tracks:
            low, high = (27, 87) if track.is_drum else instrument_range(track.program)
            assert track.notes["pitch"].min() >= low
            assert track.notes["pitch"].max() <= high


def test_pieces_differ(pieces: list[Composition]) -> None:
    assert len({piece.ids.tobytes() for piece in pieces}) == len(pieces)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_where_it_comes_from(name: str) -> None:
    path = BUNDLES / f"{name}.rit"
    assert path.stat().st_size < (20_000_000 if name == "base" else 6_000_000)
    bundle = ritornello.load(name).bundle
    card = bundle.card
    assert name == "base" or bundle.index is not None
    assert name != "folk" or card.corpus.licence == "none stated for the arrays; the tunes are folk tunes"
    licences = {"CC0-1.0", "CC-BY-4.0", "BSD-3-Clause", "public domain"}
    assert name == "folk" or any(licence in card.corpus.licence for licence in licences)
    assert card.corpus.provenance
    assert card.description
    assert card.training["config"]["hidden"]
    assert card.held_out["nats_per_note"] < card.held_out["bigram_nats_per_note"]


def test_the_embedded_corpus_and_soundfont_have_their_licences() -> None:
    assert len(list(CORPUS.glob("*.mid"))) == 94
    for name in (
        "corpus/COPYING",
        "corpus/CREDITS",
        "corpus/PROVENANCE.md",
        "soundfont/LICENSE.txt",
        "expression/README.md",
    ):
        assert (HERE / name).stat().st_size > 0
