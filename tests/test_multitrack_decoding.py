"""Decoding of `multitrack` works on all ids at once; here they are read one at a time, and give the same score."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ritornello.representations.grids import DURATIONS, TEMPOS, TICKS_PER_STEP
from ritornello.representations.multitrack import Multitrack
from ritornello.representations.multitrack.decoding import DRUM_STEPS
from ritornello.representations.multitrack.reading import Reader
from ritornello.representations.multitrack.vocabulary import VELOCITY_STEP, MultitrackConfig
from ritornello.score import Meter, make_notes, without_overlaps

PIANO, BASS, DRUMS = range(3)

SCHEME = Multitrack(
    MultitrackConfig.model_validate(
        {
            "voices": [
                {"family": 0, "number": 0, "low": 58, "high": 62, "programs": [0, 4]},
                {"family": 4, "number": 0, "low": 40, "high": 43, "programs": [33]},
                {"family": 16, "number": 0, "low": 36, "high": 38, "programs": [0]},
            ],
            "meters": [[4, 4], [3, 4], [1, 8]],
        }
    )
)

FIRST = SCHEME.tokens.first

EVENTS = {"shift": (0, 5, 23, 47), "velocity": (3, 9), "duration": (0, 22, 40, 60), "meter": (0, 1, 2)}
EVENTS |= {"tempo": (4, 30), "instrument": (0, 1, 2, 3), "note": range(12)}

OTHERS = [-1, FIRST["start"], FIRST["end"], FIRST["length_low"], FIRST["length_high"], SCHEME.vocabulary_size]

ANY_IDS = [*OTHERS, *(FIRST[kind] + number for kind, numbers in EVENTS.items() for number in numbers)]


def decoded_one_at_a_time(
    ids: list[int],
) -> tuple[dict[int, list[tuple[int, ...]]], dict[int, int], dict[int, int]]:
    """Return the notes of each voice in ticks, and the numbers of tempos and meters by step."""
    reader, tokens = Reader(SCHEME.vocabulary), SCHEME.tokens
    notes: dict[int, dict[tuple[int, int], list[int]]] = {}
    last: list[int] = []
    tempos, meters = {0: TEMPOS.tolist().index(120)}, {0: 0}
    for token in ids:
        if not 0 <= token < tokens.size:
            continue
        kind, value = reader.advance(token), tokens.value[token]
        if kind == "note":
            last = [int(DURATIONS[reader.duration]), reader.velocity]
            if reader.voice == DRUMS:  # not past the bar line
                last[0] = min(DRUM_STEPS, reader.bar_steps - reader.position)
            notes.setdefault(reader.voice, {}).setdefault((reader.time, reader.pitch), last)
        elif kind == "duration" and last and reader.voice != DRUMS:
            last[0] = int(DURATIONS[value])
        elif kind == "velocity" and last:
            last[1] = value
        elif kind == "tempo":
            tempos[reader.time - reader.position] = value
        elif kind == "meter":
            meters[reader.time] = value
    in_ticks = {
        voice: [
            (
                step * TICKS_PER_STEP,
                steps * TICKS_PER_STEP,
                pitch,
                number * VELOCITY_STEP + VELOCITY_STEP // 2,
            )
            for (step, pitch), (steps, number) in found.items()
        ]
        for voice, found in notes.items()
    }
    return in_ticks, tempos, meters


@given(st.lists(st.sampled_from(ANY_IDS), max_size=80))
def test_it_is_what_one_id_at_a_time_gives(ids: list[int]) -> None:
    notes, tempos, meters = decoded_one_at_a_time(ids)
    score = SCHEME.decode(np.array(ids, dtype=np.int64))
    voices = SCHEME.parts(np.array(ids, dtype=np.int64))
    assert sorted(voices) == sorted(notes)
    for voice, track in zip(voices, score.tracks, strict=True):
        expected = without_overlaps(make_notes(notes[voice]))
        assert track.notes.tolist() == expected.tolist()
        assert track.is_drum == (voice == DRUMS)
    assert [(tempo.tick, round(tempo.quarters_per_minute)) for tempo in score.tempos] == [
        (step * TICKS_PER_STEP, TEMPOS[number]) for step, number in sorted(tempos.items())
    ]
    known = SCHEME.vocabulary.config.meters
    assert score.meters == tuple(
        Meter(step * TICKS_PER_STEP, *known[number]) for step, number in sorted(meters.items())
    )


def test_the_first_instrument_of_a_voice_counts() -> None:
    first, second = (FIRST["instrument"] + number for number in (1, 0))  # electric piano, then piano
    (note,) = SCHEME.tokens.note_ids(PIANO, 60)
    (track,) = SCHEME.decode(np.array([first, second, note])).tracks
    assert track.program == 4
    (track,) = SCHEME.decode(np.array([note])).tracks
    assert track.program == 0
