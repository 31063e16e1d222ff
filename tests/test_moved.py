"""How far a piece was moved, and the compass of its voices: keys and registers stay those of the corpus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from build import TICKS, make_song
from fakes import allowed_ids, small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import load
from ritornello.networks import make_network
from ritornello.networks.mapping import mapped_weights
from ritornello.representations import REPRESENTATIONS, make_representation
from ritornello.representations.base import Conditions, Representation, candidate_columns
from ritornello.representations.columns import transposition
from ritornello.representations.mapping import analogous_values
from ritornello.representations.multitrack.vocabulary import MOVES, TRANSPOSITION, compass_of
from ritornello.score import Score, Track, make_notes

NEW = {"lags": (), "repeats": (2,), "any_key": True}
OLD = {**NEW, "moved": False, "entrances": False}


def tune(*pitches: int, program: int = 0, is_drum: bool = False) -> Score:
    rows = [(TICKS * at, TICKS, pitch, 80) for at, pitch in enumerate(pitches)]
    return Score(TICKS, (Track(make_notes(rows), program, is_drum),))


def fitted(*scores: Score, **options: object) -> Representation:
    kind = REPRESENTATIONS["multitrack"]
    return kind.fit([kind.collect_statistics(each) for each in scores], {**NEW, **options})


def column(representation: Representation, name: str) -> int:
    return [each.name for each in representation.columns].index(name)


@pytest.mark.parametrize("semitones", [-6, -1, 0, 5, 6])
def test_each_row_of_a_moved_piece_tells_how_far_it_was_moved(semitones: int) -> None:
    scheme = fitted(make_song())
    ids = scheme.encode(make_song())
    assert scheme.tokens.transposable(ids) == (-TRANSPOSITION, TRANSPOSITION)
    rows = transposition(scheme, semitones)(scheme.inputs(ids))
    assert scheme.tokens.name(int(rows[0, 0])) == f"start {semitones:+}"
    assert [MOVES[each] for each in set(rows[:, column(scheme, "moved")].tolist())] == [semitones]


def test_a_composed_piece_begins_as_written() -> None:
    scheme = fitted(make_song())
    assert np.flatnonzero(scheme.grammar().allowed_mask()).tolist() == [scheme.start_id]
    assert scheme.tokens.name(scheme.start_id) == "start +0"
    assert scheme.primer(make_song())[0] == scheme.start_id


def test_drums_are_not_moved() -> None:
    scheme = fitted(make_song())
    ids = scheme.encode(tune(36, 38, is_drum=True))
    assert scheme.tokens.transposable(ids) == (0, 0)


def test_a_vocabulary_without_the_option_has_one_start() -> None:
    scheme = make_representation("multitrack", fitted(make_song(), **OLD).config())
    assert [scheme.tokens.name(token) for token in scheme.tokens.start_ids] == ["start"]
    assert not {"moved", "entering_voice"} & {each.name for each in scheme.columns}


def test_a_network_without_them_does_the_same_in_a_vocabulary_with_them() -> None:
    old, new = fitted(make_song(), **OLD), fitted(make_song())
    networks = []
    for scheme in (new, old):
        sizes = tuple(each.size for each in scheme.columns)
        settings = {"hidden": 8, "layers": 1, "embedding": 6, "candidates": candidate_columns(scheme)}
        networks.append(make_network("lstm", settings, sizes).eval())
    columns = analogous_values(new, old)
    assert {int(columns[0][token]) for token in new.tokens.start_ids} == {old.start_id}
    assert (columns[column(new, "moved")] == -1).all()
    networks[0].load_state_dict(mapped_weights(*networks, columns))
    ids, is_known = new.encode(make_song()), columns[0] >= 0
    kept = ids[is_known[ids]]  # without the entrances
    rows = [new.inputs(kept), old.inputs(columns[0][kept].astype(np.int32))]
    outputs = [
        network(torch.from_numpy(row[None].astype(np.int64)), network.initial_state(1))[0][0]
        for network, row in zip(networks, rows, strict=True)
    ]
    torch.testing.assert_close(outputs[0][:, is_known], outputs[1][:, columns[0][is_known]])


def test_columns_that_are_lacking_must_be_the_last_of_their_kind_and_the_network_must_take_them() -> None:
    old, new = fitted(make_song(), **OLD), fitted(make_song())
    assert analogous_values(old, old)
    with pytest.raises(ConfigError, match="cannot be mapped to multitrack with"):
        analogous_values(old, new)
    columns = analogous_values(new, old)
    network = make_network("gate_dropout_lstm", {"hidden": 8}, tuple(each.size for each in new.columns))
    with pytest.raises(ConfigError, match="network gate_dropout_lstm: it cannot be mapped"):
        mapped_weights(network, network, columns)


# --- compass --------------------------------------------------------------------------------------------------


def test_the_compass_leaves_out_one_note_in_a_hundred_at_either_end() -> None:
    assert compass_of({40: 1, 50: 99, 70: 99, 90: 1}) == (50, 70)
    assert compass_of({40: 3, 50: 97, 70: 97, 90: 3}) == (40, 90)


@pytest.mark.parametrize(("pitch", "compass"), [(60, (55, 66)), (0, (0, 11)), (127, (116, 127))])
def test_a_compass_is_at_least_an_octave(pitch: int, compass: tuple[int, int]) -> None:
    assert compass_of({pitch: 5}) == compass


RANGE = [*range(48, 73)]


def playable(scheme: Representation) -> tuple[int, int]:
    """Return the lowest and the highest pitch that the grammar allows first."""
    grammar = scheme.grammar(Conditions(bars=2, instruments=(0,)))
    while not (mask := allowed_ids(grammar, [])[0])[scheme.tokens.slice["note"]].any():
        grammar.advance(int(np.flatnonzero(mask)[0]))
    pitches = scheme.tokens.pitch[np.flatnonzero(mask & scheme.tokens.mask("note"))]
    return int(pitches.min()), int(pitches.max())


def test_a_composed_piece_keeps_to_the_compass_and_a_primer_widens_it() -> None:
    scheme = fitted(tune(*RANGE * 8, 90))
    low, high = RANGE[0], RANGE[-1]
    assert playable(scheme) == (low - TRANSPOSITION, 90 + TRANSPOSITION)
    keeps = Conditions(keeps_compass=True)
    assert playable(scheme.for_piece(None, keeps)) == (low, high)
    assert playable(scheme.for_piece(tune(50, 80), keeps)) == (low, 80)
    [of_piano] = scheme.for_piece(None, keeps).instrument_ranges()
    assert of_piano.pitches == tuple(range(low, high + 1))


@pytest.mark.parametrize(
    ("asked", "highest"), [({}, 72), ({"highest": "C6"}, 84), ({"lowest": "C3", "scale": "C major"}, 96)]
)
def test_lowest_and_highest_go_before_the_compass(tmp_path, asked: dict[str, str], highest: int) -> None:
    scheme = fitted(tune(*RANGE * 8, 90))
    save_bundle(tmp_path / "model.rit", small_network(scheme), scheme, Facts(name="small"))
    asked = {"cadence": False, "guard": False, "temperature": 2.0, "top_p": 1.0, **asked}
    made = load(tmp_path / "model.rit").compose(bars=40, seed=1, **asked)
    pitches = np.concatenate([track.notes["pitch"] for track in made.score.tracks])
    assert highest - 12 < pitches.max() <= highest


def test_an_instrument_outside_the_compass_keeps_its_own_range() -> None:
    flute = fitted(replace(tune(*RANGE * 8), tracks=(replace(tune(*RANGE * 8).tracks[0], program=73),)))
    piece = flute.for_piece(None, Conditions(instruments=(72,), keeps_compass=True))  # a piccolo
    [of_piccolo] = piece.instrument_ranges((72,))
    assert min(of_piccolo.pitches) >= RANGE[0]
    assert max(of_piccolo.pitches) == RANGE[-1] + TRANSPOSITION
