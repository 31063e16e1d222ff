"""Words in MIDI files: karaoke, lyric events, their syllables, and the track that sings them."""

from __future__ import annotations

import pytest
from build import meta, midi_bytes, mtrk, note

from ritornello.formats.midi import midi_to_bytes, parse_midi, write_midi
from ritornello.score import Score, Text, Track, make_notes

MELODY = [event for i in range(7) for event in note(480 * i, 400, 60 + i, 3)]
CHORDS = [event for i in range(28) for event in note(120 * i, 100, 48, 1)]
DRUMS = [event for i in range(7) for event in note(480 * i, 100, 36, 9)]
SYLLABLES = ["Twin-", "kle", "twin-", "kle", "lit-", "tle", "star"]

STYLES = {
    "karaoke": ["\\Twin", "kle ", "twin", "kle ", "/lit", "tle ", "star"],
    "trailing spaces": ["Twin", "kle ", "twin", "kle\r", "lit", "tle ", "star.\n"],
    "leading spaces": ["Twin", "kle", " twin", "kle", "\r\nlit", "tle", " star"],
    "hyphens": SYLLABLES,
    "hyphens and spaces": ["Twin-", "kle ", "twin-", "kle ", "lit-", "tle ", "star "],
}


def words(kind: int, texts: list[str], late: int = 0) -> list[tuple[int, bytes]]:
    return [meta(480 * i + late, kind, text) for i, text in enumerate(texts)]


def sung(score: Score) -> list[tuple[str, list[str]]]:
    assert parse_midi(midi_to_bytes(score)) == score
    return [
        (t.name, [text.text.rstrip(".") for text in t.texts if text.kind == "lyric"]) for t in score.tracks
    ]


@pytest.mark.parametrize("style", STYLES)
def test_syllables(style: str) -> None:
    kind = 1 if style == "karaoke" else 5
    header = [meta(0, 1, "@KMIDI KARAOKE FILE")] if kind == 1 else []
    score = parse_midi(midi_bytes(mtrk(*header, *words(kind, STYLES[style]), *MELODY)))
    assert sung(score) == [("", SYLLABLES)]


def test_words_without_spaces_are_words() -> None:
    assert sung(parse_midi(midi_bytes(mtrk(*words(5, ["la", "la"]), *MELODY)))) == [("", ["la", "la"])]
    japanese = [meta(480 * i, 5, text.encode()) for i, text in enumerate(["さ", "く", "ら "])]
    assert sung(parse_midi(midi_bytes(mtrk(*japanese, *MELODY)))) == [("", ["さ", "く", "ら"])]


@pytest.mark.parametrize("late", [0, 20, -20])
def test_a_karaoke_file(late: int) -> None:
    tags = [meta(0, 1, text) for text in ("@LENGL", "@TTwinkle", "@TAnybody", "@Ifree")]
    verse = words(1, STYLES["karaoke"])
    verse = verse[:1] + [(tick + late, event) for tick, event in verse[1:]]
    header = mtrk(meta(0, 3, "Soft karaoke"), meta(0, 1, "@KMIDI KARAOKE FILE"), meta(0, 1, "@V0100"))
    parts = [mtrk(meta(0, 3, name), *part) for name, part in (("a", CHORDS), ("b", MELODY), ("c", DRUMS))]
    score = parse_midi(midi_bytes(header, mtrk(meta(0, 3, "Words"), *tags, *verse), *parts))
    assert score.title == "Twinkle"
    assert [text.text for text in score.texts if text.kind == "text"] == ["Anybody", "free"]
    assert sung(score) == [("a", []), ("b", SYLLABLES), ("c", [])]
    assert [text.tick for text in score.tracks[1].texts] == [480 * i for i in range(7)]


def test_the_words_of_format_0_go_to_the_channel_that_they_fit() -> None:
    score = parse_midi(midi_bytes(mtrk(*words(5, SYLLABLES), *CHORDS, *MELODY, *DRUMS), format=0))
    assert [len(track.texts) for track in score.tracks] == [0, 7, 0]
    assert sung(score)[1][1] == SYLLABLES


