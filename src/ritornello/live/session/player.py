"""The player's side of a session: notes go into the record, and are pending until the model has encoded them."""

from __future__ import annotations

from ritornello.formats.messages import DRUM_CHANNEL, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, SUSTAIN
from ritornello.live.events import LiveNote, Side
from ritornello.live.session.keys import Keys, Message
from ritornello.live.session.record import Record, TimedControl
from ritornello.score import CONTROL_CHANGE, KEY_PRESSURE
from ritornello.theory import DRUMS


class Player:
    """The player. `pending` are the numbers of the notes that the model has not encoded yet.

    program: the instrument of channels without a program change, 128 for the drum kit.
    """

    def __init__(self, record: Record, program: int) -> None:
        self.record, self.program = record, program
        self.keys = Keys()
        self.pending: list[int] = []
        self.pedal: list[TimedControl] = []  # of the time of these notes
        self.last_sound = 0.0  # when a key or the pedal was last touched, or a note of a given call ends
        self.last_onset = float("-inf")

    def receive(self, message: Message, now: float) -> None:
        """Handle a channel message."""
        for number in self.keys.released(message):
            self.record.end_note(number, now)
        if message.is_press:
            _, channel, pitch, velocity = message
            program = DRUMS if channel == DRUM_CHANNEL else self.keys.programs.get(channel, self.program)
            note = LiveNote(0, Side.PLAYER, now, None, pitch, velocity, channel, program)
            self.keys.down[channel, pitch] = self.add(note).number
        elif message.kind not in (NOTE_ON, NOTE_OFF, PROGRAM_CHANGE):
            number = message.first if message.kind in (CONTROL_CHANGE, KEY_PRESSURE) else 0
            control = TimedControl(now, message.channel, message.kind, number, message.control_value)
            self.record.add(control)
            if (control.kind, control.number) != (CONTROL_CHANGE, SUSTAIN):
                return
            self.pedal.append(control)
        self.last_sound = max(self.last_sound, now)

    def forget(self, until: float) -> None:
        """Drop the notes that begin at `until` or earlier from the pending ones."""
        self.pending = [note.number for note in self.pending_notes() if note.start > until]
        if not self.pending:
            self.pedal = self.pedal[-1:]

    def silence(self, now: float) -> tuple[int, ...]:
        """End the notes that sound without a key, delete those that would begin later; return their numbers."""
        numbers = self.record.silence(Side.PLAYER, now)
        self.pending = [number for number in self.pending if number in self.record.journal]
        self.last_sound, self.last_onset = min(self.last_sound, now), min(self.last_onset, now)
        return numbers

    def add(self, note: LiveNote) -> LiveNote:
        """Add a note to the record, pending; return it with its number."""
        note = self.record.add_note(note)
        self.pending.append(note.number)
        self.last_onset = max(self.last_onset, note.start)
        self.last_sound = max(self.last_sound, note.start if note.end is None else note.end)
        return note

    def pending_notes(self) -> tuple[LiveNote, ...]:
        """Return the notes that the model has not encoded."""
        return tuple(map(self.record.note, self.pending))
