"""The events of MIDI files: whole files against what they were made of, damaged ones read in runs and one by one."""

from __future__ import annotations

import numpy as np
import pytest
from build import chunk, make_song, midi_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import FormatError
from ritornello.formats import smf
from ritornello.formats.midi_writer import midi_to_bytes, quantity
from ritornello.formats.smf import META, SYSEX, SmfFile, read_smf

Made = tuple[int, bytes, tuple[int, int, int], bytes]  # delta, status and data as written, columns, content

deltas = st.one_of(st.integers(0, 200), st.integers(0, smf.MAX_DELTA))
data = st.integers(0, 127)
contents = st.one_of(st.binary(max_size=6), st.binary(min_size=120, max_size=200))


def channel_message(status: int, first: int, second: int) -> tuple[bytes, tuple[int, int, int], bytes]:
    has_second = not 0xC0 <= status < 0xE0
    values = (first, second)[: 1 + has_second]
    return bytes((status, *values)), (status, first, second * has_second), b""


def meta_event(kind: int, content: bytes) -> tuple[bytes, tuple[int, int, int], bytes]:
    return bytes((META, kind)) + quantity(len(content)) + content, (META, kind, 0), content


def sysex_event(status: int, content: bytes) -> tuple[bytes, tuple[int, int, int], bytes]:
    written = bytes((status,)) + quantity(len(content)) + content
    return written, (SYSEX, 0, 0), bytes((status,)) + content


notes = st.builds(channel_message, st.sampled_from([0x80, 0x90, 0x91]), data, data)
events = st.one_of(
    notes,
    notes,
    st.builds(channel_message, st.integers(0x80, 0xEF), data, data),
    st.builds(meta_event, st.integers(0, 127).filter(lambda kind: kind != smf.END_OF_TRACK), contents),
    st.builds(sysex_event, st.sampled_from([0xF0, 0xF7]), contents),
)
tracks = st.lists(st.tuples(deltas, events), max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.lists(tracks, min_size=1, max_size=3), st.booleans())
def test_the_events_are_those_that_were_written(made: list[list], is_running: bool) -> None:  # type: ignore[type-arg]
    written, columns, metas, sysex = [], [], [], []
    for number, events in enumerate(made):
        content, tick, before = b"", 0, -1
        for delta, (event, row, payload) in [*events, (5, meta_event(smf.END_OF_TRACK, b""))]:
            tick += delta
            is_same = is_running and row[0] == before
            content += quantity(delta) + event[is_same:]
            before = row[0] if row[0] < 0xF0 else -1
            if row[0] == META:
                metas.append((len(columns), number, row[1], payload))
            elif row[0] == SYSEX:
                sysex.append((len(columns), number, payload))
            columns.append((tick, number, *row))
        written.append(content)
    file = read_smf(midi_bytes(*written), "a.mid")
    assert columns == list(zip(*(column.tolist() for column in columns_of(file)), strict=True))
    assert (file.metas, file.sysex, file.tracks) == (metas, sysex, len(made))
    assert file.repairs.sentences() == ()


def columns_of(file: SmfFile) -> list[np.ndarray]:  # type: ignore[type-arg]
    events = file.events
    return [events.tick, events.track, events.status, events.first, events.second]


def facts(content: bytes) -> object:
    try:
        file = read_smf(content, "a.mid")
    except FormatError as error:
        return str(error)
    return [c.tolist() for c in columns_of(file)], file.metas, file.sysex, file.repairs.counts


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_runs_are_what_is_read_one_by_one(draw: st.DataObject) -> None:
    if draw.draw(st.booleans()):
        header = chunk("MThd", b"\0\1\0\1\1\xe0")
        frequent = st.sampled_from(b"\0\0\x10\x3c\x40\x81\x90\x90\x80\xb1\xc2\xd0\xff\xf0\xf7\x2f\x05\x03")
        content = header + chunk("MTrk", bytes(draw.draw(st.lists(frequent, max_size=60))))
    else:
        whole = bytearray(midi_to_bytes(make_song()))
        for place in draw.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
            whole[place] = draw.draw(st.integers(0, 255))
        content = bytes(whole[: draw.draw(st.integers(30, len(whole)))])
    in_runs = facts(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smf._Scanner, "_ordinary", lambda *_: 0)
        assert facts(content) == in_runs


def test_a_high_byte_before_an_event_is_not_of_its_delta() -> None:
    text, long_text = b"\xff\x05\x02\xc3\xa9", b"\xff\x05\x04\xd0\xb9\xd0\xb9"
    content = (
        b"\0\x90\x3c\x50" + b"\x05" + text + b"\x06\x80\x3c\x40" + b"\x07" + long_text + b"\x08\x90\x3e\x50"
    )
    file = read_smf(midi_bytes(content), "a.mid")
    assert np.diff(file.events.tick).tolist() == [5, 6, 7, 8, 0]


def test_a_delta_of_five_bytes_within_a_run_is_limited() -> None:
    content = b"\0\x90\x3c\x50" + b"\x81\x80\x80\x80\x05\x80\x3c\x40" + b"\x80\x80\x80\x80\x07\x90\x3e\x50"
    file = read_smf(midi_bytes(content), "a.mid")
    assert np.diff(file.events.tick).tolist() == [smf.MAX_DELTA, 7, 0]
    assert file.repairs.counts == {("delta", 1): 1}