def test_words_said_twice_are_sung_once() -> None:
    twice = [meta(0, 1, "@KMIDI"), *words(1, STYLES["karaoke"]), *words(5, STYLES["karaoke"])]
    assert sung(parse_midi(midi_bytes(mtrk(*twice, *MELODY)))) == [("", SYLLABLES)]


def test_words_that_fit_no_track_are_the_scores() -> None:
    score = parse_midi(midi_bytes(mtrk(meta(9000, 5, "la")), mtrk(*MELODY), mtrk(*DRUMS)))
    assert score.texts == (Text(9000, "lyric", "la"),)


def test_plain_texts_are_not_sung() -> None:
    texts = [meta(480 * i, 1, text) for i, text in enumerate(["Intro", "Verse", "Solo"])]
    assert [text.kind for text in parse_midi(midi_bytes(mtrk(*texts), mtrk(*MELODY))).texts] == ["text"] * 3


def test_facts_in_braces() -> None:
    first = meta(0, 5, "{@LATIN}{#Title=Lied}{#Composer=Anna}{#Lyrics=Bert}Sch\xf6")
    score = parse_midi(midi_bytes(mtrk(first, meta(480, 5, "ne "), meta(960, 5, "Welt"), *MELODY)))
    assert score.title == "Lied"
    assert [(text.kind, text.text) for text in score.texts] == [("composer", "Anna"), ("lyricist", "Bert")]
    assert sung(score) == [("", ["Schö-", "ne", "Welt"])]


def test_japanese_is_declared_and_its_readings_left_out() -> None:
    texts = [
        meta(0, 5, b"{@JP}"),
        meta(0, 5, "桜[さくら]".encode("cp932")),
        meta(480, 5, "ﾊﾙ".encode("cp932")),
    ]
    assert sung(parse_midi(midi_bytes(mtrk(*texts, *MELODY)))) == [("", ["桜", "ﾊﾙ"])]


@pytest.mark.parametrize(
    ("text", "syllable"),
    [
        (" /la\\r \\n/ ", "la"),
        ("a" + 50_000 * " " + "b", "a" + 50_000 * " " + "b"),
        ("a{#" + 50_000 * "b", "a{#" + 50_000 * "b"),
        ("a{#b{@c}}d", "ad"),
        ("a" + 5_000 * "{#" + 5_000 * "}", None),
    ],
)
def test_odd_texts(text: str, syllable: str | None) -> None:
    """The long ones would take minutes if time grew with the square of their length."""
    score = parse_midi(midi_bytes(mtrk(meta(0, 5, text), *MELODY)))
    assert [found.text for found in score.tracks[0].texts] == ([syllable] if syllable else [])


def test_the_words_of_an_xf_file() -> None:
    content = mtrk(meta(0, 7, "$Lyrc:4:0:L1"), *words(5, STYLES["trailing spaces"]))
    data = midi_bytes(mtrk(*MELODY)) + b"XFKM" + len(content).to_bytes(4, "big") + content
    score = parse_midi(data)
    assert (sung(score), score.repairs) == ([("", SYLLABLES)], ())


def test_people_chords_and_verses_in_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lyrics = (Text(0, "lyric", "Hal-"), Text(0, "lyric", "Sec-", verse=2), Text(480, "lyric", "lo"))
    texts = (Text(0, "composer", "Anna B."), Text(0, "lyricist", "Bert"), Text(0, "chord", "Dm7/G"))
    score = Score(
        480, (Track(make_notes([(0, 480, 60, 80), (480, 480, 62, 80)]), texts=lyrics),), texts=texts
    )
    assert write_midi(score, tmp_path / "a.mid") == ("1 lyric of further verses",)
    again = parse_midi((tmp_path / "a.mid").read_bytes())
    assert again.texts == (*texts[:2], Text(0, "marker", "Dm7/G"))
    assert again.tracks[0].texts == (lyrics[0], lyrics[2])
