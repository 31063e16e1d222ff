"""Records as JSON: what is kept is what was played, whoever reads it; and a session goes on from it."""

from __future__ import annotations

import base64
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_fakes import jam, live_model, network_for, tune
from test_session import Log, logs, play

from ritornello.errors import ConfigError
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.live.config import JamConfig, Mode
from ritornello.live.events import (
    GoTo,
    LiveNote,
    SetBookmark,
    Side,
    Start,
    Stop,
    TempoSet,
    Turn,
    TurnBegan,
    Undo,
)
from ritornello.live.server.messages import to_json
from ritornello.live.session import Session
from ritornello.live.session.record import Bookmark, ModelBegan, Record, TimedControl, record_to_score
from ritornello.live.session.stored import (
    entry_to_row,
    parse_record,
    record_to_rows,
    stored_to_json,
    to_record,
)
from ritornello.score import Key, Text
from ritornello.theory import INSTRUMENTS

FIXTURE = Path(__file__).parents[2] / "web" / "tests" / "records.json"
MODEL = live_model()
NETWORK = network_for(MODEL)
HEAD = {"model": "songs", "seed": 3, "config": {"mode": "answer"}}


def stored(record: Record, now: float) -> dict[str, Any]:
    return stored_to_json({**HEAD, "now": now}, record_to_rows(record))


def kept(session: Session, now: float) -> Record:
    """Return the record of a session as it comes back from a page."""
    return to_record(parse_record(json.dumps(stored(session.record, now))))


def sounds(record: Record, now: float) -> list[tuple[str, int, int, int, int]]:
    """Return what the file of a record has, in ticks of a 30th of a second at least."""
    tracks = record_to_score(record, now).tracks
    return sorted((t.name, *map(int, note)) for t in tracks for note in t.notes.tolist())


@settings(max_examples=20, deadline=None)
@given(logs(), st.sampled_from(Mode))
def test_a_record_that_comes_back_is_the_same_music(log: Log, mode: Mode) -> None:
    session, _ = play(log, mode)
    now = log[-1][0] + 4.0
    jam(session, NETWORK, [(now, Stop())], now + 0.01)  # what is planned for later is not kept
    again = kept(session, now)
    before, after = sounds(session.record, now), sounds(again, now)
    assert [note[:1] + note[3:5] for note in after] == [note[:1] + note[3:5] for note in before]
    for one, other in zip(before, after, strict=True):
        assert abs(one[1] - other[1]) <= 1, "a time is kept to a microsecond"
    gone_on = Session(MODEL, session.config, 1, again, now)
    assert [mark.name for mark in gone_on.bookmarks] == [mark.name for mark in session.bookmarks]
    jam(gone_on, NETWORK, [(now, Start()), *tune(now + 0.5)], now + 6.0)
    assert len(gone_on.notes) >= len(session.notes) + 4


def test_a_session_goes_on_from_a_record_with_its_turns_tempo_and_branches() -> None:
    session = Session(MODEL, JamConfig(mode=Mode.ANSWER, pause=0.5), 1)
    jam(session, NETWORK, [(0.0, Start()), *tune(0.25)], 9.0)
    first = session.notes
    jam(session, NETWORK, [(9.0, SetBookmark("first")), *tune(9.5)], 20.0)
    jam(session, NETWORK, [(20.0, Stop())], 20.1)
    again = Session(MODEL, session.config, 1, kept(session, 20.1), 20.1)
    assert to_json(again.beat) == to_json(session.beat)
    assert [round(n.start, 5) for n in again.notes] == [round(n.start, 5) for n in session.notes]
    jam(again, NETWORK, [(20.2, Start())], 20.3)
    assert again.turn.number == session.turn.number or again.turn.number > 2, "turns are counted on"
    jam(again, NETWORK, [(20.4, Stop()), (20.5, Undo())], 20.6)
    assert {n.number for n in first} <= {n.number for n in again.notes}
    assert len(again.notes) < len(session.notes)
    jam(again, NETWORK, [(20.7, GoTo(1))], 20.8)
    assert {n.number for n in again.notes} == {n.number for n in first}


