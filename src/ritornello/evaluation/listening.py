"""Blind comparison by listeners: a page that plays real and composed pieces in pairs, and what their answers say.

Nothing but the music tells which is which: both pieces of a pair are read through the model's representation, begin
alike, have one tempo, loudness levels of one kind, one length to the sample, one encoding of constant bit rate, and no
names. What is composed comes first or second at random. The page has the answers, but not in readable form, and does
not show them before the last pair is rated.

Read in order: `pairs_of`, `listening_page`, then `read_ratings` and `Verdict`.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ritornello.errors import ConfigError, FormatError, counted
from ritornello.evaluation.features import beginning
from ritornello.paths import read_bytes
from ritornello.rendering.audio import Samples, render_audio
from ritornello.score import Score, Tempo, Track

RATE = 44_100
FADE_SECONDS = 1.5
LONGEST_SECONDS = 40
"""Longer beginnings are cut, so that a listener has patience for all pairs."""

FIELDS = ("page", "pair", "composed", "chosen", "liked", "known")
"""The columns of the ratings: A or B, and for `liked` also "both"; for `known`, yes or no."""

NORMAL = 1.96
"""Standard deviations that 95 % of a normal distribution are within."""


class Pair(NamedTuple):
    """Two beginnings that differ in nothing but the music; `composed` says which is composed, 0 or 1."""

    scores: tuple[Score, Score]
    composed: int


def pairs_of(
    real: Sequence[Score], composed: Sequence[Score], bars: int, random: np.random.Generator
) -> list[Pair]:
    """Return pairs in random order; composed piece n is like real piece n.

    ConfigError if their numbers differ, there are none, or one has no notes.
    """
    if len(real) != len(composed) or not real:
        raise ConfigError(f"{len(real)} real and {len(composed)} composed pieces: as many of both are needed")
    pairs = []
    for number in random.permutation(len(real)).tolist():
        both = [_bare(beginning(scores[number], bars)) for scores in (real, composed)]
        if not all(score.note_count for score in both):
            raise ConfigError(f"pair {number + 1}: a piece without notes cannot be compared by ear")
        levels = [
            np.unique(np.concatenate([track.notes["velocity"] for track in score.tracks])) for score in both
        ]
        if min(map(len, levels)) == 1:  # one of them has no dynamics: then neither has
            both = [_levelled(score, int(levels[0][-1])) for score in both]
        tempo = next(iter(real[number].tempos), Tempo.from_quarters_per_minute(0, 120))
        same = [replace(score, tempos=(replace(tempo, tick=0),)) for score in both]
        first = int(random.integers(2))
        pairs.append(Pair((same[first], same[1 - first]), 1 - first))
    return pairs


def _bare(score: Score) -> Score:
    """Return the notes of a piece with their instruments, and nothing else."""
    tracks = tuple(
        Track(track.notes, track.program, track.is_drum) for track in score.tracks if len(track.notes)
    )
    return Score(score.ticks_per_quarter, tracks, meters=score.meters)


def _levelled(score: Score, velocity: int) -> Score:
    tracks = []
    for track in score.tracks:
        notes = track.notes.copy()
        notes["velocity"] = velocity
        tracks.append(replace(track, notes=notes))
    return replace(score, tracks=tuple(tracks))


def listening_page(pairs: Sequence[Pair], progress: Callable[[str, int, int], None] | None = None) -> str:
    """Return the page, which needs no network. Its ratings have a name that tells it from others."""
    sounds = []
    for number, pair in enumerate(pairs):
        sounds.append([base64.b64encode(sound).decode("ascii") for sound in _encoded(pair)])
        if progress:
            progress("rendering", number + 1, len(pairs))
    answers = base64.b64encode("".join("AB"[pair.composed] for pair in pairs).encode()).decode("ascii")
    name = blake2b(
        b"".join(score.all_notes().tobytes() for pair in pairs for score in pair.scores), digest_size=4
    )
    template = Path(__file__).with_name("listening.html").read_text(encoding="utf-8")
    data = json.dumps({"name": name.hexdigest(), "answers": answers, "sounds": sounds}).replace(
        "<", "\\u003c"
    )
    return template.replace('"DATA"', data)


def _encoded(pair: Pair) -> list[bytes]:
    """Return both pieces as MP3, as long as the shorter one, faded out at the end."""
    sounds = [render_audio(score, RATE) for score in pair.scores]
    frames = min(LONGEST_SECONDS * RATE, *map(len, sounds))
    fade = np.ones((frames, 1), dtype=np.float32)
    last = min(frames, int(FADE_SECONDS * RATE))
    fade[frames - last :, 0] = np.linspace(1, 0, last)
    return [_mp3(sound[:frames] * fade) for sound in sounds]


def _mp3(samples: Samples) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        samples,
        RATE,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=0.7,
    )
    return buffer.getvalue()


class Rating(NamedTuple):
    """What a listener said of a pair: which piece is composed, which one the listener chose as that, and which one was
    liked better ("both" for neither). A pair of which a piece was known does not count."""

    page: str
    pair: int
    composed: str
    chosen: str
    liked: str
    known: bool


def read_ratings(path: Path) -> list[Rating]:
    """Return the ratings in a CSV file; FormatError if it is none that the page wrote."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: it is no text in UTF-8") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or tuple(rows[0]) != FIELDS:
        raise FormatError(f"{path}: no ratings; their first line is {','.join(FIELDS)}")
    ratings = []
    for line, row in enumerate(rows, start=2):
        allowed = {"composed": "AB", "chosen": "AB", "liked": ("A", "B", "both"), "known": ("yes", "no")}
        for field, values in allowed.items():
            if row[field] not in tuple(values):
                raise FormatError(
                    f"{path}, line {line}: {field} is {row[field]!r}; allowed are {', '.join(values)}"
                )
        if not str(row["pair"]).isdecimal():
            raise FormatError(f"{path}, line {line}: pair is {row['pair']!r}; allowed are numbers")
        ratings.append(
            Rating(
                row["page"],
                int(row["pair"]),
                row["composed"],
                row["chosen"],
                row["liked"],
                row["known"] == "yes",
            )
        )
    return ratings


