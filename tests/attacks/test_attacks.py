"""What readers of other programs fall for, refused in one line: the files run nothing, reach no other file, and ask for
no more than a file of theirs needs."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import small_network
from onnx import TensorProto, helper, numpy_helper

from ritornello import formats
from ritornello.bundle import Facts, load_bundle, load_network, save_bundle
from ritornello.bundle.archive import (
    CARD,
    MUSIC,
    STEP,
    STYLE,
    WEIGHTS,
    pack_weights,
    unzip_members,
    zip_members,
)
from ritornello.errors import BundleError, CorpusError, FileError, FormatError, RitornelloError
from ritornello.generation import step_limits
from ritornello.generation.stepper import Stepper
from ritornello.originality import build_index
from ritornello.representations import make_representation
from ritornello.testing.samples import make_song

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a good bundle."""
    path = tmp_path_factory.mktemp("good") / "good.rit"
    representation = make_representation("frames", {"steps_per_quarter": 1, "lags": []})
    index = build_index([("song", make_song())])
    save_bundle(path, small_network(representation), representation, Facts(name="good"), index=index)
    return unzip_members(path, path.read_bytes())


def refused(kind: type[RitornelloError], call: Callable[[], object], most: int = 30 * MEGABYTE) -> str:
    """Return the one line with which a call is refused; it takes at most so many bytes of memory for Python's objects
    and arrays."""
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            call()
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


class Planted:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


# --- code -----------------------------------------------------------------------------------------------------


