"""A REAPER project that a script may work on: the functions of ReaScript over plain Python objects.

`reascript.txt` has their signatures as REAPER's documentation has them. Each call is checked against its signature:
a function that is not there, a wrong number or type of arguments, and a wrong number or type of results fail.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[2] / "integrations" / "reaper"
_TYPES = {"number": (int, float), "integer": int, "boolean": bool, "string": str, "ReaProject": int}


@dataclass
class Note:
    """As MIDI_GetNote has it: ticks of the take, channel from 0."""

    start: float
    stop: float
    pitch: int
    velocity: int = 80
    channel: int = 0
    muted: bool = False
    selected: bool = False


@dataclass
class Take:
    notes: list[Note] = field(default_factory=list)
    controls: list[tuple[float, int, int, int, int]] = field(
        default_factory=list
    )  # as MIDI_GetCC after muted
    ppq: int = 960
    is_midi: bool = True
    item: Any = None


@dataclass
class Item:
    """`start` and `stop` in seconds of the project; the take's tick 0 is at `start`."""

    start: float
    stop: float
    take: Take | None
    track: Any = None


@dataclass
class Track:
    name: str
    items: list[Item] = field(default_factory=list)


@dataclass
class Editor:
    take: Take


@dataclass(frozen=True)
class Bar:
    """Its beginning and end in quarter notes."""

    start: float
    stop: float
    numerator: int = 4
    denominator: int = 4
    bpm: float = 120.0


class Signature:
    """A line of the documentation, such as `boolean retval, string buf = reaper.GetTrackName(MediaTrack track)`."""

    def __init__(self, line: str) -> None:
        matched = re.fullmatch(r"(?:(?P<results>[^=]*) = )?reaper\.(?P<name>\w+)\((?P<arguments>.*)\)", line)
        assert matched, line
        self.name = matched["name"]
        self.arguments = [each.split() for each in matched["arguments"].split(", ") if each]
        self.results = [each.split() for each in (matched["results"] or "").split(", ") if each]

    def check(self, values: tuple[Any, ...], declared: list[list[str]]) -> None:
        needed = sum(words[0] != "optional" for words in declared)
        assert needed <= len(values) <= len(declared), f"{self.name}: {values} for {declared}"
        for value, words in zip(values, declared, strict=False):
            kind = words[1] if words[0] == "optional" else words[0]
            allowed = _TYPES.get(kind, (Track, Item, Take, Editor, type(None)))
            right = isinstance(value, allowed) and (kind == "boolean" or not isinstance(value, bool))
            assert right or (value is None and words[0] == "optional"), f"{self.name}: {value!r} for {words}"


