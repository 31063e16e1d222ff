"""The laws of shards and batches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ritornello import formats
from ritornello.cli import app
from ritornello.corpus import streams as streams_module
from ritornello.corpus.shards import Corpus, build_corpus, open_corpus
from ritornello.corpus.streams import (
    ALL_KEYS,
    Streams,
    Windows,
    held_out_excerpts,
    held_out_pieces,
    validation_windows,
)
from ritornello.errors import ConfigError, CorpusError
from ritornello.representations.base import Ids, candidate_columns
from ritornello.representations.columns import transposition
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score, Track, make_notes
from ritornello.training import loader as loader_module
from ritornello.training.loader import IGNORE, Batch, Loader, ResidentRows, StreamedRows
from ritornello.training.memory import PROCESSOR_ROOM, room_for_rows

BATCH_SIZE, BPTT_STEPS = 3, 8


def make_piece(number: int) -> Score:
    """Return a piece of its own: no other number gives the same tune, also transposed."""
    random = np.random.default_rng(number)
    pitches = random.integers(55, 75, 20 + 7 * number)
    return Score(
        480, (Track(make_notes((240 * i, 240, int(p), 80) for i, p in enumerate(pitches)), 40 + number % 3),)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    for number in range(9):
        formats.write(make_piece(number), folder / f"piece-{number}.mid")
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return build_corpus([folder], tmp_path_factory.mktemp("corpus") / "corpus", validation=0.3)[0]


def read(streams: Streams, count: int) -> list[Batch]:
    return list(map(loader_of(streams.corpus).load, (next(streams) for _ in range(count))))


def loader_of(corpus: Corpus, room: int | None = None) -> Loader:
    return Loader(corpus, torch.device("cpu"), room=room)


def by_definition(corpus: Corpus, windows: Windows) -> Batch:
    """Return the batch, with the columns computed from the transposed ids of each piece."""
    columns = len(corpus.representation.columns)
    inputs = np.zeros((len(windows.piece), windows.steps, columns), dtype=np.int64)
    targets = np.full(inputs.shape[:2], IGNORE)
    for row, count in enumerate(windows.count.tolist()):
        start = int(windows.offset[row])
        piece = corpus.rows(int(windows.piece[row]), semitones=int(windows.semitones[row]))
        inputs[row, :count] = piece[start : start + count]
        targets[row, :count] = piece[start + 1 : start + count + 1, 0]
        targets[row, : int(windows.unscored[row])] = IGNORE
    return Batch(*map(torch.from_numpy, (inputs, targets, windows.reset)), windows.total)


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs)
        and torch.equal(a.targets, b.targets)
        and torch.equal(a.reset, b.reset)
        for a, b in zip(one, other, strict=True)
    )


def test_shards_hold_every_piece_as_encoded(corpus: Corpus, folder: Path) -> None:
    assert len(corpus.index) == 9
    assert isinstance(corpus.shards[0], np.memmap)
    for piece, name in enumerate(corpus.names()):
        ids = corpus.representation.encode(formats.read(name))
        assert np.array_equal(corpus.rows(piece), corpus.representation.inputs(ids))
        assert corpus.index[piece]["notes"] == corpus.representation.tokens.notes[ids].sum()


def test_shards_take_two_bytes_an_id(corpus: Corpus) -> None:
    ids = int(corpus.index["length"].sum())
    assert sum(path.stat().st_size for path in corpus.path.glob("shard-*.bin")) == 2 * ids
    assert corpus.index.itemsize < 40  # a piece


def test_rows_in_another_key_equal_transposed_rows(corpus: Corpus) -> None:
    for piece in range(len(corpus.index)):
        expected = transposition(corpus.representation, 3)(corpus.rows(piece))
        assert np.array_equal(corpus.rows(piece, 5, 17, 3), expected[5:17])


@pytest.mark.parametrize(
    ("room", "block"), [(None, loader_module.BLOCK), (0, 1), (0, 20), (4000, 20), (1 << 20, 1 << 16)]
)
def test_batches_are_by_definition_wherever_the_rows_lie(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, room: int | None, block: int
) -> None:
    monkeypatch.setattr(loader_module, "BLOCK", block)
    monkeypatch.setattr(loader_module, "OVERLAP", 16)
    monkeypatch.setattr(loader_module, "AHEAD", 2)
    streams, loader = Streams(corpus, BATCH_SIZE, BPTT_STEPS), loader_of(corpus, room)
    for steps in (BPTT_STEPS, 5, 16):
        streams.bptt_steps = steps
        windows = [next(streams) for _ in range(30)] + list(
            validation_windows(held_out_excerpts(corpus), 2, 16)
        )
        expected = [by_definition(corpus, each) for each in windows]
        assert same(list(map(loader.load, windows)), expected)
        scored = [int((each.targets != IGNORE).sum()) for each in expected]
        unscored = [int(each.unscored.sum()) for each in windows]
        assert [each.total for each in expected] == [sum(each) for each in zip(scored, unscored, strict=True)]


def test_streamed_rows_take_no_more_than_their_room(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "BLOCK", 20)
    monkeypatch.setattr(loader_module, "OVERLAP", 16)
    monkeypatch.setattr(loader_module, "AHEAD", 2)
    per_id = loader_module.bytes_per_id(corpus)
    assert per_id == 2 * len(corpus.representation.columns)
    for room, most in ((0, 2 * BATCH_SIZE + 2), (300 * per_id, 300 // 20)):
        streams, loader = Streams(corpus, BATCH_SIZE, BPTT_STEPS), loader_of(corpus, room)
        assert isinstance(loader.rows, StreamedRows)
        for _ in range(40):
            loader.load(next(streams))
            assert 1 <= len(loader.rows._blocks) <= most


def test_the_room_for_rows_is_bounded_and_shared_by_processes() -> None:
    room = room_for_rows(torch.device("cpu"))
    assert 0 < room <= PROCESSOR_ROOM
    assert room_for_rows(torch.device("cpu"), 1000) <= PROCESSOR_ROOM // 1000


def test_rows_that_all_cores_derive_are_those_of_each_piece(corpus: Corpus) -> None:
    lengths, in_memory = corpus.index["length"], replace(corpus, path=Path())
    for each in (corpus, in_memory):
        rows = loader_of(each).rows
        assert isinstance(rows, ResidentRows)
        rows.derive()
        assert rows._is_known.all()
        for piece, (start, length) in enumerate(zip(rows._start, lengths, strict=True)):
            assert np.array_equal(rows._rows[start : start + length], corpus.rows(piece))


def test_pieces_are_held_out_by_seed(folder: Path, tmp_path: Path) -> None:
    def held_out(seed: int, name: str) -> set[str]:
        corpus, _ = build_corpus([folder], tmp_path / name, seed=seed, validation=0.3)
        return {corpus.names()[piece] for piece in corpus.pieces(validation=True)}

    assert held_out(0, "a") == held_out(0, "b")
    assert len({frozenset(held_out(seed, f"c{seed}")) for seed in range(6)}) > 1
    assert 1 <= len(held_out(0, "d")) < 9


def test_a_row_goes_on_where_it_was_and_begins_pieces_with_a_reset(corpus: Corpus) -> None:
    streams = Streams(corpus, BATCH_SIZE, BPTT_STEPS, semitones=(0,))
    streams.state = {
        "epoch": 0,
        "place": BATCH_SIZE,
        "streams": [[int(p), 0, 0] for p in streams._order[:BATCH_SIZE]],
    }
    pieces_of: list[list[list[int]]] = [[] for _ in range(BATCH_SIZE)]
    for batch in read(streams, 60):
        for row in range(BATCH_SIZE):
            if batch.reset[row]:
                pieces_of[row].append([])
            scored = batch.targets[row] != IGNORE
            pieces_of[row][-1] += batch.inputs[row, scored, 0].tolist()
    pieces = {tuple(corpus.ids(p)[:-1].tolist()) for p in corpus.pieces(validation=False)}
    complete = [tuple(piece) for row in pieces_of for piece in row[:-1]]
    assert len(complete) > 8
    assert set(complete) <= pieces, "a row left its piece, or lost a part of it"


def test_targets_are_the_next_ids(corpus: Corpus) -> None:
    for batch in read(Streams(corpus, BATCH_SIZE, BPTT_STEPS), 20):
        follows = batch.targets[:, :-1] != IGNORE
        follows &= batch.targets[:, 1:] != IGNORE
        assert np.array_equal(batch.inputs[:, 1:, 0][follows], batch.targets[:, :-1][follows])


@pytest.mark.parametrize("count", [1, 7, 40])
def test_resumed_equals_uninterrupted(corpus: Corpus, count: int) -> None:
    streams = Streams(corpus, BATCH_SIZE, BPTT_STEPS, seed=3)
    read(streams, count)
    state = json.loads(json.dumps(streams.state))  # as a checkpoint would keep it
    resumed = Streams(corpus, BATCH_SIZE, BPTT_STEPS, seed=3)
    resumed.state = state
    assert same(read(streams, 50), read(resumed, 50))


def test_seeds_differ_and_repeat(corpus: Corpus) -> None:
    def start(seed: int) -> list[Batch]:
        return read(Streams(corpus, BATCH_SIZE, BPTT_STEPS, seed=seed), 5)

    assert same(start(1), start(1))
    assert not same(start(1), start(2))


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_are_disjoint_and_together_read_what_one_would(corpus: Corpus, ranks: int) -> None:
    alone = Streams(corpus, 4, BPTT_STEPS)
    shares = [Streams(corpus, 4, BPTT_STEPS, rank=rank, ranks=ranks) for rank in range(ranks)]
    for _ in range(60):
        whole, parts = next(alone), [next(share) for share in shares]
        for name in ("piece", "offset", "count", "semitones", "reset"):
            together = np.concatenate([getattr(part, name) for part in parts])
            assert np.array_equal(together, getattr(whole, name))
        assert {part.total for part in parts} == {int(whole.count.sum())}
        assert all(share.state == alone.state for share in shares)
    assert alone.state["epoch"] > 0
    pieces = [row[0] for row in alone.state["streams"]]
    assert len(set(pieces)) > 1


def test_held_out_pieces_are_shared_out(corpus: Corpus) -> None:
    def targets(**share: int) -> int:
        windows = validation_windows(held_out_pieces(corpus), 2, BPTT_STEPS, **share)
        return sum(int(each.count.sum()) for each in windows)

    assert targets(rank=0, ranks=2) + targets(rank=1, ranks=2) == targets()


def test_transposing_changes_ids_hints_the_key_and_the_move_only(corpus: Corpus) -> None:
    plain, moved = (Streams(corpus, BATCH_SIZE, BPTT_STEPS, semitones=moves) for moves in ((0,), ALL_KEYS))
    moves = set()
    ids = [0, *candidate_columns(corpus.representation)]
    names = [column.name for column in corpus.representation.columns]
    others = [
        number for number, name in enumerate(names) if number not in ids and name not in ("key", "moved")
    ]
    for one, other in zip(read(plain, 40), read(moved, 40), strict=True):
        notes = torch.tensor(corpus.representation.tokens.notes)
        is_note = (notes[one.inputs[..., 0]] > 0) & (one.targets != IGNORE)
        assert torch.equal(one.inputs[..., others], other.inputs[..., others])
        stays = ~is_note & (one.inputs[..., 0] >= len(corpus.representation.tokens.start_ids))
        assert torch.equal(one.inputs[..., 0][stays], other.inputs[..., 0][stays])
        moves |= set((other.inputs[..., 0] - one.inputs[..., 0])[is_note].tolist())
    assert len(moves) > 4
    assert min(moves) >= -5
    assert max(moves) <= 6


def test_pieces_are_moved_by_what_is_listed_and_nothing_else(corpus: Corpus) -> None:
    streams = Streams(corpus, BATCH_SIZE, BPTT_STEPS, semitones=(-2, 3, 1000))
    seen = set()
    for _ in range(40):
        next(streams)
        seen |= {row[2] for row in streams.state["streams"]}
    assert seen == {-2, 3}


def test_held_out_pieces_come_once_each_in_their_own_key(corpus: Corpus) -> None:
    for rows, window in ((1, 16), (2, 5), (8, 1000)):
        batches = list(map(loader_of(corpus).load, validation_windows(held_out_pieces(corpus), rows, window)))
        scored = torch.cat([b.targets[b.targets != IGNORE] for b in batches])
        expected = [corpus.ids(p)[1:] for p in corpus.pieces(validation=True)]
        assert sorted(scored.tolist()) == sorted(np.concatenate(expected).tolist())
        assert sum(int(b.reset.sum()) for b in batches) == len(expected)


def test_excerpts_score_every_id_of_the_held_out_pieces_once(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "EXCERPT", 20)
    monkeypatch.setattr(streams_module, "WARM_UP", 6)
    excerpts = held_out_excerpts(corpus, seed=1)
    targets = {int(piece): int(corpus.index["length"][piece]) - 1 for piece in corpus.pieces(validation=True)}
    places = sorted(
        (piece, place)
        for piece, offset, count, unscored in np.stack(list(vars(excerpts).values()), axis=1).tolist()
        for place in range(offset + unscored, offset + count)
    )
    assert places == [(piece, place) for piece, count in sorted(targets.items()) for place in range(count)]
    assert (excerpts.count - excerpts.unscored).max() <= 20
    # Of one piece they are equally long, and warmed up by six ids unless they begin it.
    for piece in targets:
        of_piece = excerpts[excerpts.piece == piece]
        assert np.ptp(of_piece.count - of_piece.unscored) <= 1
        assert sorted(of_piece.unscored.tolist()) == [0] + [6] * (len(of_piece) - 1)
    assert 74 < excerpts.up_to(100).ids <= 100 < excerpts.ids
    assert len(excerpts.up_to(1)) == 1
    # A seed draws their order.
    assert np.array_equal(held_out_excerpts(corpus, seed=1).offset, excerpts.offset)
    assert not np.array_equal(held_out_excerpts(corpus, seed=2).offset, excerpts.offset)


def test_a_damaged_corpus_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not a corpus"):
        open_corpus(tmp_path)
    card = json.loads((corpus.path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps(card | {"version": 99}))
    np.save(tmp_path / "index.npy", corpus.index)
    with pytest.raises(CorpusError, match="version 99"):
        open_corpus(tmp_path)


def test_a_corpus_that_stores_columns_is_to_be_read_again(corpus: Corpus, tmp_path: Path) -> None:
    card = json.loads((corpus.path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps(card | {"version": 1}))
    np.save(tmp_path / "index.npy", corpus.index)
    with pytest.raises(
        CorpusError, match=r"version 1, .* reads 3; train again from the files, without --resume"
    ):
        open_corpus(tmp_path)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the encoding of pieces of 20 notes fail."""
    encode = Multitrack.encode

    def fail(self: Multitrack, score: Score) -> Ids:
        if score.note_count == 20:
            raise ZeroDivisionError("a bug")
        return encode(self, score)

    monkeypatch.setattr(Multitrack, "encode", fail)


