"""The meta events of a MIDI file -> tempos, meters, keys and texts.

A meter that misses a bar line by less than a tenth of a beat is moved to it. The texts of an MTrk without notes, and of
the only MTrk in format 0, are texts of the score; `lyrics` says which of them are words that are sung, and by whom.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ritornello.formats.lyrics import read_words
from ritornello.formats.smf import KEY, MARGIN, METER, TEMPO, TEXTS, SmfFile
from ritornello.score import Key, Meter, Tempo, Text

MAX_DENOMINATOR_POWER = 7  # a meter counts in notes down to 1/128
_PERSONS = ("composer", "lyricist")
_PERSON = re.compile(rf"({'|'.join(_PERSONS)}): (.*\S.*)", re.IGNORECASE | re.DOTALL)


class Metas:
    """What the meta events say: tempos, meters and keys by tick, texts and names by MTrk."""

    def __init__(self, file: SmfFile) -> None:
        self.file = file
        self.tempos: dict[int, Tempo] = {}
        self.meters: dict[int, Meter] = {}
        self.keys: dict[int, Key] = {}
        self.names: dict[int, Text] = {}
        self.texts: dict[int, list[Text]] = {}
        ticks = file.events.tick[[row for row, *_ in file.metas]].tolist()
        for tick, (_, track, kind, payload) in zip(ticks, file.metas, strict=True):
            self._read(kind, track, tick, payload)
        if file.microseconds_per_quarter:
            self.tempos = {0: Tempo(0, file.microseconds_per_quarter)}
        self.meters = self._on_bar_lines()
        names = {track: name.text for track, name in self.names.items()}
        self.sung_title = read_words(self.texts, names).strip(MARGIN)

    def _read(self, kind: int, track: int, tick: int, payload: bytes) -> None:
        """Read one meta event; a value out of range is ignored and counted as a repair."""
        if kind in TEXTS:
            if TEXTS[kind] == "name" and track not in self.names:
                self.names[track] = Text(tick, "name", self.file.name(payload))
            elif text := self.file.text(payload):
                self.texts.setdefault(track, []).append(_text(tick, TEXTS[kind], text))
        elif kind == TEMPO:
            micros = int.from_bytes(payload, "big")
            if self.file.microseconds_per_quarter:
                self.file.repairs.add("smpte tempo")
            elif len(payload) == 3 and micros:
                self.tempos[tick] = Tempo(tick, micros)
            else:
                self.file.repairs.add("tempo", track + 1)
        elif kind == METER:
            if len(payload) >= 2 and payload[0] and payload[1] <= MAX_DENOMINATOR_POWER:
                self.meters[tick] = Meter(tick, payload[0], 1 << payload[1])
            else:
                self.file.repairs.add("meter", track + 1)
        elif kind == KEY:
            fifths = int.from_bytes(payload[:1], "big", signed=True)
            if len(payload) >= 2 and -7 <= fifths <= 7 and payload[1] <= 1:
                self.keys[tick] = Key(tick, fifths, payload[1] == 1)
            else:
                self.file.repairs.add("key", track + 1)

    def _on_bar_lines(self) -> dict[int, Meter]:
        """Return the meters by tick, those moved that miss a bar line by less than a tenth of a beat."""
        result: dict[int, Meter] = {}
        before = Meter(0, 4, 4)
        for _, meter in sorted(self.meters.items()):
            bar = before.bar_ticks(self.file.ticks_per_quarter)
            late = (meter.tick - before.tick) % bar
            miss = late if late <= bar - late else late - bar
            beat = min(
                bar, self.file.ticks_per_quarter, 4 * self.file.ticks_per_quarter // before.denominator
            )
            is_near = 0 < 10 * abs(miss) < beat
            if is_near:
                self.file.repairs.add("off bar line")
            tick = max(before.tick, meter.tick - miss) if is_near else meter.tick
            before = result[tick] = replace(meter, tick=tick)
        return result

    def title(self, with_notes: set[int]) -> str:
        """Return the title that the words give, or the name of the first MTrk, unless it has notes (then it is that of
        an instrument)."""
        is_title = self.file.format == 0 or 0 not in with_notes
        return self.sung_title or (self.names[0].text if is_title and 0 in self.names else "")

    def name(self, track: int) -> str:
        return self.names[track].text if track in self.names and self.file.format else ""

    def track_texts(self, track: int) -> tuple[Text, ...]:
        """Return the texts of an MTrk that has notes, without those that concern the piece."""
        found = self.texts.get(track, ()) if self.file.format else ()
        return tuple(text for text in found if text.kind not in _PERSONS)

    def score_texts(self, with_notes: set[int]) -> list[Text]:
        """Return, in time order, the texts of the MTrks without notes without their lyrics, and their names except for
        the title; composers and lyricists of all."""
        silent = {n for n in range(self.file.tracks) if n not in with_notes or not self.file.format}
        texts = [
            text
            for track, found in sorted(self.texts.items())
            for text in found
            if text.kind in _PERSONS or (track in silent and text.kind != "lyric")
        ]
        texts += [self.names[n] for n in sorted(silent - {0}) if n in self.names and self.names[n].text]
        return sorted(texts, key=lambda text: text.tick)

    def words_apart(self, with_notes: set[int]) -> list[list[Text]]:
        """Return the lyrics of each MTrk without notes, and of the only one in format 0."""
        silent = [n for n in self.texts if n not in with_notes or not self.file.format]
        lyrics = [[text for text in self.texts[n] if text.kind == "lyric"] for n in sorted(silent)]
        return [found for found in lyrics if found]


def _text(tick: int, kind: str, text: str) -> Text:
    """Return a text; "Composer: X" and "Lyricist: X" are of these kinds, for which MIDI has no event."""
    if kind == "text" and (person := _PERSON.fullmatch(text)):
        return Text(tick, person[1].lower(), person[2].strip())
    return Text(tick, kind, text)
