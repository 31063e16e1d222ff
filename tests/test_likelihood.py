"""The likelihood of given pieces: many in one batch, against one id after another with a grammar."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import small_network

from ritornello.bundle import Facts, save_bundle
from ritornello.errors import ConfigError
from ritornello.generation import Model, likelihood, load
from ritornello.generation.likelihood import Example, examples_of, grouped, judge, judge_group
from ritornello.likelihood import Likelihood
from ritornello.representations import REPRESENTATIONS
from ritornello.representations.base import Ids, Representation
from ritornello.score import Score
from ritornello.testing.representations import fit, random_piece, sample

CASES: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in REPRESENTATIONS}
CASES |= {f"melody, {encoding}": ("melody", {"encoding": encoding}) for encoding in ("lookback", "key")}


@pytest.fixture(scope="module", params=sorted(CASES))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An untrained model of every representation."""
    name, options = CASES[request.param]
    representation = fit(REPRESENTATIONS[name], options)
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"))
    return load(path)


def pieces_of(representation: Representation) -> list[Score]:
    """Return the sample and short pieces, all with notes."""
    random, found = np.random.default_rng(3), [sample(representation)]
    while len(found) < 5:
        piece = random_piece(representation, random)
        with suppress(ConfigError):
            if sum(len(example.ids) for example in examples_of(representation, piece)) < 300:
                found.append(piece)
    return found


def judged_slowly(model: Model, pieces: list[Ids]) -> dict[int, Likelihood]:
    """Return the likelihood by bar, -1 for what is before the first note: id by id, with forks of the grammar."""
    representation, found = model.bundle.representation, defaultdict[int, Likelihood](Likelihood)
    no_event = representation.tokens.no_event
    for ids in pieces:
        grammar, state = representation.grammar(), model.stepper.initial_state(1)

        def effect(token: int) -> tuple[Any, ...]:
            if no_event < 0 or token >= representation.start_id:  # the end is an event
                return (token,)
            fork = grammar.fork()  # noqa: B023
            fork.advance(token)
            return (fork.notes, *fork.columns[1:])

        grammar.advance(int(ids[0]))
        for following in ids[1:].tolist():
            logits, state = model.stepper.step([grammar.columns], state)
            log_probability = float(logits[0, following] - np.logaddexp.reduce(logits[0].astype(np.float64)))
            is_right = effect(int(logits[0].argmax())) == effect(following)
            is_event = no_event < 0 or effect(following) != effect(no_event)
            bar, notes = grammar.place[0], grammar.notes
            grammar.advance(following)
            found[bar if grammar.notes else -1] += Likelihood(
                log_probability, 1, grammar.notes - notes, is_right, is_event, is_right and is_event
            )
    return found


def assert_same(one: Likelihood, other: Likelihood) -> None:
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-5)
    assert list(vars(one).values())[1:] == list(vars(other).values())[1:]


def test_a_batch_gives_the_figures_of_one_id_after_another(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two rows of each of two threads, so that pieces begin where others end; and each piece by itself."""
    monkeypatch.setattr(likelihood, "ROWS", 2)
    monkeypatch.setattr(likelihood, "FEW_IDS", 1)
    monkeypatch.setattr(likelihood, "processor_count", lambda: 2)
    representation = model.bundle.representation
    scores = pieces_of(representation)
    examples = [examples_of(representation, score) for score in scores]
    progress: list[tuple[int, int]] = []
    together = judge_group(
        representation, model.stepper, examples, lambda done, count: progress.append((done, count))
    )
    count = sum(map(len, examples))
    assert sorted(progress) == [(done, count) for done in range(1, count + 1)]
    for score, each, (header, bars) in zip(scores, examples, together, strict=True):
        slow = judged_slowly(model, [example.ids for example in each])
        assert_same(header, slow.pop(-1, Likelihood()))
        assert len(bars) == max(slow) + 1
        for number, bar in enumerate(bars):
            assert_same(bar, slow[number])
        assert_same(model.likelihood(score), sum(bars, header))
    assert [one.tokens for one in model.likelihoods(scores)] == [
        sum(bars, header).tokens for header, bars in together
    ]


def test_the_surprises_of_the_notes_are_the_likelihood(model: Model) -> None:
    """Notes, what stands before them and after: together the nats of the piece. Each part is a surprise, 0 or more."""
    representation = model.bundle.representation
    for score in pieces_of(representation):
        found, judged = model.surprise(score), model.likelihood(score)
        assert found.likelihood == judged
        parts = [(note.time_nats, note.pitch_nats, note.length_nats) for note in found.notes]
        assert [sum(each) for each in parts] == pytest.approx([note.nats for note in found.notes])
        assert min(map(min, parts)) > -1e-9
        total = sum(note.nats for note in found.notes) + found.before + found.after
        assert total == pytest.approx(-judged.log_likelihood, rel=1e-9)
        assert sum(bar.notes for bar in found.bars) == len(found.notes)
        assert sum(bar.nats for bar in found.bars) == pytest.approx(total - found.before - found.after)
        for note in found.notes:
            shares = [each.probability for each in note.instead]
            assert shares == sorted(shares, reverse=True)
            assert sum(shares) <= 1 + 1e-6
            if note.track >= 0:
                assert found.score.tracks[note.track].notes["pitch"][note.index] == note.pitch
        if not representation.reads_prose:
            assert len({(note.track, note.index) for note in found.notes}) == len(found.notes)


def test_an_end_that_is_never_expected_is_not_judged(tmp_path: Path) -> None:
    representation = fit(REPRESENTATIONS["melody"], {})
    network = small_network(representation, network="magenta_lstm", given=2)
    save_bundle(tmp_path / "tiny.rit", network, representation, Facts(name="tiny"))
    ids = representation.encode(sample(representation))
    stepper = load(tmp_path / "tiny.rit").stepper
    whole, without = (judge(representation, stepper, each) for each in (ids, ids[:-1]))
    assert whole == without
    assert whole.tokens == len(ids) - 2


def test_groups_are_bounded_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "MOST_IDS", 10)
    lengths = [[4], [3, 3], [1], [25], [2], [8]]
    scores = [[Example(*np.zeros((3, length), np.int64)) for length in score] for score in lengths]
    groups = [[[len(example.ids) for example in score] for score in group] for group in grouped(scores)]
    assert groups == [[[4], [3, 3]], [[1]], [[25]], [[2], [8]]]


def test_an_error_in_a_thread_is_raised(model: Model) -> None:
    representation = model.bundle.representation
    examples = examples_of(representation, sample(representation))

    def stop(done: int, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_group(representation, model.stepper, [examples], stop)
