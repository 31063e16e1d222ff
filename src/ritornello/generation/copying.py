"""`NoCopy`, a constraint: no run of notes longer than asked for that the training music has too (`originality`).

It follows the notes of each voice, and looks up which notes would make its last run, and one more, a copy. That needs
grammar states that tell notes in the order in which they stand in a track, each at its own time; representations
whose do
say `tells_notes_in_order`. Judged is what the model chooses: a run begins anew after notes that were given, those of a
primer, and drums are free.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ritornello.originality import LONGEST_WAIT, STEPS_PER_QUARTER, Index, step_between
from ritornello.representations.base import GrammarState, Representation, drum_voices, note_ids
from ritornello.runs import Hashes, first_bits, hash_run, run_hashes


class Continuations:
    """How each run of so many notes of the index goes on."""

    def __init__(self, index: Index, notes: int) -> None:
        self.steps_before = notes - 1
        whole = index.within_lines(notes)  # runs of that many notes and one more
        self._hashes: Hashes = run_hashes(index.sums, self.steps_before)[: len(whole)][whole]
        self._next = index.steps[self.steps_before :][: len(whole)][whole]
        # In order of their first 16 bits only: a fifth of the time of sorting them, which every call would wait for.
        bits = first_bits(self._hashes)
        self._order = np.argsort(bits, kind="stable")
        self._ends = np.cumsum(np.bincount(bits, minlength=1 << 16))

    def __deepcopy__(self, memo: Any) -> Continuations:
        return self  # never changes: pieces that fork share it

    def after(self, steps: list[int]) -> set[int]:
        """Return the steps that follow this run of `steps_before` steps, somewhere in the index."""
        wanted = np.array(hash_run(steps), dtype=np.uint64)
        bits = int(first_bits(wanted))
        runs = self._order[self._ends[bits - 1] if bits else 0 : self._ends[bits]]
        return set(self._next[runs[self._hashes[runs] == wanted]].tolist())


@dataclass
class VoiceLine:
    """The last notes of a voice: the steps between them, and where it is. Times are in steps of `originality`."""

    onset: int
    pitch: int
    steps: list[int] = field(default_factory=list)
    copied: set[int] = field(default_factory=set)  # steps that would make it a copy


class NoCopy:
    """Forbids the note that would make a voice's last run of notes one longer than may be copied."""

    wish = "max_copy"

    def __init__(self, representation: Representation, continuations: Continuations) -> None:
        self._note_ids = partial(note_ids, representation)
        self._drums = drum_voices(representation)
        self._continuations = continuations
        self._now = 0
        self._chosen = False  # whether the next id is: then `forbidden` has been asked
        self.lines: dict[int, VoiceLine] = {}

    def observe(self, grammar: GrammarState) -> None:
        if grammar.last_note is not None:
            self._follow(*grammar.last_note)
        self._now, self._chosen = _steps(grammar.quarters), False

    def _follow(self, voice: int, pitch: int) -> None:
        if not self._chosen:
            self.lines.pop(voice, None)
        elif voice in self.lines:
            self._extend(self.lines[voice], pitch)
        elif voice not in self._drums:
            self.lines[voice] = VoiceLine(self._now, pitch)

    def _extend(self, line: VoiceLine, pitch: int) -> None:
        count = self._continuations.steps_before
        line.steps.append(step_between(self._now - line.onset, pitch - line.pitch))
        del line.steps[:-count]
        line.onset, line.pitch = self._now, pitch
        line.copied = self._continuations.after(line.steps) if len(line.steps) == count else set()

    def forbidden(self, grammar: GrammarState) -> list[int]:
        self._chosen, now = True, _steps(grammar.quarters)
        found: list[int] = []
        for voice, line in self.lines.items():
            wait = min(now - line.onset, LONGEST_WAIT)
            for step in line.copied:
                if step // 256 == wait:
                    found += self._note_ids(voice, line.pitch + step % 256 - 128)
        return found


def _steps(quarters: float) -> int:
    return int(quarters * STEPS_PER_QUARTER + 0.5)