def test_the_model_hears_a_record_before_it_answers() -> None:
    session = Session(MODEL, JamConfig(mode=Mode.ANSWER, pause=0.5), 1)
    jam(session, NETWORK, [(0.0, Start()), *tune(0.25), (9.0, Stop())], 9.1)
    answers = []
    for record in (kept(session, 9.1), None):
        before = NETWORK.steps
        again = Session(MODEL, session.config, 1, record, 9.1)
        jam(again, NETWORK, [], 9.5)
        assert (NETWORK.steps > before) == (record is not None), "it hears it at once, while nobody plays"
        jam(again, NETWORK, [(10.0, Start()), *tune(10.25)], 18.0)
        late = [note for note in again.notes if note.side == Side.MODEL and note.start > 10]
        answers.append([(note.pitch, round(note.start, 3)) for note in late])
    assert answers[0] != answers[1]
    assert all(answers)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version: must be 1"),
        ({"entries": [["note", 1, "player", 1.0, 2.0, 128, 90, 0, 0]]}, "must be at most 127"),
        (
            {"entries": [["note", 1, "player", 2.0, 1.0, 60, 90, 0, 0]]},
            "note 1 ends at 1, before it starts at 2",
        ),
        (
            {"entries": [["model", 2, "a"], ["model", 2, "b"]]},
            "entry 2 comes after entry 2: numbers must rise",
        ),
        ({"entries": [["back", 3, 1.0, 0.5, 4]]}, "entry 3 leads to entry 4"),
        ({"entries": [["model", 1, "a"]] * 400_001}, "must have 400000 or fewer items"),
        ({"entries": [["song", 1, "a"]]}, "is not allowed"),
        ({"entries": [["bookmark", 1, 2, "a", 1.0, 1]]}, "bookmark 2 is number 1"),
        (
            {"entries": [["note", 1, "player", 500.0, 501.0, 60, 90, 0, 0]]},
            "later than the end of the record",
        ),
        ({"now": float("inf")}, "the record: "),
        ({"entries": [["note", 7_000_000, "player", 1.0, 2.0, 60, 90, 0, 0]]}, "must be at most 1600000"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        parse_record(json.dumps(stored(Record(), 10.0) | change))
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="the record: "):
        parse_record(b"\xff not JSON")


# --- the page makes the same files --------------------------------------------------------------------------------


def make_record(seed: int) -> tuple[Record, float]:
    """Return a record with all kinds of entries, branches and two models, and the time at its end."""
    dice, record, now = random.Random(seed), Record(), 1.0
    record.add(ModelBegan("songs"))
    moments = []
    for turn in range(12):
        moments.append(record.moment(now))
        record.add(
            TempoSet(now - 0.3, dice.choice([60.0, 96.5, 123.4]), dice.choice([(4, 4), (6, 8)]), False)
        )
        for side in (Side.PLAYER, Side.MODEL):
            record.add(TurnBegan(Turn(side.value), now, now + 4, turn + 1))
            for _ in range(dice.randrange(6)):
                start, channel = now + 4 * dice.random(), dice.choice([0, 0, 1, 9])
                end = None if side == Side.PLAYER and dice.random() < 0.1 else start + dice.random()
                program = 128 if channel == 9 else dice.choice([0, 40])
                pitch, velocity = dice.randrange(30, 90), dice.randrange(1, 128)
                record.add_note(LiveNote(0, side, start, end, pitch, velocity, channel, program))
                kind, number, value = dice.choice(
                    [(0xB0, 64, 127), (0xE0, 0, -321), (0xD0, 0, 5), (0xB0, 1, 9)]
                )
                record.add(TimedControl(start, channel, kind, number, value))
            now += 4.0
        if dice.random() < 0.3:
            record.add(Bookmark(turn + 1, "ä", *record.moment(now)))
        if dice.random() < 0.3:
            record.add(ModelBegan(dice.choice(["songs", "bands"])))
        if dice.random() < 0.3:
            record.go_back(dice.choice(moments), now)
    return record, now


def make_fixture() -> list[dict[str, Any]]:
    """Return records, each with the MIDI file that Python makes of it."""
    found = []
    for seed in range(8):
        record, now = make_record(seed)
        rows = [entry_to_row(number, entry) for number, entry in record.journal.items()]
        texts, key = (Text(0, "text", '{"model": "ä"}'),), Key(0, -3, True)
        score = record_to_score(to_record_of(rows), now)
        score = type(score)(**{**vars(score), "texts": (*texts, *score.texts), "keys": (key,)})
        midi = base64.b64encode(midi_to_bytes(score)).decode()
        head = {**HEAD, "now": now, "recipe": texts[0].text, "key": [-3, True]}
        found.append({"record": stored_to_json(head, rows), "midi": midi})
    return found


def to_record_of(rows: list[Any]) -> Record:
    """Return the record of rows as they are, times rounded."""
    content = stored_to_json({**HEAD, "now": 1e6}, [row for row in rows if row[0] != "bookmark"])
    record = to_record(parse_record(json.dumps(content)))
    for row in rows:  # `to_record` ends the notes of keys that are down
        if row[0] == "note" and row[4] is None:
            record.journal[row[1]] = LiveNote(row[1], Side(row[2]), row[3], None, *row[5:])
    return record


def fixture_text() -> str:
    programs = [*INSTRUMENTS, "drum kit"]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in make_fixture())
    return f'{{"programs":{json.dumps(programs)},\n"files":[\n{lines}\n]}}\n'


def test_the_records_that_the_page_is_tested_with_are_up_to_date() -> None:
    """web/tests/midi.test.ts makes the same files of them. `python tests/live/test_stored.py --write` writes them."""
    assert FIXTURE.read_text(encoding="utf-8") == fixture_text()


if __name__ == "__main__" and "--write" in sys.argv:
    FIXTURE.write_text(fixture_text(), encoding="utf-8")