FAILED = "cannot be encoded: unexpected ZeroDivisionError: a bug"


@pytest.mark.usefixtures("failing")
def test_a_piece_whose_encoding_fails_is_reported(folder: Path, tmp_path: Path) -> None:
    corpus, found = build_corpus([folder], tmp_path / "corpus", validation=0.3)
    assert len(corpus.index) == 8
    assert found.summary()["verdicts"] == {"failed": 1, "used": 8}
    (report,) = [report for report in found.reports if not report.is_used]
    assert (report.path.name, report.reasons) == ("piece-0.mid", (FAILED,))
    assert corpus.left_out() == [f"{report.path}: {FAILED}"]
    settings = (
        "--steps 1 --hidden 8 --layers 1 --embedding 8 --batch 2 --window 16 --samples 0 --evaluations 1"
    )
    told = CliRunner().invoke(app, ["train", str(folder), "-o", str(tmp_path / "m.rit"), *settings.split()])
    assert f"1 file could not be used: piece-0.mid {FAILED}" in " ".join(told.stdout.split())


@pytest.mark.usefixtures("failing")
def test_if_all_encodings_fail_that_is_the_reason(tmp_path: Path) -> None:
    for number in range(3):
        piece = make_piece(0)
        piece.tracks[0].notes["pitch"][number] += 1
        formats.write(piece, tmp_path / "files" / f"{number}.mid")
    with pytest.raises(CorpusError, match=rf"nothing is left to train on: .*0\.mid: {FAILED}"):
        build_corpus([tmp_path / "files"], tmp_path / "corpus")


def test_too_little_to_learn_from_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.mid").write_bytes(b"MThd is not enough")
    notes = make_notes((480 * i, 480, 60 + i % 7, 80) for i in range(8))  # two bars
    formats.write(Score(480, (Track(notes),)), tmp_path / "good.mid")
    with pytest.raises(CorpusError, match=r"1 of 2 files.*or one with more bars: broken\.mid"):
        build_corpus([tmp_path], tmp_path / "corpus")
    assert not list(tmp_path.glob("corpus*"))
    with pytest.raises(ConfigError, match="unknown representation"):
        build_corpus([tmp_path], tmp_path / "corpus", representation="multitrak")
