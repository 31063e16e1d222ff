"""The client of a service (`ritornello serve`), with the types of the library; the base install has all it needs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Unpack, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from ritornello import errors
from ritornello.config import refusal
from ritornello.errors import ConfigError, RitornelloError, ServiceError
from ritornello.expression.config import DEFAULT_AMOUNT
from ritornello.formats import as_score
from ritornello.paths import Source, describe
from ritornello.score import Score
from ritornello.service.job import Event, NewNotes, Progress
from ritornello.service.music import to_piece
from ritornello.service.verbs import VERBS
from ritornello.service.verbs.analyse import Analysed
from ritornello.service.verbs.compose import Composed
from ritornello.service.verbs.judge import Judged
from ritornello.service.verbs.models import ModelFacts, ModelsResult
from ritornello.service.verbs.originality import Originality
from ritornello.service.verbs.perform import Performed
from ritornello.service.verbs.render import Kind, Rendered
from ritornello.settings import ComposeSettings, SoundSettings

PORT = 8766
LONGEST_LINE = 64 << 20
"""Bytes of an event."""

Listener = Callable[[Event], None]
"""Called with how far a call is, and with notes as they are composed. An error that it raises cancels the call."""


class Client:
    """A service of this or another machine.

        client = ritornello.Client()
        made = client.infill("song.mid", "5-8", seed=1)
        made.score.write("new.mid")

    Music is a score, or a path, bytes or file object of a file that `read` knows. Every method raises the errors that
    the library would raise here, and ServiceError if the service cannot be reached, is busy, or ends a call.
    """

    def __init__(
        self,
        address: str = f"http://127.0.0.1:{PORT}",
        token: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """`token` is the one that the service was started with. `timeout` is the longest silence in seconds (default:
        any)."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"address {address!r}: give one such as http://127.0.0.1:{PORT}")
        self.address, self._token, self._timeout = address.rstrip("/"), token, timeout

    def __repr__(self) -> str:
        return f"Client({self.address!r})"

    def models(self) -> list[ModelFacts]:
        """Return the models of the service; the first is the default."""
        return cast(ModelsResult, self.call("models", {})).models

    def compose(
        self,
        model: str | None = None,
        primer: Score | Source | None = None,
        *,
        listen: Listener | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> Composed:
        """Return a new piece, which begins with `primer` if there is one; see `ritornello.compose`."""
        return self._composed("compose", settings, listen, model=model, primer=_music(primer))

    def infill(
        self,
        music: Score | Source,
        bars: str,
        /,
        model: str | None = None,
        *,
        listen: Listener | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> Composed:
        """Return a piece with some bars composed anew, such as "5-8,13", counted from 1; all else stays as it is."""
        return self._composed("infill", settings, listen, model=model, music=_music(music), infill=bars)

    def vary(
        self,
        music: Score | Source,
        share: float = 0.25,
        /,
        model: str | None = None,
        *,
        listen: Listener | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> Composed:
        """Return a piece with this share of its bars, drawn by the seed, composed anew."""
        return self._composed("vary", settings, listen, model=model, music=_music(music), vary=share)

    def accompany(
        self,
        music: Score | Source,
        /,
        model: str | None = None,
        *,
        listen: Listener | None = None,
        **settings: Unpack[ComposeSettings],
    ) -> Composed:
        """Return a piece with parts added: those of `instruments`, or what the model likes."""
        return self._composed("accompany", settings, listen, model=model, music=_music(music))

    def perform(
        self,
        music: Score | Source,
        perform: float = DEFAULT_AMOUNT,
        *,
        swing: float | None = None,
        swing_unit: Literal["8", "16"] | None = None,
        seed: int = 0,
    ) -> Performed:
        """Return a piece as it is played; `perform` is from 0, as written, to 1."""
        asked = {"perform": perform, "swing": swing, "swing_unit": swing_unit, "seed": seed}
        return cast(Performed, self.call("perform", {"music": _music(music), **asked}))

    def analyse(self, music: Score | Source) -> Analysed:
        """Return keys, chords, sections, phrases, melody, bass and motifs of a piece."""
        return cast(Analysed, self.call("analyse", {"music": _music(music)}))

    def judge(self, music: Score | Source, model: str | None = None, *, most: int | None = None) -> Judged:
        """Return how probable a model finds a piece, and which notes surprise it; with `most`, only so many notes."""
        return cast(Judged, self.call("judge", {"music": _music(music), "model": model, "most": most}))

    def originality(self, music: Score | Source, model: str | None = None) -> Originality:
        """Return the longest runs of notes that a piece shares with the training music of a model."""
        return cast(Originality, self.call("originality", {"music": _music(music), "model": model}))

    def render(
        self,
        music: Score | Source,
        format: Kind,
        *,
        perform: float | None = None,
        swing: float | None = None,
        swing_unit: Literal["8", "16"] | None = None,
        **sound: Unpack[SoundSettings],
    ) -> Rendered:
        """Return the files of a piece: sound, engraved score, piano roll, MIDI or MusicXML.

        client.render("song.mid", "mp3").files[0].content()
        """
        asked = {"format": format, "perform": perform, "swing": swing, "swing_unit": swing_unit, **sound}
        return cast(Rendered, self.call("render", {"music": _music(music), **asked}))

    def _composed(
        self, verb: str, settings: Mapping[str, Any], listen: Listener | None, **own: Any
    ) -> Composed:
        return cast(Composed, self.call(verb, {**settings, **own}, listen))

    # --- HTTP ---

    def call(self, verb: str, values: Mapping[str, Any], listen: Listener | None = None) -> Any:
        """Return the result of a verb, an object of its class of results; fields that are None are left out."""
        row = VERBS[verb]
        body = json.dumps({name: value for name, value in values.items() if value is not None})
        accept = "application/json" if listen is None else "text/event-stream"
        with self._answer("POST", f"/v1/{verb}", body, accept) as answer:
            text = answer.read() if listen is None else _listened(answer, listen)
        try:
            return row.result.model_validate_json(text)
        except ValidationError as error:
            why = refusal(error, row.result)
            raise ServiceError(f"{self.address}: the answer is not that of this version: {why}") from None

    @contextmanager
    def _answer(self, method: str, path: str, body: str, accept: str) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer; the connection is closed afterwards, which cancels a call that is not done."""
        parts = urlsplit(self.address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(cast(str, parts.hostname), parts.port, timeout=self._timeout)
        headers = {"content-type": "application/json", "accept": accept}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, parts.path + path, body.encode(), headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise _error(answer.read(), answer.status)
            yield answer
        except TimeoutError:
            raise ServiceError(f"{self.address}: silent for {self._timeout:g} s") from None
        except ConnectionRefusedError:
            raise ServiceError(f"{self.address}: there is no service; start one: ritornello serve") from None
        except http.client.HTTPException as error:
            raise ServiceError(f"{self.address}: the connection was lost ({type(error).__name__})") from error
        except OSError as error:
            raise ServiceError(f"{self.address}: {describe(error)}") from error
        finally:
            connection.close()


def _music(music: Score | Source | None) -> dict[str, Any] | None:
    return None if music is None else to_piece(as_score(music)).model_dump(mode="json")


def _listened(answer: http.client.HTTPResponse, listen: Listener) -> bytes:
    """Return the result at the end of a stream of events, of which `listen` is told."""
    name = ""
    while line := answer.readline(LONGEST_LINE):
        field, _, data = line.rstrip(b"\r\n").partition(b": ")
        if field == b"event":
            name = data.decode()
        elif field == b"data" and name == "progress":
            listen(Progress.model_validate_json(data))
        elif field == b"data" and name == "notes":
            listen(NewNotes.model_validate_json(data))
        elif field == b"data" and name == "error":
            raise _error(data, 400)
        elif field == b"data" and name == "result":
            return data
    raise http.client.IncompleteRead(b"")


def _error(body: bytes, status: int) -> RitornelloError:
    """Return the error that an answer tells, of the class that the library raises."""
    try:
        facts = json.loads(body)
        text, kind = str(facts["error"]), getattr(errors, str(facts["kind"]), ServiceError)
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"status {status}: {body[:200].decode('utf-8', 'replace')}")
    if not (isinstance(kind, type) and issubclass(kind, RitornelloError)):
        kind = ServiceError
    error = kind.__new__(kind)
    error.args = (text,)
    return error
