"""The terminal display of `play`: turn, time left, notes, tempo, latency."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ritornello.live.events import Side, Turn
from ritornello.live.ports.port_player import PortPlayer

WORDS = {
    Turn.IDLE: ("silence", "dim"),
    Turn.COUNT_IN: ("count-in", "white"),
    Turn.PLAYER: ("your turn", "bold yellow"),
    Turn.MODEL: ("the model's turn", "bold cyan"),
    Turn.BOTH: ("both play", "bold magenta"),
}
WIDTH = 40


class Display:
    """Shows the current state of a port player; rich refreshes it ten times a second."""

    def __init__(self, port_player: PortPlayer) -> None:
        self._player = port_player

    def __rich__(self) -> RenderableType:
        session = self._player.session
        words, style = WORDS[session.turn.turn]
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(words, style=style), self._bar(style), self._left())
        facts = Text("  ·  ".join(self._facts()), style="dim")
        remark = [Text(self._player.remark, style="yellow")] if self._player.remark else []
        return Group(table, facts, *remark)

    def _bar(self, style: str) -> RenderableType:
        """Return a bar that runs out with the turn."""
        turn = self._player.session.turn
        if turn.end is None or turn.end <= turn.start:
            return Text(" " * WIDTH)
        left = min(max(turn.end - self._player.now(), 0.0), turn.end - turn.start)
        return ProgressBar(turn.end - turn.start, left, WIDTH, complete_style=style, finished_style=style)

    def _left(self) -> str:
        turn = self._player.session.turn
        return "" if turn.end is None else f"{max(turn.end - self._player.now(), 0.0):4.1f} s"

    def _facts(self) -> list[str]:
        player, session = self._player, self._player.session
        facts = [
            f"{session.model.name}, {session.config.mode}",
            f"you {player.played[Side.PLAYER]} notes, model {player.played[Side.MODEL]}",
        ]
        if player.tempo is not None:
            facts.append(f"{player.tempo:.0f} quarter notes a minute")
        if player.answered is not None:
            facts.append(f"answered in {1000 * player.answered:.0f} ms")
        return [*facts, "Ctrl-C ends"]
