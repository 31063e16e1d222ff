"""Prose as words: segmentation, sentences and quotes, unknown words, from a novel to sentences."""

# ruff: noqa: F811  a fixture has the name that its tests ask for

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from fakes import small_network
from test_cli import ritornello  # noqa: F401  a fixture

from ritornello.bundle import Facts, save_bundle
from ritornello.corpus.shards import build_corpus
from ritornello.errors import ConfigError, MissingExtraError
from ritornello.formats.text import paragraphs, prose_of, prose_to_score
from ritornello.representations import Conditions
from ritornello.representations.words import Words, segmentation
from ritornello.representations.words.grammar import END, PARAGRAPH, UNKNOWN
from ritornello.representations.words.segmentation import join_words, split_words

PROSE = "He said : “ yes . ” Then he went .\n\nThere was no more ( as ever ) to say ."

JAPANESE = pytest.mark.skipif(importlib.util.find_spec("fugashi") is None, reason="needs fugashi")


def fit(text: str = PROSE, **options: int) -> Words:
    return Words.fit([Words.collect_statistics(prose_to_score(text))], options)


def written(words: Words, ids: list[int]) -> list[str]:
    return [words.tokens.name(token) for token in ids]


@JAPANESE
def test_japanese_is_divided_into_words() -> None:
    assert split_words("私はホームズに会った。") == ["私", "は", "ホームズ", "に", "会っ", "た", "。"]
    assert split_words("Mr. ホームズ said") == ["Mr.", "ホームズ", "said"]


def test_words_put_together_come_apart_again() -> None:
    words = ["私", "は", "Holmes", "said", "。", "〓", "は"]
    joined = join_words(words)
    assert joined.replace("\u200b", "") == "私はHolmes said。〓は"
    assert split_words(joined, known=set(words)) == words


def test_without_fugashi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fugashi", None)
    segmentation._japanese.cache_clear()
    with pytest.raises(MissingExtraError, match=r'pip install "ritornello\[text\]"'):
        split_words("私は")
    segmentation._japanese.cache_clear()


def test_rare_words_can_be_left_out() -> None:
    assert fit().vocabulary_size > fit(least=2).vocabulary_size
    words = fit(least=2)
    assert UNKNOWN in words.encode(prose_to_score(PROSE))
    with pytest.raises(ConfigError, match="option leest"):
        fit(leest=2)


def test_paragraphs_come_back() -> None:
    words = fit()
    ids = words.encode(prose_to_score(PROSE))
    assert (ids == PARAGRAPH).sum() == 1
    assert paragraphs(words.decode(ids)) == paragraphs(prose_to_score(PROSE))


def test_an_unknown_word_of_a_primer_goes_to_the_nearest_and_is_told() -> None:
    words = fit()
    primer = prose_to_score("There wass xyzzy")
    assert written(words, words.primer(primer).tolist())[1:] == ["There", "was", "〓"]
    assert words.substitutions(primer) == (
        "wass is not in the vocabulary: was stands for it",
        "xyzzy is not in the vocabulary: 〓 stands for it",
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_quote_closes_and_nothing_unknown_is_written(seed: int) -> None:
    words, random = fit(), np.random.default_rng(seed)
    grammar, ids = words.grammar(Conditions(bars=6)), []
    while not grammar.ended:
        ids.append(int(random.choice(np.flatnonzero(grammar.allowed_mask()))))
        grammar.advance(ids[-1])
    names = written(words, ids)
    assert UNKNOWN not in ids
    assert names.count("“") == names.count("”")
    assert names.count("(") == names.count(")")
    assert grammar.place[0] == 5  # the sixth sentence
    assert ids[-1] == END


@pytest.fixture
def model(tmp_path: Path) -> Path:
    words = fit()
    save_bundle(tmp_path / "novel.rit", small_network(words), words, Facts(name="novel"))
    return tmp_path / "novel.rit"


def test_compose_prints_sentences_and_says_what_it_mapped(ritornello, model: Path) -> None:
    done = ritornello("compose", model, "--primer", "There wass", "--bars", 2, "--seed", 1)
    assert done.code == 0, done.err
    assert done.out.startswith("There was")
    assert "wass is not in the vocabulary: was stands for it" in done.err
    assert "\u200b" not in done.out
    again = ritornello("compose", model, "--primer", "There wass", "--bars", 2, "--seed", 1, "-o", "a.txt")
    assert again.code == 0, again.err
    assert Path("a.txt").read_text(encoding="utf-8") == done.out.rstrip("\n") + "\n"


def test_compose_of_prose_as_json(ritornello, model: Path) -> None:
    done = ritornello("compose", model, "--notes", 7, "--seed", 2, "--json")
    (piece,) = json.loads(done.out)["pieces"]
    assert len(piece["text"].split()) == 7
    assert piece["files"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "a.mid"], "a.mid: this model writes prose"),
        (["--primer", "\u3000"], "the primer: no words in it"),
        (["--tempo", "90"], "tempo 90.0: a model of words cannot be asked for it"),
    ],
)
def test_what_prose_cannot_be_is_refused(ritornello, model: Path, arguments: list[str], told: str) -> None:
    done = ritornello("compose", model, *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert told in done.err


def test_one_novel_has_a_held_out_part(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("\n\n".join(f"Word number {n} is here ." for n in range(60)))
    corpus, found = build_corpus([tmp_path / "novel.txt"], tmp_path / "corpus", representation="words")
    assert len(found.used) == 1
    assert len(corpus.pieces(validation=True)) == 1
    assert len(corpus.pieces(validation=False)) > 5
    assert corpus.names()[1].endswith("novel.txt#2")
    ids = [corpus.ids(piece) for piece in range(len(corpus.index))]
    text = " ".join(prose_of(corpus.representation.decode(piece)) for piece in ids)
    assert [n for n in text.split() if n.isdecimal()] == [str(n) for n in range(60)]


def test_the_smallest_text_is_too_small(tmp_path: Path) -> None:
    from ritornello.errors import CorpusError

    (tmp_path / "haiku.txt").write_text("One line only .")
    with pytest.raises(CorpusError, match="at least 2 are needed"):
        build_corpus([tmp_path / "haiku.txt"], tmp_path / "corpus", representation="words")