class Project:
    """`selection` in seconds; `inputs` are what the user enters, by label, or None for Cancel."""

    def __init__(self, folder: Path, bars: list[Bar], system: str = "Other") -> None:
        self.folder, self.bars, self.system = folder, bars, system
        self.tracks: list[Track] = []
        self.selected: list[Item] = []
        self.selection = (0.0, 0.0)
        self.editor: Editor | None = None
        self.inputs: dict[str, str] | None = {}
        self.asked: dict[str, str] = {}
        self.answer = 1  # the button of a message box: 1 is OK, 2 Cancel
        self.messages: list[str] = []
        self.kept: dict[tuple[str, str], str] = {}
        self.undo_points: list[str] = []
        self.depth = self.hidden = 0
        self.changes: list[int] = []  # the depth of undo blocks at each change
        self.script = ""

    def add(self, name: str, notes: list[Note], start: float, stop: float, ppq: int = 960) -> Item:
        """Add a track with a MIDI item from `start` to `stop` in seconds; the item is selected."""
        item = Item(start, stop, Take(notes, ppq=ppq), Track(name))
        assert item.take
        item.take.item = item
        item.track.items.append(item)
        self.tracks.append(item.track)
        self.selected.append(item)
        return item

    def run(self, verb: str, version: str) -> None:
        """Run the script of a verb in a Lua of REAPER: lua53 (up to REAPER 6) or lua54 (7)."""
        module = __import__(f"lupa.{version}", fromlist=["LuaRuntime"])
        lua = module.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
        table = lua.table()
        for line in (Path(__file__).parent / "reascript.txt").read_text().splitlines():
            signature = Signature(line)
            table[signature.name] = self._checked(signature, getattr(self, signature.name))
        lua.globals().reaper = table
        self.script = str(SCRIPTS / f"ritornello_{verb}.lua")
        lua.globals().dofile(self.script)

    def _checked(self, signature: Signature, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            signature.check(values, signature.arguments)
            result = function(*values)
            results = result if isinstance(result, tuple) else (result,) if signature.results else ()
            signature.check(results, signature.results)
            return result

        return call

    # Time: one bar after another, each with its tempo.

    def TimeMap2_QNToTime(self, project: int, qn: float) -> float:
        time = 0.0
        for bar in self.bars:
            time += (min(qn, bar.stop) - bar.start) * 60 / bar.bpm
            if qn <= bar.stop:
                return time
        return time + (qn - self.bars[-1].stop) * 60 / self.bars[-1].bpm

    def TimeMap2_timeToQN(self, project: int, time: float) -> float:
        for bar in self.bars:
            seconds = (bar.stop - bar.start) * 60 / bar.bpm
            if time <= seconds:
                return bar.start + time * bar.bpm / 60
            time -= seconds
        return self.bars[-1].stop + time * self.bars[-1].bpm / 60

    def _bar(self, qn: float) -> tuple[int, Bar]:
        return next((n, bar) for n, bar in enumerate(self.bars, start=1) if bar.start <= qn < bar.stop)

    def TimeMap_QNToMeasures(self, project: int, qn: float) -> tuple[int, float, float]:
        number, bar = self._bar(qn)
        return number, bar.start, bar.stop

    def TimeMap_GetTimeSigAtTime(self, project: int, time: float) -> tuple[int, int, float]:
        _, bar = self._bar(self.TimeMap2_timeToQN(0, time))
        return bar.numerator, bar.denominator, bar.bpm

    def format_timestr_pos(self, time: float, buffer: str, mode: int) -> str:
        assert mode == 2
        qn = self.TimeMap2_timeToQN(0, time + 1e-9)
        if qn >= self.bars[-1].stop:
            return f"{len(self.bars) + 1}.1.00"
        number, bar = self._bar(qn)
        beat = (qn - bar.start) * bar.denominator / 4
        return f"{number}.{int(beat) + 1}.{int(beat % 1 * 100):02}"

    def GetSet_LoopTimeRange(
        self, is_set: bool, is_loop: bool, start: float, end: float, seek: bool
    ) -> tuple[float, float]:
        assert not is_set
        return self.selection

    # Items and takes.

    def CountSelectedMediaItems(self, project: int) -> int:
        return len(self.selected)

    def GetSelectedMediaItem(self, project: int, index: int) -> Item:
        return self.selected[index]

    def GetActiveTake(self, item: Item) -> Take | None:
        return item.take

    def TakeIsMIDI(self, take: Take) -> bool:
        return take.is_midi

    def GetMediaItemTake_Item(self, take: Take) -> Item:
        return take.item

    def GetMediaItemInfo_Value(self, item: Item, name: str) -> float:
        return {"D_POSITION": item.start, "D_LENGTH": item.stop - item.start}[name]

    def GetMediaItem_Track(self, item: Item) -> Track:
        return item.track

    def MIDIEditor_GetActive(self) -> Editor | None:
        return self.editor

    def MIDIEditor_GetTake(self, editor: Editor) -> Take:
        return editor.take

    def GetTrackName(self, track: Track) -> tuple[bool, str]:
        return True, track.name

    def CountTracks(self, project: int) -> int:
        return len(self.tracks)

    def GetTrack(self, project: int, index: int) -> Track:
        return self.tracks[index]

    def InsertTrackAtIndex(self, index: int, wants_defaults: bool) -> None:
        self._changed()
        self.tracks.insert(index, Track(""))

    def GetSetMediaTrackInfo_String(
        self, track: Track, name: str, text: str, is_set: bool
    ) -> tuple[bool, str]:
        assert name == "P_NAME"
        if is_set:
            self._changed()
            track.name = text
        return True, track.name

    def CreateNewMIDIItemInProj(self, track: Track, start: float, end: float, in_qn: bool = False) -> Item:
        self._changed()
        if in_qn:
            start, end = (self.TimeMap2_QNToTime(0, each) for each in (start, end))
        item = Item(start, end, Take(), track)
        assert item.take
        item.take.item = item
        track.items.append(item)
        return item

    # MIDI.

    def MIDI_CountEvts(self, take: Take) -> tuple[int, int, int, int]:
        return len(take.notes) + len(take.controls), len(take.notes), len(take.controls), 0

    def MIDI_GetNote(self, take: Take, index: int) -> tuple[bool, bool, bool, float, float, int, int, int]:
        n = take.notes[index]
        return True, n.selected, n.muted, float(n.start), float(n.stop), n.channel, n.pitch, n.velocity

    def MIDI_DeleteNote(self, take: Take, index: int) -> bool:
        self._changed()
        del take.notes[index]
        return True

    def MIDI_InsertNote(
        self,
        take: Take,
        selected: bool,
        muted: bool,
        start: float,
        stop: float,
        channel: int,
        pitch: int,
        velocity: int,
        no_sort: bool = False,
    ) -> bool:
        self._changed()
        assert 0 <= start < stop
        assert 0 <= channel < 16
        assert 0 <= pitch < 128
        assert 0 < velocity < 128
        take.notes.append(Note(round(start), round(stop), pitch, velocity, channel, muted, selected))
        return True

    def MIDI_Sort(self, take: Take) -> None:
        take.notes.sort(key=lambda note: note.start)

    def MIDI_GetCC(self, take: Take, index: int) -> tuple[bool, bool, bool, float, int, int, int, int]:
        return True, False, False, *take.controls[index]

    def MIDI_InsertCC(
        self,
        take: Take,
        selected: bool,
        muted: bool,
        ppq: float,
        kind: int,
        channel: int,
        first: int,
        second: int,
    ) -> bool:
        self._changed()
        take.controls.append((ppq, kind, channel, first, second))
        return True

    def MIDI_GetPPQPosFromProjQN(self, take: Take, qn: float) -> float:
        return (qn - self.TimeMap2_timeToQN(0, take.item.start)) * take.ppq

    def MIDI_GetProjQNFromPPQPos(self, take: Take, ppq: float) -> float:
        return self.TimeMap2_timeToQN(0, take.item.start) + ppq / take.ppq

    # The program around the project.

    def GetOS(self) -> str:
        return self.system

    def GetResourcePath(self) -> str:
        return str(self.folder)

    def get_action_context(self) -> tuple[bool, str, int, int, int, int, int]:
        return True, self.script, 0, 1, -1, -1, -1

    def ShowMessageBox(self, message: str, title: str, kind: int) -> int:
        self.messages.append(message)
        return self.answer if kind == 1 else 1

    def GetUserInputs(self, title: str, count: int, captions: str, values: str) -> tuple[bool, str]:
        labels = captions.split(",")
        assert labels[count:] == ["extrawidth=160", "separator=\n"]
        self.asked = dict(zip(labels[:count], values.split("\n"), strict=True))
        if self.inputs is None:
            return False, values
        assert self.inputs.keys() <= self.asked.keys()
        return True, "\n".join((self.asked | self.inputs).values())

    def GetExtState(self, section: str, key: str) -> str:
        return self.kept.get((section, key), "")

    def SetExtState(self, section: str, key: str, value: str, persist: bool) -> None:
        self.kept[section, key] = value

    def ExecProcess(self, command: str, milliseconds: int) -> str | None:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        return f"{done.returncode}\n{done.stdout}"

    def Undo_BeginBlock(self) -> None:
        self.depth += 1

    def Undo_EndBlock(self, name: str, flags: int) -> None:
        self.depth -= 1
        assert flags == -1
        self.undo_points.append(name)

    def PreventUIRefresh(self, count: int) -> None:
        self.hidden += count

    def UpdateArrange(self) -> None:
        assert self.depth == self.hidden == 0

    def _changed(self) -> None:
        self.changes.append(self.depth)


def bars_of(*lengths: tuple[int, int], bpm: float = 120.0) -> list[Bar]:
    """Return bars of these time signatures, one after another."""
    starts = [0.0]
    for numerator, denominator in lengths:
        starts.append(starts[-1] + 4 * numerator / denominator)
    spans = zip(pairwise(starts), lengths, strict=True)
    return [Bar(start, stop, *length, bpm) for (start, stop), length in spans]