@dataclass(frozen=True)
class Verdict:
    """How often listeners told composed from real: `right` of `rated` pairs; of those where one piece was liked better,
    in how many the composed one was. `known` pairs are left out."""

    right: int
    rated: int
    liked_composed: int
    liked: int
    known: int

    @property
    def text(self) -> str:
        """The verdict in words."""
        told = (
            f"told apart in {self.right} of {counted(self.rated, 'pair')}{_percent(self.right, self.rated)}"
        )
        lines = [f"{told}; a guess is 50 %"]
        if self.liked:
            share = _percent(self.liked_composed, self.liked)
            lines.append(f"the composed one liked better in {self.liked_composed} of {self.liked}{share}")
        if self.known:
            lines.append(f"left out: {counted(self.known, 'pair')} with a piece that was known")
        return "\n".join(lines)


def verdict_of(ratings: Iterable[Rating]) -> Verdict:
    """Return what ratings say together."""
    every = list(ratings)
    rated = [each for each in every if not each.known]
    liked = [each for each in rated if each.liked != "both"]
    return Verdict(
        sum(each.chosen == each.composed for each in rated),
        len(rated),
        sum(each.liked == each.composed for each in liked),
        len(liked),
        len(every) - len(rated),
    )


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, 0 to 1 (Wilson 1927); all of it for a count of 0."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, NORMAL**2 / count
    middle = (share + square / 2) / (1 + square)
    half = NORMAL / (1 + square) * float(np.sqrt(share * (1 - share) / count + square / (4 * count)))
    return middle - half, middle + half


def _percent(right: int, count: int) -> str:
    """Return a share with its interval; nothing of nothing."""
    low, high = (round(100 * limit) for limit in interval(right, count))
    return f": {100 * right / count:.0f} % (95 % interval {low} to {high} %)" if count else ""
