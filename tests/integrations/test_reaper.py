"""The REAPER scripts in the Lua of REAPER, on a project of documented functions, with a real service."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from reaper_project import Editor, Note, Project, Take, bars_of

pytestmark = [
    pytest.mark.parametrize("lua", ["lua53", "lua54"]),
    pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="the scripts call /usr/bin/curl"),
]

PPQ = 960


@pytest.fixture
def project(tmp_path: Path, service: str) -> Project:
    """Eight bars of 4/4 at 120, and a melody in the bars 3 to 6, each quarter another note."""
    project = Project(tmp_path, bars_of(*[(4, 4)] * 8))
    melody = [Note(n * PPQ, (n + 1) * PPQ - 10, 60 + n % 7, 70 + n) for n in range(16)]
    project.add("Lead", melody, 4.0, 12.0)
    project.inputs = {"Server": service, "Model": "tiny", "Seed (empty: any)": "7"}
    return project


def notes_of(project: Project, track: int = 0) -> list[Note]:
    take = project.tracks[track].items[0].take
    assert take
    return copy.deepcopy(take.notes)


def outside(notes: list[Note], start: int, stop: int) -> list[Note]:
    return [note for note in notes if not start <= note.start < stop]


def test_infill_changes_the_selected_bars_alone(project: Project, lua: str) -> None:
    project.selection = (6.0, 10.0)  # the bars 4 and 5, the second and third of the item
    notes_of(project)[3].selected = True
    before = notes_of(project)
    project.run("infill", lua)
    after = notes_of(project)
    assert not project.messages
    assert outside(after, 4 * PPQ, 12 * PPQ) == outside(before, 4 * PPQ, 12 * PPQ)
    inside = [note for note in after if 4 * PPQ <= note.start < 12 * PPQ]
    assert inside
    assert inside != before[4:12]
    assert project.undo_points == ["Ritornello: infill"]
    assert set(project.changes) == {1}  # all of them in that one block


def test_the_same_seed_makes_the_same_notes(project: Project, lua: str) -> None:
    project.selection = (6.0, 10.0)
    before = notes_of(project)
    made = []
    for seed in ("7", "7", "8"):
        project.tracks[0].items[0].take.notes = copy.deepcopy(before)
        assert project.inputs is not None
        project.inputs["Seed (empty: any)"] = seed
        project.run("infill", lua)
        made.append(notes_of(project))
    assert made[0] == made[1] != made[2]


def test_half_bars_are_asked_about(project: Project, lua: str) -> None:
    project.selection, project.answer = (6.5, 9.0), 2
    before = notes_of(project)
    project.run("infill", lua)
    assert project.messages == [
        "The time selection is not whole bars of the item. Compose 4.1.00 to 6.1.00 anew?"
    ]
    assert notes_of(project) == before
    assert not project.undo_points
    project.answer = 1
    project.run("infill", lua)
    assert outside(notes_of(project), 4 * PPQ, 12 * PPQ) == outside(before, 4 * PPQ, 12 * PPQ)
    assert notes_of(project) != before


def test_meter_tempo_and_resolution_are_those_of_the_project(
    tmp_path: Path, service: str, lua: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two bars of 3/4, one of 4/4 that the next meter cuts after two quarters, two of 6/8; the last two are faster.
    bars = bars_of((3, 4), (3, 4), (2, 4), (6, 8), (6, 8))
    bars[2] = replace(bars[2], numerator=4)
    bars[3:] = [replace(bar, bpm=180.0) for bar in bars[3:]]
    project = Project(tmp_path, bars)
    # It begins with the second beat, so the first bar line is before the item; its take has 480 ticks a quarter.
    project.add("Lead", [Note(n * 480, n * 480 + 240, 60) for n in range(13)], 0.5, 6.0, ppq=480)
    project.inputs = {"Server": service, "Model": "tiny", "Seed (empty: any)": "1"}
    project.selection = (4.0, 5.0)  # the first bar of 6/8
    sent = keep_request(project, monkeypatch)
    project.run("infill", lua)
    assert not project.messages
    piece = sent[0]["music"]
    assert piece["ticks_per_quarter"] == 480
    assert piece["tempos"] == [{"tick": 0, "bpm": 120}, {"tick": 8 * 480, "bpm": 180}]
    assert piece["meters"] == [
        {"tick": 0, "numerator": 3, "denominator": 4},
        {"tick": 6 * 480, "numerator": 4, "denominator": 4, "length": 960},
        {"tick": 8 * 480, "numerator": 6, "denominator": 8},
    ]
    assert sent[0]["infill"] == "4-4"
    assert [note["start"] for note in piece["tracks"][0]["notes"]] == [480 * (n + 1) for n in range(13)]
    changed = {note.start for note in notes_of(project)} ^ {n * 480 for n in range(13)}
    assert all(7 * 480 <= start < 10 * 480 for start in changed)


def keep_request(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    sent: list[dict] = []
    run = project.ExecProcess

    def keep(command: str, milliseconds: int) -> str | None:
        sent.append(json.loads((project.folder / "ritornello-request.json").read_text()))
        return run(command, milliseconds)

    monkeypatch.setattr(project, "ExecProcess", keep)
    return sent


@pytest.mark.parametrize("ppq", [100, 96, 15360])
def test_notes_stay_at_any_resolution_of_the_take(project: Project, lua: str, ppq: int) -> None:
    item = project.selected[0]
    item.take = Take([Note(n * ppq, (n + 1) * ppq - ppq // 9, 60) for n in range(16)], ppq=ppq, item=item)
    project.selection = (6.0, 10.0)
    before = notes_of(project)
    project.run("infill", lua)
    assert not project.messages
    assert outside(notes_of(project), 4 * ppq, 12 * ppq) == outside(before, 4 * ppq, 12 * ppq)
    assert notes_of(project) != before


def test_vary_changes_a_share_of_the_bars(project: Project, lua: str) -> None:
    before = notes_of(project)
    assert project.inputs is not None
    project.inputs["Share of bars to vary"] = "0,5"
    project.run("vary", lua)
    after = notes_of(project)
    assert not project.messages
    bars = [
        [note for note in notes if bar * 4 * PPQ <= note.start < (bar + 1) * 4 * PPQ]
        for notes in (before, after)
        for bar in range(4)
    ]
    assert sum(old == new for old, new in zip(bars[:4], bars[4:], strict=True)) == 2


def test_accompany_adds_tracks_and_keeps_the_item(project: Project, lua: str) -> None:
    before = notes_of(project)
    project.run("accompany", lua)
    assert not project.messages
    assert notes_of(project) == before
    assert len(project.tracks) > 1
    added = project.tracks[1].items[0]
    assert added.start == 4.0
    assert added.stop >= 12.0
    assert added.take is not None
    assert added.take.notes
    assert added.take.controls or added.take.notes[0].channel == 9
    assert project.undo_points == ["Ritornello: accompany"]


def test_parts_of_several_items_and_channels_are_one_piece(
    project: Project, lua: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drums = [Note(n * 480, n * 480 + 100, 36, channel=9) for n in range(16)]
    bass = [Note(n * 960, n * 960 + 900, 36, channel=1) for n in range(8)]
    item = project.add("Band", sorted(drums + bass, key=lambda note: note.start), 4.0, 12.0, ppq=480)
    assert item.take
    item.take.controls.append((0.0, 0xC0, 1, 33, 0))
    item.take.notes[4].muted = True
    project.selection = (6.0, 8.0)
    muted = copy.deepcopy(item.take.notes[4])
    sent = keep_request(project, monkeypatch)
    before = [notes_of(project, track) for track in (0, 1)]
    project.run("infill", lua)
    assert not project.messages
    tracks = sent[0]["music"]["tracks"]
    assert [(t["name"], t["program"], t["drums"]) for t in tracks] == [
        ("Lead", 0, False),
        ("Band", 0, True),
        ("Band", 33, False),
    ]
    assert sum(len(track["notes"]) for track in tracks) == 16 + 24 - 1
    assert muted in notes_of(project, 1)
    for track, ppq in ((0, 960), (1, 480)):
        span = 4 * ppq, 8 * ppq
        assert outside(notes_of(project, track), *span) == outside(before[track], *span)


def test_the_take_in_the_editor_is_used_when_no_item_is_selected(project: Project, lua: str) -> None:
    take = project.selected.pop().take
    assert take
    project.editor = Editor(take)
    project.selection = (6.0, 10.0)
    project.run("infill", lua)
    assert project.undo_points == ["Ritornello: infill"]


def test_cancel_changes_nothing_and_settings_are_kept(project: Project, lua: str) -> None:
    before = notes_of(project)
    inputs, project.inputs = project.inputs, None
    project.run("accompany", lua)
    assert (project.messages, project.undo_points, notes_of(project)) == ([], [], before)
    project.inputs = inputs
    project.run("accompany", lua)
    project.run("vary", lua)
    assert project.asked["Model"] == "tiny"
    assert project.asked["Seed (empty: any)"] == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.selected.clear(), "Nothing is selected. Select a MIDI item."),
        (
            lambda p: setattr(p.selected[0].take, "is_midi", False),
            "The selected item holds audio. Select a MIDI item.",
        ),
        (lambda p: setattr(p.selected[0], "take", None), "The selected item is empty. Select a MIDI item."),
        (lambda p: p.selected[0].take.notes.clear(), "The selected item has no notes."),
        (
            lambda p: setattr(p, "selection", (0.0, 0.0)),
            "No time is selected. Select the bars to compose anew.",
        ),
        (
            lambda p: setattr(p, "selection", (0.0, 2.0)),
            "The time selection has no bar of the selected item.",
        ),
        (
            lambda p: setattr(p.selected[0], "stop", 9.0),
            "The item from 3.1.00 to 5.3.00 does not fill the bars from 4.1.00 to 6.1.00. "
            "Lengthen it, or select fewer bars.",
        ),
        (
            lambda p: p.inputs.update(Server="http://127.0.0.1:9"),
            "Ritornello does not answer at http://127.0.0.1:9. Start it in a terminal with: ritornello serve",
        ),
        (
            lambda p: p.inputs.update(Server='x" & rm "y'),
            '"x" & rm "y" is no address of a server.',
        ),
        (lambda p: p.inputs.update({"Seed (empty: any)": "x"}), 'The seed "x" is not a number.'),
        (lambda p: p.inputs.update({"Seed (empty: any)": "1.5"}), 'The seed "1.5" is not a whole number.'),
        (
            lambda p: setattr(p, "ExecProcess", lambda *_: None),
            "curl does not run. It is needed to talk to Ritornello.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    project: Project, lua: str, spoil: Callable[[Project], object], message: str
) -> None:
    project.selection = (6.0, 10.0)
    spoil(project)
    project.run("infill", lua)
    assert project.messages == [message]
    assert not project.changes


def test_what_the_service_refuses_is_shown(project: Project, lua: str) -> None:
    assert project.inputs is not None
    project.inputs["Model"] = "sngs"
    project.run("vary", lua)
    assert len(project.messages) == 1
    assert "sngs" in project.messages[0]
    assert "\n" not in project.messages[0]
    assert not project.changes


def test_an_item_inside_a_bar_is_not_varied(project: Project, lua: str) -> None:
    project.selected[0].stop = 11.0
    project.run("vary", lua)
    assert project.messages == [
        "The item from 3.1.00 to 6.3.00 begins or ends inside a bar. Let it begin and end at bar lines."
    ]


def test_names_of_all_kinds_go_there_and_back(project: Project, lua: str) -> None:
    project.tracks[0].name = 'A "quoted" \\ név 🎹\t'
    project.run("accompany", lua)
    assert not project.messages
    assert len(project.tracks) > 1


def test_curl_is_called_by_name_on_windows(project: Project, lua: str) -> None:
    commands = []
    project.system = "Win64"
    project.ExecProcess = lambda command, _: commands.append(command)  # type: ignore[method-assign,func-returns-value]
    project.run("accompany", lua)
    assert commands[0].startswith("curl --silent")
