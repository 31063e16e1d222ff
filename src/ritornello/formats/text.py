"""Plain text files <-> `Score`: event words (see `event_text`), or prose.

A score of prose has no tracks. Its texts of kind "text" are the paragraphs, numbered by their ticks; those of kind
"marker" are headings, with the tick of the paragraph that they precede; they are not part of the prose.

- The encoding is detected: UTF-8, UTF-16, ISO-2022-JP, Shift_JIS, EUC-JP, Windows-1252.
- In a Japanese text each line is a paragraph; in others paragraphs end at empty lines.
- The markup of Aozora Bunko is removed: header and footer, ruby, editorial notes, headings.
- WORD_BREAK can mark a word boundary without a space.

Read in order: `parse_text`, `prose_to_score`, `without_markup`, `decode_text`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ritornello.errors import FormatError
from ritornello.paths import write_text
from ritornello.score import Score, Text

MAX_BYTES = 256 << 20

WORD_BREAK = "\u200b"
"""Zero-width space: marks the end of a word in scripts without spaces."""

UNSPACED = "\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Kana and Chinese characters, as the inside of a character class: scripts without spaces."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")
_MARKUP = re.compile(r"\s*<[?!a-zA-Z]")


def parse_text(data: bytes, name: str = "the text") -> Score:
    """Return the score of a text of event words or prose, given as bytes; raise FormatError for anything else."""
    from ritornello.formats.event_text import (
        is_event_text,
        text_to_midi,
    )  # slow to import, with readers of MIDI
    from ritornello.formats.midi import parse_midi

    text = decode_text(data, name)
    if is_event_text(text):
        return parse_midi(text_to_midi(text, name), name)
    if _MARKUP.match(text):
        raise FormatError(f"{name}: it begins as XML or HTML; allowed is plain text")
    return prose_to_score(text, name)


def primer_of(text: str, prose: bool = False, name: str = "the primer") -> Score:
    """Return the score of a text that is MIDI event words or a list of notes (`notelist`); with `prose`, of prose.

    Raises ConfigError or FormatError for a text that is none.
    """
    from ritornello.formats.event_text import is_event_text, text_to_midi
    from ritornello.formats.midi import parse_midi
    from ritornello.notelist import notes_to_score

    if prose:
        return prose_to_score(text, name)
    if is_event_text(text):
        return parse_midi(text_to_midi(text, name), name)
    return notes_to_score(text)


def write_text_file(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write prose as paragraphs, music as event words; return descriptions of what was left out."""
    if is_prose(score):
        write_text(Path(path), prose_of(score) + "\n")
        return ()
    from ritornello.formats.event_text import midi_to_text
    from ritornello.formats.midi_writer import midi_to_bytes

    text, left_out = midi_to_text(midi_to_bytes(score), str(path))
    write_text(Path(path), text)
    return left_out


# --- prose ----------------------------------------------------------------------------------------------------


def is_prose(score: Score) -> bool:
    """Return whether a score is prose: it has paragraphs, and no tracks or tempos."""
    return not score.tracks and not score.tempos and any(text.kind == "text" for text in score.texts)


def paragraphs(score: Score) -> list[str]:
    """Return the paragraphs of a score of prose."""
    return [text.text for text in score.texts if text.kind == "text"]


def prose_of(score: Score) -> str:
    """Return the text of a score of prose, with an empty line between paragraphs."""
    return "\n\n".join(paragraphs(score)).replace(WORD_BREAK, "")


def prose_to_score(text: str, name: str = "the text") -> Score:
    """Return prose as a score, without markup; raise FormatError if it has no words."""
    title, blocks = without_markup(text)
    texts: list[Text] = []
    number = 0
    for kind, block in blocks:
        texts.append(Text(number, kind, block))
        number += kind == "text"
    if not number:
        raise FormatError(f"{name}: no words in it")
    return Score(1, texts=tuple(texts), title=title)


# --- Aozora Bunko ---------------------------------------------------------------------------------------------

