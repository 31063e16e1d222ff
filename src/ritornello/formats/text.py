"""Plain text files <-> `Score`: event words (see `event_text`), or prose.

A score of prose has no tracks. Its texts of kind "text" are the paragraphs, numbered by their ticks; those of kind
"marker" are headings, which stand at the paragraph that they precede and are not part of the prose.

- The encoding is found: UTF-8, UTF-16, ISO-2022-JP, Shift_JIS, EUC-JP, Windows-1252.
- Where a text is Japanese, each line is a paragraph; elsewhere paragraphs end at empty lines.
- The markup of Aozora Bunko is removed: header and footer, ruby, notes of the typist, headings.
- A word boundary where no space is written can be marked by WORD_BREAK, as Unicode has it.

Read in order: `parse_text`, `prose_to_score`, `without_markup`, `decode_text`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ritornello.errors import FormatError
from ritornello.formats.event_text import is_event_text, midi_to_text, text_to_midi
from ritornello.formats.midi import parse_midi
from ritornello.formats.midi_writer import midi_to_bytes
from ritornello.paths import write_text
from ritornello.score import Score, Text

MAX_BYTES = 256 << 20

WORD_BREAK = "\u200b"
"""Zero-width space: marks where a word ends in scripts that write no spaces."""

UNSPACED = "\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Kana and Chinese characters, as the inside of a character class: scripts that write no spaces."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")
_MARKUP = re.compile(r"\s*<[?!a-zA-Z]")


def parse_text(data: bytes, name: str = "the text") -> Score:
    """Return the score of the bytes of a text of event words or prose; raise FormatError for anything else."""
    text = decode_text(data, name)
    if is_event_text(text):
        return parse_midi(text_to_midi(text, name), name)
    if _MARKUP.match(text):
        raise FormatError(f"{name}: it begins as XML or HTML does; wanted is plain text")
    return prose_to_score(text, name)


def write_text_file(score: Score, path: Path | str) -> tuple[str, ...]:
    """Write prose as paragraphs, music as event words; return what was left out, in words."""
    if is_prose(score):
        write_text(Path(path), prose_of(score) + "\n")
        return ()
    text, left_out = midi_to_text(midi_to_bytes(score), str(path))
    write_text(Path(path), text)
    return left_out


# --- prose ----------------------------------------------------------------------------------------------------


def is_prose(score: Score) -> bool:
    """Return whether a score is prose: paragraphs, and no tracks or tempos."""
    return not score.tracks and not score.tempos and any(text.kind == "text" for text in score.texts)


def paragraphs(score: Score) -> list[str]:
    """Return the paragraphs of a score of prose."""
    return [text.text for text in score.texts if text.kind == "text"]


def prose_of(score: Score) -> str:
    """Return a score of prose as people read it: an empty line between paragraphs."""
    return "\n\n".join(paragraphs(score)).replace(WORD_BREAK, "")


def prose_to_score(text: str, name: str = "the text") -> Score:
    """Return prose as a score, its markup removed; raise FormatError if there is nothing in it."""
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
    """Return the title (empty unless the text is Aozora Bunko's) and the blocks: (kind, text) of `prose_to_score`."""
    title = ""
    if _IS_AOZORA.search(text):
        title, text = _without_frame(text)
    blocks = []
    for block in _blocks(text):
        kind = "marker" if _HEADING.search(block) else "text"
        block = _CODE_POINT.sub(lambda match: chr(int(match[1], 16)), block) if "※" in block else block
        block = " ".join(_NOTE.sub("", _UNKNOWN.sub("〓", block)).split())
        if block:
            blocks.append((kind, block))
    return title, blocks


def _without_frame(text: str) -> tuple[str, str]:
    """Return the title, and the text without the header that explains its signs and without its footer."""
    rules = list(_RULE.finditer(text))
    title = ""
    if len(rules) >= 2:
        title = text[: rules[0].start()].strip().split("\n")[0].strip()
        text = text[rules[1].end() :]
    return title, _FOOTER.sub("", text)


def _blocks(text: str) -> list[str]:
    if re.search(f"[{UNSPACED}]", text):
        return text.splitlines()
    return re.split(r"\n\s*\n", text)


# --- encodings ------------------------------------------------------------------------------------------------

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_JAPANESE = re.compile(f"[{UNSPACED}\u3000-\u303f\uff01-\uff5e\u2010-\u2027]")
_MOST_WESTERN = 0.15
"""Share of bytes above 127 up to which a text that is no UTF-8 is taken for Windows-1252."""


def decode_text(data: bytes, name: str = "the text") -> str:
    """Return the text of bytes in whichever encoding they are; raise FormatError if it is none of those known."""
    for encoding in _likely_encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding not in ("shift_jis", "cp932", "euc_jp") or _is_japanese(text):
            return _checked(text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a"), name)
    raise FormatError(
        f"{name}: unknown encoding; known are UTF-8, UTF-16, ISO-2022-JP, Shift_JIS, EUC-JP and Windows-1252"
    )


def _likely_encodings(data: bytes) -> list[str]:
    """Return the encodings to try, best first."""
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    if marked:
        return marked
    if 0 in data[:4096] and len(data) % 2 == 0:  # what other encoding has zeros?
        return sorted(("utf-16-le", "utf-16-be"), key=lambda encoding: -_share_of_letters(data, encoding))
    if b"\x1b$" in data:
        return ["iso2022_jp", "utf-8"]
    high = sum(byte > 127 for byte in data[:65536]) / len(data[:65536])
    rest = ["cp1252"] if high < _MOST_WESTERN else ["euc_jp", "cp932"]
    return ["utf-8", *rest]


def _share_of_letters(data: bytes, encoding: str) -> float:
    """Return the share of ASCII and Japanese in the beginning of a text."""
    text = data[:4096].decode(encoding, errors="replace")
    return (sum(" " <= letter <= "~" for letter in text) + len(_JAPANESE.findall(text))) / len(text)


def _is_japanese(text: str) -> bool:
    """Return whether most of what is not ASCII is kana, Chinese characters or Japanese punctuation."""
    wide = sum(ord(letter) > 127 for letter in text)
    return len(_JAPANESE.findall(text)) > 0.9 * wide


def _checked(text: str, name: str) -> str:
    found = _CONTROL.search(text)
    if found:
        raise FormatError(f"{name}: no text: a control character, {found[0]!r}, at character {found.start()}")
    return text
