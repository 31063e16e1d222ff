"""Standard MIDI Files <-> `Score`.

Conventions
-----------
- A score track is one instrument of one MTrk chunk: one program, or one drum kit, on one channel of one port.
- What is set on a channel holds for all tracks on it (`channels`): program, bank, pedal, volume, bend range.
- Notes end where a synthesiser would end them (`note_ends`).
- A program change without another program is kept as its bank select (controllers 0 and 32 in `Track.controls`).
- Texts are decoded together (`encodings`); words that are sung are lyrics of the track that they fit (`lyrics`).
- Repairs are listed in `Score.repairs`; any file with readable events is read.

`smf` handles bytes and damage, `metas` the meta events, `midi_writer` writing. Read in order: `parse_midi`, `_tracks`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np

from ritornello.arrays import run_edges, stable_order
from ritornello.formats.channels import (
    Groups,
    Indices,
    controls_of_groups,
    find_lines,
    find_settings,
    sounds_of_notes,
)
from ritornello.formats.lyrics import Singers, at_onsets
from ritornello.formats.metas import Metas
from ritornello.formats.midi_writer import midi_to_bytes, write_midi
from ritornello.formats.note_ends import find_notes
from ritornello.formats.smf import MAX_BYTES, Events, SmfFile, read_smf
from ritornello.paths import Source, name_of, read_bytes
from ritornello.score import NOTE, Notes, Score, Text, Track

__all__ = ["midi_to_bytes", "parse_midi", "read_midi", "write_midi"]


def read_midi(source: Source) -> Score:
    """Read a MIDI file (see `parse_midi`); raise FileError if it cannot be read at all."""
    return parse_midi(read_bytes(source, limit=MAX_BYTES), name_of(source))


def parse_midi(data: bytes, name: str = "MIDI data") -> Score:
    """Return the score of the bytes of a MIDI file (also RMID, gzip-compressed, or damaged).

    Raise FormatError, with `name` for the file, if it cannot be read at all.
    """
    file = read_smf(data, name)
    metas = Metas(file)
    times = Score(file.ticks_per_quarter, tempos=tuple(metas.tempos[tick] for tick in sorted(metas.tempos)))
    numbers, tracks = _tracks(file, metas, times)
    with_notes = set(numbers)
    texts = metas.score_texts(with_notes)
    apart = metas.words_apart(with_notes)
    singers = Singers(tracks, file.ticks_per_quarter) if apart and tracks else None
    for lyrics in apart:
        index = singers.take(lyrics) if singers else None
        if index is None:
            texts = sorted([*texts, *lyrics], key=lambda text: text.tick)
        else:
            tracks[index] = _with_lyrics(
                tracks[index], at_onsets(lyrics, tracks[index], file.ticks_per_quarter)
            )
    return replace(
        times,
        tracks=tuple(tracks),
        meters=tuple(metas.meters[tick] for tick in sorted(metas.meters)),
        keys=tuple(metas.keys[tick] for tick in sorted(metas.keys)),
        texts=tuple(texts),
        title=metas.title(with_notes),
        repairs=file.repairs.sentences(),
    )


def _tracks(file: SmfFile, metas: Metas, times: Score) -> tuple[list[int], list[Track]]:
    """Return the number of the MTrk of every score track, and the score tracks."""
    events = file.events
    lines = find_lines(file)
    on_rows, ends = find_notes(events, lines, file.tracks, times, file.repairs)
    if not len(on_rows):
        return [], []
    settings = find_settings(file, lines)
    parts = run_edges(events.track[on_rows] * (int(lines.max()) + 1) + lines[on_rows])
    programs, is_drum, since = sounds_of_notes(events, lines, settings, on_rows, parts)
    # A group is a future score track: (MTrk and line, program, drums) in one number.
    groups = np.repeat(np.arange(len(parts) - 1) << 8, parts[1:] - parts[:-1]) | programs << 1 | is_drum
    order = _order(events, on_rows, ends, groups)
    on_rows, ends = on_rows[order], ends[order]
    notes = _notes(events, on_rows, ends)
    edges = run_edges(groups[order])
    begins, lengths = edges[:-1], edges[1:] - edges[:-1]
    # The note of each group that comes first in the file.
    firsts = np.flatnonzero(on_rows == np.repeat(np.minimum.reduceat(on_rows, begins), lengths))
    heard = Groups(
        lines[on_rows[firsts]],
        programs[order[firsts]],
        is_drum[order[firsts]],
        since[order[firsts]],
        first=notes["start"][begins],
        last=notes["start"][edges[1:] - 1],
        end=np.maximum.reduceat(ends, begins),
    )
    controls = controls_of_groups(events, lines, settings, heard)
    numbers = events.track[on_rows[firsts]].tolist()
    spans = [notes[begin:end] for begin, end in pairwise(edges.tolist())]
    columns = (numbers, spans, heard.program.tolist(), heard.is_drum.tolist(), controls)
    tracks = [
        Track(rows, program, bool(drums), metas.name(number), own)
        for number, rows, program, drums, own in zip(*columns, strict=True)
    ]
    for number, indices in groupby(range(len(tracks)), key=lambda index: numbers[index]):
        if texts := metas.track_texts(number):
            _give_texts(tracks, list(indices), texts, file.ticks_per_quarter)
    return numbers, tracks


def _give_texts(
    tracks: list[Track], indices: list[int], texts: tuple[Text, ...], ticks_per_quarter: int
) -> None:
    """Give the texts of an MTrk to the first of its score tracks, its lyrics to the one that they fit best."""
    first = singer = indices[0]
    lyrics = [text for text in texts if text.kind == "lyric"]
    if lyrics and len(indices) > 1:
        found = Singers([tracks[index] for index in indices], ticks_per_quarter).take(lyrics)
        singer = first if found is None else indices[found]
    if singer == first:
        tracks[first] = replace(tracks[first], texts=texts)
    else:
        others = tuple(text for text in texts if text.kind != "lyric")
        tracks[first] = replace(tracks[first], texts=others)
        tracks[singer] = replace(tracks[singer], texts=tuple(lyrics))


def _with_lyrics(track: Track, lyrics: list[Text]) -> Track:
    return replace(track, texts=tuple(sorted([*track.texts, *lyrics], key=lambda text: text.tick)))


def _notes(events: Events, on_rows: Indices, ends: Indices) -> Notes:
    notes = np.empty(len(on_rows), dtype=NOTE)
    notes["start"] = events.tick[on_rows]
    notes["duration"] = ends - notes["start"]
    notes["pitch"] = events.first[on_rows]
    notes["velocity"] = events.second[on_rows]
    return notes


def _order(events: Events, on_rows: Indices, ends: Indices, groups: Indices) -> Indices:
    """Return the order of the notes by group, and in it as in a track; they come sorted by pitch."""
    order = stable_order(groups, events.tick[on_rows])
    rows = on_rows[order]
    tick, pitch, group = events.tick[rows], events.first[rows], groups[order]
    is_same = (tick[1:] == tick[:-1]) & (pitch[1:] == pitch[:-1]) & (group[1:] == group[:-1])
    if is_same.any():  # the ends and velocities decide
        alike = np.cumsum(np.append(True, ~is_same))
        doubled = np.flatnonzero(np.append(is_same, False) | np.append(False, is_same))
        notes = order[doubled]
        order[doubled] = notes[np.lexsort((events.second[rows[doubled]], ends[notes], alike[doubled]))]
    return order
