"""The encoding of the texts in a MIDI file, which does not name it.

All texts of a file are taken together: the more text, the surer. UTF-8 is recognised by its form. Then the encodings in
which MIDI files are found (`_CANDIDATES`) are each tried: the letters that they give must be those of one alphabet, in
words with natural capitals, or characters that are common in Chinese, Japanese or Korean. Titles are short, and for
them such rules are surer than statistics. charset-normalizer decides what they leave open; the default is cp1252, which
extends Latin-1.

Read in order: `find_encodings`, `_naturalness`, `_word_scores`.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import compress, pairwise

SAMPLE_BYTES = 2048  # so much text decides; more would only take time
_PLAUSIBLE = 0.5  # the least naturalness of an encoding that is chosen by the rules

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_DECLARED = {b"{@JP}": "cp932", b"{@LATIN}": "cp1252"}
"""What names an encoding in lyrics: the tags of RP-026."""

_WESTERN = (
    "äöüß",
    "àâæçéèêëîïôœùûüÿ",
    "áéíóúüñºª",
    "àáâãçéêíóôõúüºª",
    "àèéìíòóùúîº",
    "æøåéèêóòâôäöü",
    "åäöéàü",
    "áéíóúýðþæö",
    "éëèïöüáíóú",
    "àçéèíïóòúü",
)
_CENTRAL = ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "ăâîşţ", "čćđšž")
_CYRILLIC = (
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "абвгдђежзијклљмнњопрстћуфхцчџш",
)
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",)
_TURKISH = ("çğıiöşüâîû",)
_HEBREW = ("אבגדהוזחטיכךלמםנןסעפףצץקרשת",)
_ARABIC = ("ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىة",)
_THAI = ("กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลวศษสหฬอฮฯะาำเแโใไๅๆ",)
"""Of each script, the letters beyond ASCII of its alphabets."""

_FREQUENT = frozenset(
    "оеаинтсрвлкмдпуяыьіјђ" + "αοιετσνηυρπκλμάίέό" + "יוהלאשרתבמ" + "اليمنوترب" + "านรอกเงมยลวดท"
)
"""The frequent letters of the alphabets other than Latin."""

_CHINESE = (
    "的一是不了在人我有他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道"
    "行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意"
    "无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什"
    "二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿东声花歌曲爱星夜风雨雪水山红白黑"
    "青春夏秋冬梦钢琴吉鼓贝司弦旋律乐章思念孤独飞蝶恋泪光云江河湖梅兰竹菊茉莉童幸福朋友永远故乡亲妈祖北京祝梁"
    "甜蜜伤离别忘路词唱奏交响"
)
_TRADITIONAL = (
    "的一是不了在人我有他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道"
    "行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意"
    "無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什"
    "二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒東聲花歌曲愛星夜風雨雪水山紅白黑"
    "青春夏秋冬夢鋼琴吉鼓貝弦旋律樂章思念孤獨飛蝶戀淚光雲江河湖梅蘭竹菊茉莉童幸福朋友永遠故鄉親媽祖北京祝梁甜"
    "蜜傷離別忘路詞唱奏交響望臺灣"
)
_KOREAN = (
    "이다는의에가을로하고은지사도리를한기어시나아서자그들해대인라일수정있스부보니전게주으상만장여성조제구비오"
    "선원요용과러공진때없신거마관년동미경소생저방연안명문산두르우더말식국너드물모계업개발세데내위회화무면중트"
    "타피노래베멜디반달랑봄름겨울꿈밤별꽃길눈바람친행복작곡편영애향집엄빛터강님와운잊혀추억슬픔외움첫늘땅심춘"
    "악교협현금양남북청설꼬형왈츠"
)
_JAPANESE = (
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川"
    "千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨愛恋夢空星花風夜桜春夏秋冬雪海光心歌曲音楽作編詞"
    "祭道旅夕朝君僕涙声色影翼鳥蝶姫神魔戦士剣王城森主題序終章組交響協奏荒流向歩世界紅蓮弓矢残酷使約束故郷赤黒"
    "青"
)
"""The frequent characters of each language, also in titles and names of instruments."""

_ALPHABETS: dict[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "cp1251": _CYRILLIC,
    "cp1250": _CENTRAL,
    "cp1253": _GREEK,
    "cp1254": _TURKISH,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "cp874": _THAI,
    "koi8_r": _CYRILLIC,
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
    "cp866": _CYRILLIC,
}
_RARE = {"cp1250": 0.98, "cp1254": 0.95, "koi8_r": 0.9}
_RARE |= dict.fromkeys(("cp1253", "cp874", "mac_roman", "cp850", "cp866"), 0.8)
"""Factors of encodings that are rarer than those that give equally good letters."""

_COMMON = {
    "cp932": _JAPANESE,
    "gb18030": _CHINESE,
    "big5hkscs": _TRADITIONAL,
    "cp949": _KOREAN,
    "euc_jp": _JAPANESE,
}
_LEVELS = {
    "cp932": (0x88, 0x97),
    "gb18030": (0xB0, 0xD7),
    "big5hkscs": (0xA4, 0xC6),
    "cp949": (0xB0, 0xC8),
    "euc_jp": (0xB0, 0xCF),
}
"""The first bytes of the common characters in the national standards: of the first level, or of all Hangul."""

_CANDIDATES = (*_ALPHABETS, *_COMMON)  # the order decides between equals

_SIGNS = frozenset("©®™°«»“”‘’„–—…¡¿·№§•")
_APOSTROPHE = "’"  # the only sign between letters
_MISPLACED = re.compile(
    r"\bß|[ìù]\B|ã(?![oes]|\b)|õ(?!e)|œ(?![cdisu])|[ðþ]|[^\x00-\x7f](?<![çéöäü])[^\x00-\x7f]"
)
"""Western letters where they hardly ever stand: within or at the end of a word, or side by side."""

_WIDE_SIGNS = frozenset("、。・ー「」『』々〜～…—　：，？！（）《》★☆♪")
_WORDS = re.compile(r"[^\W\d_]+")


def find_encodings(texts: Iterable[bytes]) -> tuple[str, ...]:
    """Return the encodings of `texts`, which belong together, in the order in which to try them (`decode`)."""
    texts = list(texts)
    sample = tuple(_sample(texts))
    declared = [name for mark, name in _DECLARED.items() if any(mark in text for text in texts)]
    is_declared = len(declared) == 1 and not all(map(_is_utf8, sample))
    return tuple(declared) if is_declared else _encodings_of(sample)


@lru_cache(maxsize=256)  # the files of a folder often have one copyright
def _encodings_of(sample: tuple[bytes, ...]) -> tuple[str, ...]:
    others = [text for text in sample if not _is_utf8(text)]
    if not others:
        return ("utf-8", "cp1252")
    found: dict[str, float] = {}
    for name in _CANDIDATES:
        found[name] = _naturalness(others, name)
        if found[name] == 1:
            break
    best = max(found, key=lambda name: found[name])  # the first of equals
    if found[best] < _PLAUSIBLE:
        best = _detected(others) or "cp1252"
    return ("utf-8", best) if 2 * len(others) <= len(sample) else (best,)


def decode(text: bytes, encodings: Sequence[str]) -> str:
    """Return `text` by its mark (BOM) or by the first of `encodings` that fits, else as Latin-1."""
    for mark, name in _MARKS:
        if text.startswith(mark) and (name != "utf-16" or (len(text) > 2 and len(text) % 2 == 0)):
            return text.decode(name, errors="replace")
    for name in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return text.decode(name)
    return text.decode("latin-1")


def _sample(texts: Iterable[bytes]) -> list[bytes]:
    """Return the different texts that are not ASCII and have no mark, up to `SAMPLE_BYTES`."""
    marks = tuple(mark for mark, _ in _MARKS)
    sample, size = [], 0
    for text in dict.fromkeys(texts):
        if size < SAMPLE_BYTES and not text.isascii() and not text.startswith(marks):
            sample.append(text)
            size += len(text)
    return sample


def _is_utf8(text: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        return bool(text.decode("utf-8"))
    return False


def _naturalness(sample: list[bytes], encoding: str) -> float:
    """Return how natural `sample` reads in an encoding: the mean score, 0 to 1, of its characters beyond ASCII."""
    scores: list[float] = []
    best: dict[str, list[float]] = {}
    for text in sample:
        try:
            decoded = text.decode(encoding)
        except UnicodeDecodeError:
            scores += [0.0] * sum(byte > 127 for byte in text)
            continue
        if encoding in _COMMON:
            scores += _character_scores(decoded, encoding)
            continue
        scores += [_sign_score(decoded, at) for at, c in enumerate(decoded) if c > "\x7f" and not c.isalpha()]
        words = [word for word in _WORDS.findall(decoded) if not word.isascii()]
        for alphabet in _ALPHABETS[encoding]:
            found = best.setdefault(alphabet, [])
            for word in words:
                found += _word_scores(word, alphabet, "".join(_ALPHABETS[encoding]))
    scores += max(best.values(), key=sum, default=[])
    return _RARE.get(encoding, 1.0) * sum(scores) / len(scores) if scores else 0.0


def _word_scores(word: str, alphabet: str, alphabets: str) -> list[float]:
    """Return a score for each letter beyond ASCII: 1 if it is of the alphabet and in a word that looks like one."""
    high = [c > "\x7f" for c in word]
    is_latin = alphabet[0] < "\u0370"
    if (
        any(high) and not all(high)
        if not is_latin
        else any(all(high[at : at + 3]) for at in range(len(high) - 2))
    ):
        return [0.0] * sum(high)
    factor = 1.0
    if any(one.islower() and other.isupper() for one, other in pairwise(word)):
        factor = 0.3
    elif len(word) == 1:
        factor = 0.75
    elif alphabet in _WESTERN and _MISPLACED.search(word.lower()):
        factor = 0.7
    scores = []
    for letter in compress(word, high):
        small = letter.lower()[0]  # that of "İ" has two characters
        score = factor if small in alphabet else 0.4 * factor if small in alphabets else 0.0
        if not is_latin and small not in _FREQUENT:
            score *= 0.7
        if is_latin and letter.isupper() and not (word.startswith(letter) or word.isupper()):
            score = 0.0
        scores.append(score)
    return scores


def _sign_score(text: str, at: int) -> float:
    """Return a score for a sign: 0 for one that texts about music do not have, or not there; less for frames."""
    if "\u2500" <= text[at] <= "\u259f":
        return -1.0
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    is_within = before.isalpha() and after.isalpha() and text[at] != _APOSTROPHE
    return 0.9 if text[at] in _SIGNS and not is_within else 0.0


def _character_scores(text: str, encoding: str) -> list[float]:
    """Return a score for each character beyond ASCII of a Chinese, Japanese or Korean text."""
    low, high = _LEVELS[encoding]
    is_japanese = encoding in ("cp932", "euc_jp")
    scores = []
    for character in text:
        if character <= "\x7f":
            continue
        if "\uff61" <= character <= "\uff9f":  # katakana of half width, in one byte each
            scores.append(0.55 if encoding == "cp932" else 0.0)
        elif "\u3041" <= character <= "\u30fe":
            scores.append(1.0 if is_japanese else 0.3)
        elif character in _COMMON[encoding]:
            scores.append(1.0)
        elif character in _WIDE_SIGNS or "\uff01" <= character <= "\uff5e":
            scores.append(0.8)
        else:
            code = character.encode(encoding)
            is_common = len(code) == 2 and low <= code[0] <= high and character.isalpha()
            scores.append(0.6 if is_common and (encoding != "gb18030" or code[1] > 0xA0) else 0.1)
    return scores


def _detected(sample: list[bytes]) -> str | None:
    """Return what charset-normalizer makes of the texts, or None."""
    from charset_normalizer import from_bytes

    found = from_bytes(b"\n".join(sample), cp_exclusion=["utf_16", "utf_32", "utf_7"]).best()
    return found.encoding if found and found.encoding not in ("ascii", "utf_8") else None