def test_no_pickle_is_run(members: dict[str, bytes], tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    code = pickle.dumps(Planted(planted))
    refused(BundleError, lambda: load_bundle(code))
    for content in ({"data.pkl": code}, members | {"data.pkl": code}, members | {CARD: code}, members | {WEIGHTS: code},
                    members | {STEP: code}):  # fmt: skip
        refused(BundleError, lambda content=content: Stepper(load_bundle(zip_members(content))))
    import torch

    file = io.BytesIO()
    torch.save(Planted(planted), file)
    refused(BundleError, lambda: load_bundle(file.getvalue()))
    assert not planted.exists()
    pickle.loads(code)
    assert planted.exists(), "the pickle would have done it"


def test_no_pickle_in_the_arrays_of_a_corpus_is_run(tmp_path: Path) -> None:
    from ritornello.corpus import shards

    planted = tmp_path / "planted"
    np.save(tmp_path / "index.npy", np.array([Planted(planted)], dtype=object))
    card = {
        "version": shards.FORMAT_VERSION,
        "digest": "",
        "shards": 0,
        "representation": "steps",
        "config": {},
    }
    card["checksums"] = {"index.npy": shards._checksum(tmp_path / "index.npy")}
    (tmp_path / "corpus.json").write_text(json.dumps(card | {"checksum": shards._checksum_of_card(card)}))
    assert "Object arrays cannot be loaded" in refused(CorpusError, lambda: shards.open_corpus(tmp_path))
    assert not planted.exists()


# --- archives -------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("member", [CARD, STEP, MUSIC])
def test_a_zip_bomb_in_a_model_is_refused_unread(members: dict[str, bytes], member: str) -> None:
    bomb = zip_members(members | {member: bytes(60 * MEGABYTE)})
    assert len(bomb) < 100_000
    assert "62914560 bytes" in refused(BundleError, lambda: load_bundle(bomb))


def test_a_false_size_does_not_hide_a_zip_bomb(members: dict[str, bytes]) -> None:
    bomb = zip_members(members | {CARD: bytes(60 * MEGABYTE)})
    refused(
        BundleError,
        lambda: load_bundle(bomb.replace(struct.pack("<I", 60 * MEGABYTE), struct.pack("<I", 9000))),
    )


def test_a_zip_bomb_in_a_score_is_refused_unread() -> None:
    bomb = zipped(("a.xml", bytes(100 * MEGABYTE)))
    assert "larger than" in refused(FormatError, lambda: formats.read(bomb, "mxl"))


def test_entries_that_overlap_are_counted_together() -> None:
    """As in the zip bombs of Fifield: hundreds of names for the same packed bytes."""
    file = io.BytesIO(zipped(("a.xml", bytes(40 * MEGABYTE))))
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(500):
            info = zipfile.ZipInfo(f"{number}.xml")
            vars_of = archive.getinfo("a.xml")
            for name in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(info, name, getattr(vars_of, name))
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True
    refused(FormatError, lambda: formats.read(file.getvalue(), "mxl"), 300 * MEGABYTE)


def test_a_gzip_bomb_is_refused() -> None:
    bomb = gzip.compress(b"MThd" + bytes(80 * MEGABYTE), mtime=0)
    assert len(bomb) < 100_000
    refused(FormatError, lambda: formats.read(bomb, "mid"), 300 * MEGABYTE)


@pytest.mark.parametrize("name", ["../planted", "/tmp/planted", "..\\planted", "card.json/../../planted"])
def test_names_that_lead_elsewhere_are_refused_or_read_in_place(
    members: dict[str, bytes], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert "not a bundle: it holds" in refused(
        BundleError, lambda: load_bundle(zip_members(members | {name: b"x"}))
    )
    container = f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'.encode()
    refused(
        FormatError, lambda: formats.read(zipped(("META-INF/container.xml", container), (name, b"x")), "mxl")
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_a_name_with_line_breaks_is_told_in_one_line(members: dict[str, bytes]) -> None:
    """Found by the fuzz target `style`."""
    message = refused(BundleError, lambda: load_bundle(zip_members({CARD: b"{}", "a\n\x1b[2Jb\u2028": b""})))
    assert "it holds a  [2Jb , card.json; expected" in message


def test_the_model_of_a_style_lies_beside_it() -> None:
    base = {"file": "../other.rit", "digest": "0" * 16}
    card = {"format": "ritornello style", "version": 1, "name": "x", "base": base}
    style = zip_members({CARD: json.dumps(card).encode(), STYLE: pack_weights({})})
    assert "base.file" in refused(BundleError, lambda: load_bundle(style))


# --- tensors --------------------------------------------------------------------------------------------------


def tensors(header: Any, data: bytes = bytes(64)) -> bytes:
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + data


def tensor(*shape: int, begin: int = 0, end: int = 64) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "content",
    [
        tensors({"a": tensor(16), "b": tensor(16)}),  # both are the same bytes
        tensors({"a": tensor(10, end=40), "b": tensor(10, begin=24, end=64)}),  # they overlap
        tensors(
            {"a": tensor(4, end=16), "b": tensor(4, begin=48)}
        ),  # a hole, in which anything could be hidden
        tensors({"a": tensor(1 << 62, 1 << 62)}),
        tensors({"a": tensor(1 << 40, end=4 << 40)}),
        tensors({"a": tensor(16, begin=64, end=0)}),
        struct.pack("<Q", 1 << 63) + b"{}",
        struct.pack("<Q", 99 * MEGABYTE) + b"{}",
        tensors(b'{"a":' * 100_000),
        b"",
    ],
    ids=[
        "twice",
        "overlap",
        "hole",
        "overflow",
        "beyond",
        "backwards",
        "header",
        "large-header",
        "deep",
        "empty",
    ],
)
def test_tensors_that_do_not_lie_side_by_side_are_refused(members: dict[str, bytes], content: bytes) -> None:
    for changed in ({WEIGHTS: content}, {MUSIC: content or b"{}"}):
        refused(BundleError, lambda changed=changed: load_bundle(zip_members(members | changed)).index)


def test_an_index_of_millions_of_notes_is_refused_before_it_is_unpacked(members: dict[str, bytes]) -> None:
    many = {
        "steps": np.zeros(30 * MEGABYTE, np.uint8),
        "about": np.zeros(2, np.uint8),
        "first": np.zeros(1, np.int64),
    }
    bundle = load_bundle(zip_members(members))
    vars(bundle)["music"] = pack_weights(many)
    assert "31457280 notes" in refused(BundleError, lambda: bundle.index, 100 * MEGABYTE)


def test_a_network_that_the_columns_do_not_fit_is_refused(members: dict[str, bytes]) -> None:
    card = json.loads(members[CARD])
    card["network"]["config"]["features"] = [[[1.0, 2.0]]]
    bundle = load_bundle(zip_members(members | {CARD: json.dumps(card).encode()}))
    refused(BundleError, lambda: load_network(bundle))
    card["vocabulary_size"] = 10**9
    assert "vocabulary_size 1000000000 is not" in refused(
        BundleError, lambda: load_bundle(zip_members(members | {CARD: json.dumps(card).encode()}))
    )


# --- graphs ---------------------------------------------------------------------------------------------------

Nodes = list[onnx.NodeProto]


def constant(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value), name)


def with_nodes(
    step: bytes, nodes: Nodes, *constants: onnx.TensorProto, first: bool = True
) -> onnx.ModelProto:
    """Return the step graph with further nodes, whose result, the scalar "extra", is added to the logits."""
    model = onnx.load_from_string(step)
    model.graph.initializer.extend(constants)
    logits = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["plain_logits" if name == logits else name for name in node.output]
        node.input[:] = ["plain_logits" if name == logits else name for name in node.input]
    whole = [
        helper.make_node("Cast", ["columns"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["cast"], ["scalar"], keepdims=0),
        *nodes,
        helper.make_node("Add", ["plain_logits", "extra"], [logits]),
    ]
    model.graph.node.extend(whole)
    return model


def stepper_of(members: dict[str, bytes], model: onnx.ModelProto) -> Stepper:
    return Stepper(load_bundle(zip_members(members | {STEP: model.SerializeToString()})))


def endless_loop() -> Nodes:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("v", TensorProto.FLOAT, []),
        ],
        [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, [])],
    )
    return [helper.make_node("Loop", ["most", "yes", "scalar"], ["extra"], body=body)]


