"""Text files: their encodings, the markup of Aozora Bunko, prose as a score."""

from __future__ import annotations

from pathlib import Path

import pytest

from ritornello.corpus.prose import prose_pieces
from ritornello.corpus.scan import find_files, scan
from ritornello.errors import CorpusError, FileError, FormatError
from ritornello.formats import read, write
from ritornello.formats.text import decode_text, is_prose, paragraphs, prose_to_score, without_markup

JAPANESE = "　私はホームズに会った。彼は言った。「何もない。」\n　それから、雨が降り始めた。"
ENGLISH = "“I met him,” he said – naïve as he was – and that was all that was ever said of it.\n"

AOZORA = """緋のエチュード
作者
訳者

-------------------------------------------------------
【テキスト中に現れる記号について】

《》：ルビ
（例）博士《ドクター》
-------------------------------------------------------

［＃ページの左右中央］

第一章　はじめ［＃「第一章　はじめ」は中見出し］

　私は医学｜博士《ドクター》と※［＃「口＋亞」、第3水準1-15-8、U+555E、ページ数-行数］を見た。
［＃挿絵１（fig.png、横1×縦2）入る］
　雨※［＃「不明」、ページ数-行数］だ。

第二章［＃「第二章」は中見出し］
　終わり。

［＃本文終わり］
翻訳の底本：書名
青空文庫作成ファイル：
"""


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "shift_jis", "cp932", "euc_jp", "iso2022_jp"],
)
def test_the_encoding_of_japanese_is_found(encoding: str) -> None:
    assert decode_text(JAPANESE.encode(encoding)) == JAPANESE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_of_english_is_found(encoding: str) -> None:
    assert decode_text(ENGLISH.encode(encoding)) == ENGLISH


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (bytes(range(128, 256)) * 4, "unknown encoding"),
        ("Я помню чудное мгновенье".encode("koi8_r"), "unknown encoding"),
        (b"plain until \x02 here", "control character"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "control character|unknown encoding"),
        (b"<html><body>a page</body>", "XML or HTML"),
        ("\n \u3000\n".encode(), "no words"),
        (b"", "empty"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes(data)
    with pytest.raises(FileError, match=told) as caught:
        read(path)
    assert "odd.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_line_ends_and_the_old_end_of_file_are_normal() -> None:
    assert decode_text(b"one\r\ntwo\rthree\x1a") == "one\ntwo\nthree"


def test_the_markup_of_aozora_is_removed() -> None:
    title, blocks = without_markup(AOZORA)
    assert title == "緋のエチュード"
    assert blocks == [
        ("marker", "第一章 はじめ"),
        ("text", "私は医学博士と啞を見た。"),
        ("text", "雨〓だ。"),
        ("marker", "第二章"),
        ("text", "終わり。"),
    ]


def test_paragraphs_are_lines_in_japanese_and_blocks_elsewhere() -> None:
    assert len(paragraphs(prose_to_score(JAPANESE))) == 2
    assert paragraphs(prose_to_score("a line\nwrapped\n\nanother")) == ["a line wrapped", "another"]


def test_prose_is_written_as_it_is_read(tmp_path: Path) -> None:
    score = prose_to_score("He\u200bsaid\n\nno")
    assert is_prose(score)
    write(score, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "Hesaid\n\nno\n"
    assert paragraphs(read(tmp_path / "a.txt")) == ["Hesaid", "no"]


def test_pieces_begin_at_headings_and_after_a_length() -> None:
    pieces = prose_pieces(prose_to_score(AOZORA))
    assert [paragraphs(piece)[-1] for piece in pieces] == ["私は医学博士と啞を見た。", "雨〓だ。", "終わり。"]
    many = prose_pieces(prose_to_score("\n\n".join(["x" * 500] * 100)))
    assert [len(paragraphs(piece)) for piece in many] == [4] * 25
    assert len(prose_pieces(prose_to_score("\n\n".join(["a few words"] * 20)))) == 10


def test_a_folder_gives_texts_or_music_as_wanted(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("Some words.\n\nAnd more.")
    (tmp_path / "song.txt").write_text("0_90_40_40 480_80_40_00")
    assert [path.name for path in find_files([tmp_path], prose=True)] == ["novel.txt"]
    assert [path.name for path in find_files([tmp_path])] == ["song.txt"]
    (tmp_path / "novel.txt").unlink()
    with pytest.raises(CorpusError, match=r"no text in .*wanted are \.txt"):
        find_files([tmp_path], prose=True)


def test_the_wrong_kind_is_skipped_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("Some words.\n\nAnd more.")
    (tmp_path / "song.txt").write_text("0_90_40_40 480_80_40_00")
    as_music = scan([tmp_path / "novel.txt"]).reports[0]
    as_prose = scan([tmp_path / "song.txt", tmp_path / "novel.txt"], prose=True).reports
    assert as_music.reasons == ("it is prose, not music",)
    assert as_prose[0].reasons == ("it is music; wanted is prose",)
    assert (as_prose[1].verdict, as_prose[1].pieces) == ("used", 2)


def test_a_format_error_names_the_file() -> None:
    with pytest.raises(FormatError, match="poem: no words"):
        prose_to_score("   ", "poem")