_RULE = re.compile(r"^-{20,}\s*$", re.MULTILINE)
_FOOTER = re.compile(r"^\s*(?:［＃本文終わり］|(?:翻訳の)?底本：).*\Z", re.MULTILINE | re.DOTALL)
_IS_AOZORA = re.compile(r"《[^《》\n]{1,40}》|［＃[^］\n]+］")
_HEADING = re.compile(r"［＃(?:「[^」\n]*(?:」[^」\n]*)*」は)?(?:大|中|小|同行|窓)[^］\n]*見出し］")
_CODE_POINT = re.compile(r"※［＃[^］\n]*U\+([0-9A-Fa-f]{4,6})[^］\n]*］")
_UNKNOWN = re.compile(r"※［＃[^］\n]*］")
_NOTE = re.compile(r"［＃[^］\n]*］|《[^《》\n]{1,60}》|｜")


def without_markup(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the title (only of an Aozora Bunko text) and the blocks, as (kind, text) of `prose_to_score`.

    The header of Aozora Bunko, between two rules, explains its signs; it and the footer are left out.
    """
    title = ""
    if _IS_AOZORA.search(text):
        rules = list(_RULE.finditer(text))
        if len(rules) >= 2:
            title = text[: rules[0].start()].strip().split("\n")[0].strip()
            text = text[rules[1].end() :]
        text = _FOOTER.sub("", text)
    blocks = []
    is_japanese = re.search(f"[{UNSPACED}]", text)
    for block in text.splitlines() if is_japanese else re.split(r"\n\s*\n", text):
        kind = "marker" if _HEADING.search(block) else "text"
        block = _CODE_POINT.sub(lambda match: chr(int(match[1], 16)), block) if "※" in block else block
        block = " ".join(_NOTE.sub("", _UNKNOWN.sub("〓", block)).split())
        if block:
            blocks.append((kind, block))
    return title, blocks


# --- encodings ------------------------------------------------------------------------------------------------

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_JAPANESE = re.compile(f"[{UNSPACED}\u3000-\u303f\uff01-\uff5e\u2010-\u2027]")
_MOST_WESTERN = 0.15
"""Share of bytes above 127 up to which a text that is not UTF-8 is decoded as Windows-1252."""


def decode_text(data: bytes, name: str = "the text") -> str:
    """Return the text of bytes in any known encoding; raise FormatError for others and for control characters."""
    for encoding in _likely_encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        wide = sum(ord(letter) > 127 for letter in text)
        if encoding in ("cp932", "euc_jp") and len(_JAPANESE.findall(text)) <= 0.9 * wide:
            continue  # decoded without error, but not into Japanese
        text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")
        if found := _CONTROL.search(text):
            raise FormatError(
                f"{name}: no text: a control character, {found[0]!r}, at character {found.start()}"
            )
        return text
    raise FormatError(
        f"{name}: unknown encoding; known are UTF-8, UTF-16, ISO-2022-JP, Shift_JIS, EUC-JP and Windows-1252"
    )


def _likely_encodings(data: bytes) -> list[str]:
    """Return the encodings to try, best first."""
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    if marked:
        return marked
    if 0 in data[:4096] and len(data) % 2 == 0:  # no other encoding has zeros
        return sorted(("utf-16-le", "utf-16-be"), key=lambda encoding: -_share_of_letters(data, encoding))
    if b"\x1b$" in data:
        return ["iso2022_jp", "utf-8"]
    high = sum(byte > 127 for byte in data[:65536]) / len(data[:65536])
    rest = ["cp1252"] if high < _MOST_WESTERN else ["euc_jp", "cp932"]
    return ["utf-8", *rest]


def _share_of_letters(data: bytes, encoding: str) -> float:
    """Return the share of ASCII and Japanese at the beginning of a text."""
    text = data[:4096].decode(encoding, errors="replace")
    return (sum(" " <= letter <= "~" for letter in text) + len(_JAPANESE.findall(text))) / len(text)