def test_a_graph_that_loops_is_refused(members: dict[str, bytes]) -> None:
    model = with_nodes(members[STEP], endless_loop(), constant("most", 1 << 62), constant("yes", True))
    assert "operator 'Loop' holds a graph" in refused(BundleError, lambda: stepper_of(members, model))


def test_a_graph_with_operators_of_its_own_is_refused(members: dict[str, bytes]) -> None:
    inner = helper.make_node("Identity", ["a"], ["b"])
    model = with_nodes(members[STEP], [helper.make_node("Mine", ["scalar"], ["extra"], domain="mine")])
    opsets = [helper.make_opsetid("", 17)]
    model.opset_import.append(helper.make_opsetid("mine", 1))
    assert "'Mine' is of the unknown domain" in refused(BundleError, lambda: stepper_of(members, model))
    model.functions.append(helper.make_function("mine", "Mine", ["a"], ["b"], [inner], opsets))
    assert "operators of its own" in refused(BundleError, lambda: stepper_of(members, model))


def test_a_graph_that_asks_for_gigabytes_is_refused(members: dict[str, bytes]) -> None:
    expand = [
        helper.make_node("Expand", ["scalar", "shape"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["extra"], keepdims=0),
    ]
    model = with_nodes(members[STEP], expand, constant("shape", [1 << 30, 4]))
    message = refused(BundleError, lambda: stepper_of(members, model))
    assert "the first step of the network failed" in message
    assert message.endswith(f"it asks for {4 << 32} bytes of memory; allowed are {step_limits.MOST_MEMORY}")


def test_a_graph_whose_first_step_has_no_end_is_refused(
    members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_limits, "LONGEST", 0.3)
    product = [helper.make_node("Expand", ["scalar", "shape"], ["m0"])]
    product += [helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(1000)]
    product += [helper.make_node("ReduceMax", ["m1000"], ["extra"], keepdims=0)]
    model = with_nodes(members[STEP], product, constant("shape", [768, 768]))
    assert "it takes more than 0.3 seconds" in refused(BundleError, lambda: stepper_of(members, model))


def test_the_numbers_of_a_graph_are_read_from_no_other_file(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(bytes(4))
    for place in (str(tmp_path / "secret"), "../secret", "secret"):
        outside = constant("outside", np.float32(0))
        outside.ClearField("raw_data")
        outside.data_location = TensorProto.EXTERNAL
        outside.external_data.add(key="location", value=place)
        model = with_nodes(
            members[STEP], [helper.make_node("Add", ["scalar", "outside"], ["extra"])], outside
        )
        refused(BundleError, lambda model=model: stepper_of(members, model))


def test_logits_of_another_size_are_refused(members: dict[str, bytes]) -> None:
    model = with_nodes(members[STEP], [helper.make_node("Expand", ["scalar", "shape"], ["extra"])],
                       constant("shape", [3, 1]))  # fmt: skip
    assert "gives logits of shape (3, " in refused(BundleError, lambda: stepper_of(members, model))


def test_a_later_step_that_fails_is_refused(members: dict[str, bytes]) -> None:
    """A graph that works for the input of the first step only."""
    gather = [
        helper.make_node("Cast", ["scalar"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["values", "place"], ["extra"]),
    ]
    stepper = stepper_of(
        members, with_nodes(members[STEP], gather, constant("values", np.zeros(1, np.float32)))
    )
    columns = np.ones((1, len(json.loads(members[CARD])["column_sizes"])), dtype=np.int64)
    state = stepper.initial_state(1)
    assert "a step of the network failed" in refused(BundleError, lambda: stepper.step(columns, state))
    assert "a step of the network failed" in refused(BundleError, stepper.start(columns, state))


# --- texts ----------------------------------------------------------------------------------------------------

LAUGHS = '<!DOCTYPE a [<!ENTITY b "haha">' + "".join(
    f'<!ENTITY b{n} "{f"&b{n - 1 or str()};" * 10}">' for n in range(1, 10)
)
SCORE = "<score-partwise>{}</score-partwise>"


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS + "]>" + SCORE.format("&b9;"),
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + SCORE.format("&b;"),
        SCORE.format("<a>" * 200_000),
    ],
    ids=["laughs", "file", "deep"],
)
def test_hostile_xml_is_refused(text: str) -> None:
    refused(FormatError, lambda: formats.read(text.encode(), "musicxml"), 100 * MEGABYTE)


@pytest.mark.parametrize(
    "text",
    [
        "1099511627776_90_3c_50 " * 2000,
        "1099511627776_90_3c_50\n" * 2000,  # a track each
        '#ritornello-events {"tempos": [[99999999999999999999, 500000]]}\n0_90_3c_50\n',  # found, as the next
        "0_90_3c_50 " + "\n" * 100_000,  # found by the fuzz target `event-text`: an OverflowError
    ],
    ids=["one-track", "tracks", "header", "lines"],
)
def test_words_that_ask_for_millions_of_events_are_refused(text: str) -> None:
    refused(FormatError, lambda: formats.read(text.encode(), "txt"))


def test_prose_does_not_take_the_square_of_its_length() -> None:
    """Each of these took minutes: the pattern of the footer, and notes that are not closed."""
    for text in ("《a》" + "\n" * 60_000, "《あ》" + "［＃「" * 30_000, "《あ》" + "※［＃U+" * 20_000):
        assert formats.read((text + "語").encode(), "txt").texts[-1].text.endswith("語")


def test_code_points_that_are_no_characters_stay_as_they_are() -> None:
    text = "《あ》\n".join(f"猫※［＃「」、U+{point}］" for point in ("732B", "FFFFFF", "D800"))
    found = [paragraph.text for paragraph in formats.read(text.encode(), "txt").texts]
    assert found == ["猫猫", "猫〓", "猫〓"]


def test_blank_lines_in_xml_do_not_take_the_square_of_their_number() -> None:
    """Found by the fuzz target `musicxml`: 100 kB took 40 seconds."""
    message = refused(
        FormatError, lambda: formats.read(b'<?xml version="1.0" en' + b"\n" * 300_000, "musicxml")
    )
    assert "not a MusicXML file, or a damaged one" in message


def numbers(path: Path, content: bytes) -> Iterator[str]:
    from ritornello.live.ports.controls import read_controls

    path.write_bytes(content)
    yield refused(FileError, lambda: read_controls(path))


@pytest.mark.parametrize(
    "content", [b"tempo = " + b"9" * 5000, b"tempo = " + b"[" * 5000, b"a = 1\n" * MEGABYTE]
)
def test_hostile_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    assert all("map.toml" in message for message in numbers(tmp_path / "map.toml", content))


def test_a_value_too_long_to_show_is_refused(tmp_path: Path, run: Any) -> None:
    (tmp_path / "a.toml").write_text(f"bars = 0x{'f' * 9000}\n")
    code, _, errors = run("compose", "songs", "--config", "a.toml")
    assert (code, errors.count("\n")) == (2, 1)
    assert "too long to show" in errors


def test_a_checkpoint_with_a_giant_header_is_refused(tmp_path: Path) -> None:
    from ritornello.training.checkpoint import load_checkpoint

    path = tmp_path / "checkpoint.safetensors"
    for content in (
        struct.pack("<Q", 1 << 62) + b"{}",
        tensors(b'{"a":' * 100_000),
        zlib.compress(b"x"),
        b"",
    ):
        path.write_bytes(content)
        assert "damaged checkpoint" in refused(FileError, lambda: load_checkpoint(path))
