"""What is fuzzed: a table of readers of bytes of others, each with seeds and a function that takes any bytes.

A target accepts the bytes or refuses them with an error of `ritornello.errors` in one line; any other exception is a
fault. `fuzz/run.py` looks for such bytes with atheris, and for those that take too long or too much memory;
`tests/test_fuzz.py` runs every target over its seeds and some hundred mutants.

Read in order: `TARGETS`, `Target`, `check`, `mutant`, then the targets.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from ritornello import formats
from ritornello.bundle import Bundle, Facts, load_bundle, load_network, save_bundle, save_style
from ritornello.bundle.archive import CARD, MUSIC, STEP, STYLE, WEIGHTS, unzip_members, zip_members
from ritornello.errors import RitornelloError
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.score import Score
from ritornello.testing.samples import make_song

Take = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """A name, well-formed inputs, and a function that makes, in an empty folder, the function that takes any bytes.

    few: how many mutants the ordinary test suite tries; less where one takes long.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    prepare: Callable[[Path], Take]
    few: int = 100


def check(take: Take, data: bytes) -> bool:
    """Return whether `data` is accepted; raise AssertionError if the refusal is not one line, and any other error."""
    try:
        take(data)
    except RitornelloError as error:
        if len(str(error).splitlines()) != 1:
            raise AssertionError(f"not one line: {error}") from error
        return False
    return True


# --- mutants --------------------------------------------------------------------------------------------------

