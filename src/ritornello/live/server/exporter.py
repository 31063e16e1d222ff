"""The exporter: files of a session for download, rendered in a process of their own.

A MIDI file is written at once. Sound, scores and pictures take seconds of computing: they are rendered from the MIDI
file by the commands `render` and `share`, at low priority, so that live play is not disturbed and no failure
reaches the server. At most `ServerLimits.renderings` are made at once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ritornello.errors import ConfigError, unknown_name
from ritornello.formats.midi_writer import write_midi
from ritornello.live.server.limits import ServerLimits
from ritornello.score import Score

MEDIA_TYPES = {
    "mid": "audio/midi",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "zip": "application/zip",
}
"""The media types of downloads, by suffix; the zip has the folder that `ritornello share` makes."""

NICENESS = 5


class Exporter:
    """Makes files of scores."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.renderings)
        self._waiting = 0

    async def export(self, score: Score, name: str, suffix: str) -> Path:
        """Return a file called `name` in a new folder, which the caller removes with `clear`.

        ConfigError for an unknown suffix, a score without notes, and a failed rendering.
        """
        if suffix not in MEDIA_TYPES:
            raise unknown_name("kind of file", suffix[:20], MEDIA_TYPES)
        if not score.note_count:
            raise ConfigError("nothing has been played yet")
        path = Path(tempfile.mkdtemp(prefix="ritornello-")) / f"{name}.{suffix}"
        midi, shared = path.with_suffix(".mid"), path.with_suffix("")
        try:
            await asyncio.to_thread(write_midi, score, midi)
            if suffix == "zip":
                async with self._slot():
                    await self._run("share", str(midi), "--out", str(shared))
                    await asyncio.to_thread(shutil.make_archive, str(shared), "zip", path.parent, shared.name)
            elif suffix != "mid":
                async with self._slot():
                    await self._run("render", str(midi), "--out", str(path))
        except BaseException:
            clear(path)
            raise
        return path

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Wait for one of the slots; ConfigError if too many wait already."""
        if self._waiting >= self._limits.waiting_renderings:
            raise ConfigError("too many downloads are being made; try again in a moment")
        self._waiting += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= 1

    async def _run(self, *arguments: str) -> None:
        """Run `ritornello` with arguments; its error line becomes a ConfigError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ritornello", *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        if hasattr(os, "setpriority"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        try:
            _, errors = await asyncio.wait_for(process.communicate(), self._limits.rendering_seconds)
        except TimeoutError:
            raise ConfigError(f"it takes longer than {self._limits.rendering_seconds:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            lines = errors.decode("utf-8", "replace").strip().splitlines() or ["it could not be made"]
            raise ConfigError(lines[-1].removeprefix("ritornello: "))


def clear(path: Path) -> None:
    """Remove a file made by `Exporter.export`, with its folder."""
    shutil.rmtree(path.parent, ignore_errors=True)
