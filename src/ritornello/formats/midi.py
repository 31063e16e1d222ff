"""Standard MIDI Files <-> `Score`.

Conventions
-----------
- A score track is one instrument of one MTrk chunk: one program, or one drum kit, on one channel of one port.
- What is set on a channel holds for all tracks on it: program and bank (`channels`), pedal, volume and bend range
  (`channel_controls`).
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
from ritornello.formats.channel_controls import Groups, controls_of_groups
from ritornello.formats.channels import Indices, find_lines, find_settings, sounds_of_notes
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


def parse_midi(data: bytes, name: str = "MIDI data", most: int = MAX_BYTES) -> Score:
    """Return the score of the bytes of a MIDI file (also RMID, gzip-compressed, or damaged).

    Raise FormatError, with `name` for the file, if it cannot be read at all, or has more than `most` bytes unpacked.
    """
    file = read_smf(data, name, most)
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
    parts = events.track[on_rows] * (int(lines.max()) + 1) + lines[on_rows]  # MTrk and line
    order = stable_order(parts, _moments(events)[on_rows])
    on_rows, ends, edges = on_rows[order], ends[order], run_edges(parts[order])
    sounds = sounds_of_notes(events, lines, settings, on_rows, edges)
    # A group is a future score track: (MTrk and line, program, drums) in one number.
    groups = np.repeat(np.arange(len(edges) - 1) << 8, edges[1:] - edges[:-1]) | sounds[0] << 1 | sounds[1]
    if (groups[1:] < groups[:-1]).any():
        order = stable_order(groups)
        on_rows, ends, sounds, groups = on_rows[order], ends[order], sounds[:, order], groups[order]
    edges = run_edges(groups)
    # The note of each group that comes first in the file.
    firsts = np.repeat(np.minimum.reduceat(on_rows, edges[:-1]), edges[1:] - edges[:-1]) == on_rows
    rows_of_firsts, (program, is_drum, since) = on_rows[firsts], sounds[:, firsts]
    _sort_unisons(events, on_rows, ends, groups)
    notes = _notes(events, on_rows, ends)
    begins = notes["start"][edges[:-1]], notes["start"][edges[1:] - 1]
    heard = Groups(
        lines[rows_of_firsts], program, is_drum, since, *begins, np.maximum.reduceat(ends, edges[:-1])
    )
    controls = controls_of_groups(events, lines, settings, heard)
    numbers = events.track[rows_of_firsts].tolist()
    spans = [notes[begin:end] for begin, end in pairwise(edges.tolist())]
    columns = (numbers, spans, program.tolist(), is_drum.tolist(), controls)
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


def _moments(events: Events) -> Indices:
    """Return a number for each event: the same for those of an MTrk at one tick, and later ones are greater."""
    changes = (events.tick[1:] != events.tick[:-1]) | (events.track[1:] != events.track[:-1])
    return np.concatenate(([0], np.cumsum(changes)))


def _sort_unisons(events: Events, on_rows: Indices, ends: Indices, groups: Indices) -> None:
    """Sort notes of one group, tick and pitch, which are neighbours, by end and velocity."""
    tick, pitch = events.tick[on_rows], events.first[on_rows]
    is_same = (tick[1:] == tick[:-1]) & (pitch[1:] == pitch[:-1]) & (groups[1:] == groups[:-1])
    if is_same.any():
        unison = np.cumsum(np.append(True, ~is_same))
        places = np.flatnonzero(np.append(is_same, False) | np.append(False, is_same))
        rows = on_rows[places]
        order = np.lexsort((events.second[rows], ends[places], unison[places]))
        on_rows[places], ends[places] = rows[order], ends[places[order]]