NUMBERS = [
    b"0",
    b"-1",
    b"1e400",
    b"NaN",
    b"9" * 30,
    b"9" * 5000,
    b"2147483648",
    b"9223372036854775808",
    b"0.0000001",
]
PIECES = [
    b"\xff" * 4,
    b"\0" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\x80\x80\x80\x80",
    b"\xff\xff\xff\x7f",
    b"[" * 2000,
    b"\n" * 3000,
]
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutant(data: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """Return `data` with one to four changes: bits, numbers; stretches deleted, repeated, inserted, or of others."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        start = draw.randrange(len(data) + 1)
        stop = min(len(data), start + draw.choice((1, 2, 4, 16, 64, 1000)))
        match draw.randrange(7):
            case 0 if start < len(data):
                changed = bytes((data[start] ^ 1 << draw.randrange(8),))
                data = data[:start] + changed + data[start + 1 :]
            case 1 | 2 if numbers := list(_NUMBER.finditer(data)):
                found = draw.choice(numbers)
                data = data[: found.start()] + draw.choice(NUMBERS) + data[found.end() :]
            case 3:
                data = data[:start] + data[stop:]
            case 4:
                data = data[:stop] + data[start:stop] * draw.choice((1, 3, 100)) + data[stop:]
            case 5:
                data = data[:start] + draw.choice(PIECES) + data[stop:]
            case _:
                other = draw.choice(others)
                at = draw.randrange(len(other) + 1)
                data = data[:start] + other[at : at + stop - start + 20] + data[stop:]
    return data


# --- scores ---------------------------------------------------------------------------------------------------


def _use(score: Score) -> None:
    """Do with a score what every command does: write it, read it again, encode it."""
    if score.tracks:
        assert formats.read(midi_to_bytes(score)).ticks_per_quarter > 0
        score.check_extent()
        _multitrack().extract_examples(score)


@cache
def _multitrack() -> Any:
    from ritornello.representations import REPRESENTATIONS

    kind = REPRESENTATIONS["multitrack"]
    return kind.fit([kind.collect_statistics(make_song())], {})


def _reader(suffix: str) -> Callable[[Path], Take]:
    """Return how bytes of a format are taken: read and used."""
    return lambda _: lambda data: _use(formats.read(data or b" ", suffix))


@cache
def _short() -> Score:
    """Return the first two quarters of the sample song: short inputs are fuzzed faster."""
    song = make_song()
    return song.excerpt(0, 2 * song.ticks_per_quarter)


def _midi_seeds() -> list[bytes]:
    whole = midi_to_bytes(_short())
    running = bytes.fromhex(
        "4d546864 00000006 0000 0001 01e0 4d54726b 0000001b"
        "00ff580404021808 00ff51030 7a120 00903c50 60 3c00 8100 3e50 60 3e00 00ff2f00".replace(" ", "")
    )
    import gzip

    return [whole, running, gzip.compress(whole, mtime=0)]


def _take_midi(_: Path) -> Take:
    from ritornello.formats.event_text import midi_to_text

    def take(data: bytes) -> None:
        score = formats.read(data or b" ", "mid")
        midi_to_text(data)
        _use(score)

    return take


def _musicxml() -> bytes:
    from ritornello.formats.musicxml import score_to_musicxml

    return score_to_musicxml(_short())[0]


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return file.getvalue()


_CONTAINER = (
    b'<?xml version="1.0"?><container><rootfiles><rootfile full-path="a.xml" media-type="application/'
    b'vnd.recordare.musicxml+xml"/></rootfiles></container>'
)


def _small_musicxml() -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0"><part-list><score-part id="P1">'
        b'<part-name>V</part-name><midi-instrument id="I"><midi-channel>1</midi-channel><midi-program>41</midi-program>'
        b"</midi-instrument>"
        b'</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>4</divisions><key><fifths>2'
        b"</fifths></key><time><beats>3</beats><beat-type>4</beat-type></time><transpose><chromatic>-2</chromatic>"
        b'</transpose></attributes><direction><sound tempo="96"/></direction>'
        b"<harmony><root><root-step>C</root-step></root>"
        b'<kind>major</kind></harmony><barline><repeat direction="forward"/></barline><note><pitch><step>C</step>'
        b"<alter>1</alter><octave>4</octave></pitch><duration>4</duration><time-modification><actual-notes>3</actual-notes>"
        b"<normal-notes>2</normal-notes></time-modification><lyric><text>la</text></lyric></note><backup><duration>4"
        b"</duration></backup><forward><duration>2</duration></forward><note><grace/><rest/></note><barline><ending "
        b'number="1,2" type="start"/><repeat direction="backward" times="2"/></barline></measure></part>'
        b"</score-partwise>"
    )


def _mxl_seeds() -> list[bytes]:
    return [_zipped({"META-INF/container.xml": _CONTAINER, "a.xml": _small_musicxml()})]


def _take_container(_: Path) -> Take:
    """Take the bytes as the container of an otherwise good compressed score."""
    score = _small_musicxml()
    return lambda data: formats.read(_zipped({"META-INF/container.xml": data, "a.xml": score}), "mxl")


_ABC = b"""X:1
T:A tune
C:Trad.
M:6/8
L:1/8
Q:3/8=100
K:D mix
V:1 name="Flute"
|:"D"A>B^c d2z|[1(3abc {g}[ce]3 :|[2 !f!A6-|A6:|
w:la la- la * la_
V:2 clef=bass
D,3 D,,3|G,6|z6|]
"""

_MEI = (
    b'<mei xmlns="http://www.music-encoding.org/ns/mei"><meiHead><fileDesc><titleStmt><title>A</title></titleStmt>'
    b'</fileDesc></meiHead><music><body><mdiv><score><scoreDef meter.count="4" meter.unit="4" key.sig="2s"><staffGrp>'
    b'<staffDef n="1" label="Flute" trans.semi="-2"/></staffGrp></scoreDef><section><measure right="rptend">'
    b'<staff n="1"><layer n="1"><note pname="c" oct="4" dur="4" accid="s"><verse n="1"><syl>la</syl></verse></note>'
    b'<chord dur="4" '
    b'dots="1"><note pname="c" oct="4"/><note pname="e" oct="4"/></chord><rest dur="8"/><tuplet num="3" numbase="2">'
    b'<note pname="d" oct="4" dur="8"/><note pname="e" oct="4" dur="8" tie="i"/><rest dur="8"/></tuplet>'
    b'</layer></staff><tempo midi.bpm="96"/><dynam>f</dynam>'
    b'<harm tstamp="1">C7</harm></measure><ending n="1"><measure><staff n="1"><layer n="1"><mRest/></layer></staff>'
    b"</measure></ending></section></score></mdiv></body></music></mei>"
)


def _ireal_seeds() -> list[bytes]:
    from urllib.parse import quote

    plain = (
        "irealbook://A song=Doe John=Swing=C=n=*A{T44C^7   |A-7 D7 |N1G7   | x  }|N2F-7,Bb13,E^7   |C6/G   Z"
    )
    chart = "1r34LbKcu7T44*A{C-7XyQ|F7XyQLZBb^7XyQKcl  LZEb^7 D7b9 |G-6XyQ|nXyQ|C-7   |F7   |Bb^7   |Eb^7   |Ah7   }"
    pro = "irealb://" + quote(f"A song=Doe John==Swing=G-=={chart}=Jazz-Swing=140=3")
    return [plain.encode(), pro.encode(), f'<a href="{pro}">songs</a>'.encode()]


def _event_text_seeds() -> list[bytes]:
    from ritornello.formats.event_text import midi_to_text

    spelled = [midi_to_text(midi_to_bytes(_short()), spelling=each)[0] for each in ("decimal", "hex")]
    return [
        *(text.encode() for text in spelled),
        b"0_90_3c_50 120_80_3c_40\n",
        b"00_c028 78_903c50 81_00_ff_2f\n",
    ]


def _prose_seeds() -> list[bytes]:
    aozora = (
        "題名\n著者\n\n"
        + "-" * 30
        + "\n記号について\n"
        + "-" * 30
        + "\n［＃３字下げ］一［＃「一」は中見出し］\n"
        "吾輩《わがはい》は※［＃「猫」、U+732B、1-1］である。\n\n\n底本：「全集」\n入力：誰か\n"
    )
    english = "Once upon a time.\n\nThere was – “a fox”.\n"
    return [
        english.encode(), english.encode("cp1252"), english.encode("utf-16"), aozora.encode(), aozora.encode("cp932"),
        aozora.replace("\u2013", "").encode("euc_jp"), aozora.encode("iso2022_jp"),
    ]  # fmt: skip


# --- bundles --------------------------------------------------------------------------------------------------


@cache
def _models() -> Path:
    """Return a folder with a small model, base.rit, the same with weights of 8 bits, and a style of it."""
    import torch

    from ritornello.networks import make_network
    from ritornello.originality import build_index
    from ritornello.representations import make_representation

    folder = Path(mkdtemp(prefix="ritornello-fuzz-"))
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    torch.manual_seed(1)
    sizes = tuple(column.size for column in representation.columns)
    network = make_network("lstm", {"hidden": 8, "embedding": 8}, sizes)
    index = build_index([("song", make_song())])
    save_bundle(folder / "base.rit", network, representation, Facts(name="base"), index=index)
    save_bundle(folder / "int8.rit", network, representation, Facts(name="int8"), "int8")
    base = load_bundle(folder / "base.rit")
    bias = {"network.bias": np.full_like(base.weights["network.bias"], 1, dtype=np.float16)}
    save_style(folder / "style.rit", base, bias, Facts(name="style"))
    return folder


def _use_bundle(bundle: Bundle) -> None:
    """Do with a model what the commands do: its facts, the network of torch, a bar of music in both precisions."""
    from ritornello.bundle import bundle_summary
    from ritornello.generation import Model

    bundle_summary(bundle)
    load_network(bundle)
    Model(bundle).compose(bars=1, seed=1)
    Model(bundle).compose(bars=1, seed=1, precision="int8")


def _bundle_seeds(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(_models() / name).read_bytes() for name in names]


def _take_bundle(folder: Path) -> Take:
    """Take the bytes as a bundle beside the base model of its style."""
    path = folder / "fuzzed.rit"
    (folder / "base.rit").write_bytes((_models() / "base.rit").read_bytes())

    def take(data: bytes) -> None:
        path.write_bytes(data)
        _use_bundle(load_bundle(path))

    return take


def _member_seeds(member: str, *names: str) -> Callable[[], list[bytes]]:
    return lambda: [unzip_members(Path(name), (_models() / name).read_bytes())[member] for name in names]


def _take_member(member: str, name: str = "base.rit") -> Callable[[Path], Take]:
    """Take the bytes as one member of a bundle whose others are good, which no checksum protects."""

    def prepare(folder: Path) -> Take:
        take = _take_bundle(folder)
        members = unzip_members(Path(name), (_models() / name).read_bytes())
        return lambda data: take(zip_members(members | {member: data}))

    return prepare


# --- runs -----------------------------------------------------------------------------------------------------


@cache
def _run() -> Path:
    """Return a folder with a model, m.rit, and its finished run of two steps, m.run."""
    from ritornello.training.config import TrainConfig
    from ritornello.training.run import prepare

    folder = Path(mkdtemp(prefix="ritornello-fuzz-"))
    for number in range(4):
        song = make_song()
        moved = tuple(replace(t, notes=_moved(t.notes, number)) for t in song.tracks)
        formats.write(replace(song, tracks=moved), folder / f"{number}.mid")
    sizes = {"hidden": 8, "layers": 1, "embedding": 8, "samples": 0, "batch": 2, "window": 16}
    config = TrainConfig(steps=2, held_out=0.3, **sizes)
    list(prepare([folder], folder / "m.rit", config, init="none").steps())
    return folder


def _moved(notes: Any, semitones: int) -> Any:
    moved = notes.copy()
    moved["pitch"] = np.minimum(moved["pitch"] + semitones, 127)
    return moved


def _run_seeds(name: str) -> Callable[[], list[bytes]]:
    return lambda: [(_run() / "m.run" / name).read_bytes()]


def _take_run_file(
    name: str, sign: Callable[[Path], None] = lambda directory: None
) -> Callable[[Path], Take]:
    """Take the bytes as a file of a run that is resumed; `sign` makes its checksums right, as an attacker would."""
    import shutil

    def prepare_target(folder: Path) -> Take:
        from ritornello.training.config import TrainConfig
        from ritornello.training.run import prepare

        shutil.copytree(_run(), folder, dirs_exist_ok=True)
        original = {path: path.read_bytes() for path in (folder / "m.run").rglob("*") if path.is_file()}

        def take(data: bytes) -> None:
            for path, content in original.items():
                if path.read_bytes() != content:
                    path.write_bytes(content)
            (folder / "m.run" / name).write_bytes(data)
            sign(folder / "m.run")
            prepare([], folder / "m.rit", TrainConfig(steps=4), resume=True)

        return take

    return prepare_target


def _sign_corpus(directory: Path) -> None:
    from ritornello.corpus import shards

    card_path = directory / "corpus" / shards.CARD
    try:
        card = json.loads(card_path.read_bytes())
        for name in card["checksums"]:
            card["checksums"][name] = shards._checksum(directory / "corpus" / name)
        card["checksum"] = shards._checksum_of_card(card)
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError):
        return
    card_path.write_text(json.dumps(card), encoding="utf-8")


def _facts_seeds() -> list[bytes]:
    from ritornello.training.checkpoint import load_checkpoint

    return [json.dumps(load_checkpoint(_run() / "m.run" / "checkpoint.safetensors").facts).encode()]


def _take_facts(folder: Path) -> Take:
    """Take the bytes as the facts of a checkpoint whose checksum is right."""
    from safetensors.torch import save

    from ritornello.training.checkpoint import FORMAT_VERSION, _checksum, load_checkpoint

    tensors = load_checkpoint(_run() / "m.run" / "checkpoint.safetensors").tensors
    take = _take_run_file("checkpoint.safetensors")(folder)

    def take_facts(data: bytes) -> None:
        facts = data.decode("utf-8", errors="replace")
        metadata = {"version": str(FORMAT_VERSION), "facts": facts, "checksum": _checksum(facts, tensors)}
        take(save(tensors, metadata=metadata))

    return take_facts


# --- the jam --------------------------------------------------------------------------------------------------


def _message_seeds() -> list[bytes]:
    messages: list[dict[str, Any]] = [
        {"type": "hello", "session": "A" * 32},
        {"type": "ping", "time": 1.5},
        {"type": "midi", "time": 2.25, "data": [144, 60, 90]},
        {"type": "loop", "on": True},
        {
            "type": "configure",
            "config": {"temperature": 0.9, "mode": "answer", "scale": "C major", "tempo": 96},
        },
        {"type": "bookmark", "name": "here"},
        {"type": "goto", "number": 1},
        {"type": "latency", "seconds": 0.02},
    ]
    return [json.dumps(message).encode() for message in messages]


def _take_message(_: Path) -> Take:
    from ritornello.live.config import JamConfig
    from ritornello.live.server.messages import ConfigureMessage, changed_config, parse_message

    def take(data: bytes) -> None:
        message = parse_message(data)
        if isinstance(message, ConfigureMessage):
            changed_config(JamConfig(), message.config)

    return take


def _record_seeds() -> list[bytes]:
    rows: list[list[Any]] = [
        ["model", 0, "songs"],
        ["tempo", 1, 0.5, 96.0, [4, 4], False],
        ["turn", 2, "player", 0.5, None, 1],
        ["note", 3, "player", 1.25, 1.5, 60, 90, 0, 0],
        ["control", 4, 1.5, 0, 176, 64, 127],
        ["turn", 5, "model", 2.0, 8.0, 1],
        ["note", 7, "model", 2.25, 2.5, 64, 80, 1, 40],
        ["bookmark", 8, 1, "Bookmark 1", 3.0, 8],
        ["back", 9, 9.5, 2.0, 5],
        ["note", 10, "player", 10.0, None, 62, 90, 0, 0],
    ]
    record = {
        "format": "ritornello-jam",
        "version": 1,
        "model": "songs",
        "seed": 3,
        "config": {"mode": "answer"},
    }
    return [json.dumps(record | {"now": 12.0, "entries": rows}).encode()]


def _take_record(_: Path) -> Take:
    from ritornello.live.session.record import record_to_score
    from ritornello.live.session.stored import parse_record, to_record

    def take(data: bytes) -> None:
        stored = parse_record(data)
        midi_to_bytes(record_to_score(to_record(stored), stored.now))

    return take


# --- settings -------------------------------------------------------------------------------------------------


def _take_map(folder: Path) -> Take:
    from ritornello.live.ports.controls import read_controls

    def take(data: bytes) -> None:
        (folder / "map.toml").write_bytes(data)
        read_controls(folder / "map.toml")

    return take


def _take_settings(folder: Path) -> Take:
    """Take the bytes as `compose --config`, up to the values of its options."""
    import typer

    from ritornello.cli.compose import compose
    from ritornello.cli.config_file import _defaults

    holder = typer.Typer(add_completion=False)
    holder.command()(compose)
    parameters = typer.main.get_command(holder).params

    def take(data: bytes) -> None:
        (folder / "settings.toml").write_bytes(data)
        dict(_defaults(folder / "settings.toml", parameters))

    return take


TARGETS = {
    target.name: target
    for target in (
        Target("midi", _midi_seeds, _take_midi),
        Target("musicxml", lambda: [_small_musicxml(), _musicxml()], _reader("musicxml")),
        Target("mxl", _mxl_seeds, _reader("mxl")),
        Target("mxl-container", lambda: [_CONTAINER], _take_container),
        Target("abc", lambda: [_ABC], _reader("abc")),
        Target("mei", lambda: [_MEI], _reader("mei")),
        Target("ireal", _ireal_seeds, _reader("irealb")),
        Target("event-text", _event_text_seeds, _reader("txt")),
        Target("prose", _prose_seeds, _reader("txt")),
        Target("bundle", _bundle_seeds("base.rit", "int8.rit"), _take_bundle, 30),
        Target("bundle-card", _member_seeds(CARD, "base.rit", "int8.rit"), _take_member(CARD), 30),
        Target("bundle-weights", _member_seeds(WEIGHTS, "base.rit", "int8.rit"), _take_member(WEIGHTS), 30),
        Target("bundle-graph", _member_seeds(STEP, "base.rit"), _take_member(STEP), 30),
        Target("bundle-music", _member_seeds(MUSIC, "base.rit"), _take_member(MUSIC), 30),
        Target("style", _bundle_seeds("style.rit"), _take_bundle, 30),
        Target("style-card", _member_seeds(CARD, "style.rit"), _take_member(CARD, "style.rit"), 30),
        Target("style-weights", _member_seeds(STYLE, "style.rit"), _take_member(STYLE, "style.rit"), 30),
        Target(
            "checkpoint", _run_seeds("checkpoint.safetensors"), _take_run_file("checkpoint.safetensors"), 10
        ),
        Target("checkpoint-facts", _facts_seeds, _take_facts, 20),
        Target(
            "corpus-card",
            _run_seeds("corpus/corpus.json"),
            _take_run_file("corpus/corpus.json", _sign_corpus),
            20,
        ),
        Target(
            "corpus-index",
            _run_seeds("corpus/index.npy"),
            _take_run_file("corpus/index.npy", _sign_corpus),
            20,
        ),
        Target("message", _message_seeds, _take_message),
        Target("record", _record_seeds, _take_record),
        Target("map", lambda: [b'tempo = 14\npanic = 80\nsurprise = "off"\n'], _take_map),
        Target(
            "settings",
            lambda: [b'bars = 16\ninstruments = ["violin", "cello"]\nout = ["a.mid"]\n'],
            _take_settings,
        ),
    )
}
"""The targets by name."""
