"""The General MIDI program, or the key of the drum kit, that a name on a score stands for.

Names are those of parts and their abbreviations in English, German, French and Italian, and the words of MusicXML's
sounds ("wind.reed.clarinet"). A longer name is taken before a shorter one ("alto sax" before "alto"), and an
instrument before a register ("tenor banjo" is a banjo, "tenor" a voice).

A row of the tables is a program or key with its names; "*" stands for any ending of a word. Accents are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ritornello.theory.instruments import DRUM_NAMES, DRUMS, INSTRUMENTS

_INSTRUMENTS: dict[int, str] = {
    0: "piano*, pianoforte, fortepiano, klavier*, clavier, hammerklavier, flugel, fluegel, hammerflugel, keyboard*",
    3: "honky tonk*",
    4: "electric piano*, e piano, epiano, rhodes, wurlitzer, piano electrique, piano elettrico",
    6: "harpsichord*, cembal*, clavecin*, clavicembalo, clavichord*, spinet*, virginal*, continuo, basso continuo",
    7: "clavinet*",
    8: "celest*, toy piano",
    9: "glockenspiel*, campanelli, jeu de timbres, bell lyre, crotal*, orchestra bells",
    10: "music box, spieldose, spieluhr, boite a musique",
    11: "vibra*, vibes",
    12: "marimba*, pitched",
    13: "xylo*, xilof*, silofono",
    14: "tubular bell*, chimes, bells, handbell*, rohrenglocken, roehrenglocken, campane, cloches, carillon, glocken",
    15: "dulcimer*, hammer dulcimer, hackbrett, cimbalom*, salterio, psalter*, zither*, cithare, cetra",
    16: "hammond*, drawbar*, electric organ, e orgel, orgue electrique",
    18: "rock organ, rotary organ",
    19: "organ*, orgel*, orgue*, pedal, pedale, manual, manuale, man, ped",
    20: "harmonium*, reed organ",
    21: "accord*, akkord*, fisarmonica, ziehharmonika, melodeon, concertin*, konzertina",
    22: "harmonica*, mundharmonika, armonica*",
    23: "bandone*",
    24: "guit*, gitar*, chitar*, classical guitar, nylon string, konzertgitarre, ukulele*, lute*, laute*, luth, liuto, "
    "theorb*, tiorba, vihuela, oud, archlute, cavaquinho",
    25: "acoustic guitar*, steel guitar*, steel string, westerngitarre, mandol*, bouzouki, balalaika, requinto",
    26: "jazz guitar*",
    27: "electric guitar*, e git*, egit*, guitare elec*, chitarra elettrica, lead guitar*, rhythm guitar*",
    29: "overdriv*",
    30: "distort*",
    32: "acoustic bass*, upright bass*",
    33: "bass guitar*, electric bass*, e bass, ebass, bassgit*, basse elec*, basso elettrico, e bass, guitar bass",
    35: "fretless*",
    36: "slap bass*",
    38: "synth bass*",
    40: "violin, violins, violino, violini, violine, violinen, violon, violons, geige*, solo violin",
    41: "viola, violas, viole, violen, bratsche*, viola d amore",
    42: "cello*, celli, violonc*, viola da gamba, gamba, gambe*, viol, viols, baryton, arpeggione",
    43: "contrabass, contrabasses, contrabassi, contrabbass*, contrabasso, contrebasse*, kontrabass, kontrabasse, "
    "kontrabasse*, doublebass*, double bass*, string bass*, violone, violoni",
    45: "pizzicato",
    46: "harp, harps, harfe*, harpe*, arpa, arpe",
    47: "timpan*, pauke*, timbales, kettle*",
    50: "synth strings*",
    52: "choir aahs",
    54: "synth voice, synth choir, voice synth",
    56: "trumpet*, trompet*, tromba, trombe, clarin, clarino, clarini, cornet*, kornett*, cornett*, zink, flugelhorn*, "
    "fluegelhorn*, bugle*, flicorno",
    57: "trombon*, posaun*, sackbut*, saqueboute",
    58: "tuba*, basstuba, sousaphon*, euphoni*, bombardon, helicon, ophicleid*, serpent, cimbasso, baritone horn*, "
    "tenorhorn, saxhorn*, fiscorn",
    59: "muted trumpet*",
    60: "horn, horns, french horn*, waldhorn*, horner, hoerner, corno, corni, cor, cors, alphorn, althorn, posthorn*, "
    "natural horn*, wagner*, jagdhorn*, hunting horn*",
    61: "brass section",
    62: "synth brass*",
    64: "soprano sax*, sopransax*, sax* soprano, sassofono soprano, sopranino sax*",
    65: "sax*, sassof*, alto sax*, altsax*, altosax*",
    66: "tenor sax*, tenorsax*, sax* tenor*, saxophone tenor, sassofono tenore",
    67: "baritone sax*, bari sax*, baritonsax*, barytonsax*, saxophone baryton, sax baritono, bass sax*, basssax*, "
    "contrabass sax*, sassofono baritono, sax baritone",
    68: "obo*, hautb*, reed",
    69: "english horn*, cor anglais, cors anglais, corno inglese, corni inglesi, englischhorn*, englisch horn*, "
    "oboe d amore, oboe da caccia, heckelphon*",
    70: "bassoon*, fagot*, basson, bassons, contrabassoon*, contra bassoon*, kontrafag*, contrafag*, contrebasson*, "
    "dulcian*, sarrusophon*, fagotto",
    71: "clar*, klarin*, basset horn*, bassetthorn*, basset, corno di bassetto, chalumeau*, taragot*, bassklar*",
    72: "piccol*, pikkol*, flauto piccolo, piccolo flute, ottavino, petite flute, kleine flote, fife*",
    73: "flut*, flot*, floet*, flaut*, travers*, querfl*, flute traversiere, flauto traverso",
    74: "recorder*, blockfl*, flauto dolce, flauti dolci, flute a bec, flutes a bec, flageolet*, flautino",
    75: "pan flute*, panfl*, pan pipes, panpipe*, flute de pan",
    76: "bottle*",
    77: "shakuhachi",
    78: "whistle*, tin whistle*",
    79: "ocarina*, okarina*",
    88: "new age",
    89: "pad",
    104: "sitar*",
    105: "banjo*",
    106: "shamisen, pipa, biwa",
    107: "koto, guzheng, guqin",
    108: "kalimba, mbira",
    109: "bagpipe*, dudelsack*, cornemuse*, zampogna, gaita, uilleann*, musette, pipes",
    110: "fiddle*, erhu, rebec, nyckelharpa, hardanger*",
    111: "shawm*, schalmei*, bombarde*, crumhorn*, krummhorn*, shanai, shehnai, duduk, zurna, suona",
    114: "steel drum*, steel pan*, steelpan*",
    116: "taiko*",
    DRUMS: "drum*, drum set*, drum kit*, drumset*, drumkit*, schlagz*, schlagw*, batterie*, batteria, perc*, perk*, "
    "snare*, bass drum*, side drum*, cymbal*, becken, piatti, triang*, tambour*, tambur*, grancassa, gran cassa, "
    "grosse caisse, caisse claire, grosse trommel, kleine trommel, tam tam, tamtam, gong*, hi hat*, hihat*, "
    "castan*, kastagn*, claves, maracas, congas, bongos, woodblock*, wood block*, cowbell*, shaker*",
}  # fmt: skip

_REGISTERS: dict[int, str] = {
    24: "pluck",
    48: "strings, string*, streicher, archi, cordes",
    52: "voice*, vocal*, vox, voix, voce, voci, choir*, chor, chore, chorus, coro, cori, choeur*, choral*, chant, "
    "canto, gesang, "
    "singstimme*, stimme*, singer*, sopran*, mezzo*, contralto, alto, altos, alti, alt, altus, contratenor, "
    "tenor*, bariton*, baryton*, bassus, cantus, superius, discant*, diskant*, countertenor*, treble, triplum, "
    "motetus, quintus, sextus, knaben*, frauenstimme*, mannerstimme*, men, women, solist*",
    61: "brass, blech*, cuivres, ottoni",
    73: "wind, woodwind*, holzbl*",
    81: "synth*, lead",
}  # fmt: skip
"""What is taken where no other word of a name is known."""

_ABBREVIATIONS: dict[int, str] = {
    0: "pno, pf, pft, klav",
    6: "cemb, hpd, hpschd",
    9: "glsp, glock",
    12: "mar, mba",
    19: "org",
    24: "gtr, git, chit",
    40: "vl, vn, vln, vni, vno, viol, vlns, vls",
    41: "va, vla, vle, vlas, br",
    42: "vc, vcl, vlc, vcs, vcelli",
    43: "cb, kb, db, ctb, cbs",
    46: "hp, hrf, arp",
    47: "timp, pk",
    52: "s, a, t, sop, ten, bar, vo, voc",
    56: "tpt, trp, tr, trpt, trpts, tpts, cnt",
    57: "tbn, trb, pos, tbns, trbn",
    58: "tb, tba, euph",
    60: "hn, hr, hrn, cor, hns",
    64: "s sx, s sax",
    65: "a sx, a sax, asx",
    66: "t sx, t sax, tsx",
    67: "b sx, b sax, bsx",
    68: "ob, hb, obs",
    69: "eh, e h, c a, ca, c ingl",
    70: "bn, bsn, fg, fag, bsns, cbsn, cfg",
    71: "cl, clar, kl, klar, cls, b cl, bcl",
    72: "picc",
    73: "fl, fls, ft, a fl",
    74: "rec, bfl, rcd",
    DRUMS: "dr, drs, d set, schlzg, batt, cym, trgl, bd, sd",
}
"""What is taken only where it is the whole name."""

_DRUMS: dict[int, str] = {
    28: "slap*, whip, peitsche, frusta, fouet",
    31: "sticks",
    33: "metronome*, click*",
    36: "bass drum*, kick*, grosse trommel*, gran cassa, grancassa, cassa, grosse caisse, bassdrum*, gr tr",
    37: "side stick*, sidestick*, rim*, cross stick*",
    38: "snare*, kleine trommel*, caisse claire*, rullante, tamburo militare, side drum*, ruhrtrommel, tambour, "
    "tamburo, field drum*, militartrommel, kl tr",
    39: "clap*, hand clap*, handclap*, handeklatschen, hands",
    40: "electric snare*",
    42: "closed hi hat*, hi hat*, hihat*, hi hats, hh, hi hat closed, hi hat geschlossen, charleston",
    44: "pedal hi hat*, foot hi hat*, hi hat pedal, hi hat foot",
    46: "open hi hat*, hi hat open*, hi hat half*, half open hi hat*",
    43: "floor tom*, high floor tom*, standtom*, tom floor",
    41: "low floor tom*, taiko*, timpan*",
    45: "low tom*, tenor drum*, tom 3, tom low, tenortrommel",
    47: "tom*, mid tom*, low mid tom*, middle tom*, tom tom*, tom 2, roto*",
    48: "high mid tom*, hi mid tom*",
    50: "high tom*, hi tom*, tom 1, tom high",
    49: "crash*, cymbal*, becken*, piatt*, cinell*, crash cymbal*, suspended cymbal*, hangebecken",
    51: "ride*, ride cymbal*, cymbal ride, jazz cymbal*",
    52: "china*, chinese*, tam tam*, tamtam*, gong*",
    53: "ride bell*, bell of ride, cymbal bell, bell",
    54: "tambourin*, tamburin*, schellentrommel*, tambour de basque, tamburello, tamburo basco, pandeiro",
    55: "splash*",
    56: "cowbell*, kuhglocke*, cencerro*, campanaccio, herdenglocken",
    58: "vibraslap*, vibra slap*",
    60: "bongo*, high bongo*, hi bongo*, bongo high",
    61: "low bongo*, bongo low",
    62: "mute* conga*, conga mute*, muted high conga*, mute high conga*, mute hi conga*",
    63: "conga*, open conga*, high conga*, open high conga*, conga high",
    64: "low conga*, tumba*, conga low",
    65: "timbal*, high timbal*",
    66: "low timbal*",
    67: "agogo*, high agogo*",
    68: "low agogo*",
    69: "cabasa*, afuche",
    70: "marac*, rattle*, rassel*",
    71: "whistle*, short whistle, samba whistle, trillerpfeife",
    72: "long whistle*",
    73: "guir*, short guir*, guero, ratchet*, ratsche*, raganella, crecelle",
    74: "long guir*",
    75: "clav*",
    76: "wood block*, woodblock*, holzblock*, temple block*, tempelblock*, high wood block*, high woodblock*, wood, "
    "wood drum*, blocs chinois, wooden*",
    77: "low wood block*, low woodblock*, slit drum*, log drum*",
    78: "mute cuica*",
    79: "cuica*, open cuica*, lion*",
    80: "mute* triang*, triangle mute*, muted triangle, mute triangle, triangel gedampft",
    81: "triang*, open triang*",
    82: "shaker*, caxixi, egg*, sandpaper, sand block*",
    83: "jingle*, sleigh*, schelle*, sonagli*, grelots, schellen",
    84: "bell tree*, wind chime*, mark tree*, chimes, windspiel",
    85: "castan*, kastagn*, nacchere",
    86: "mute surdo*",
    87: "surdo*, open surdo*",
}  # fmt: skip


@dataclass(frozen=True)
class _Names:
    """Names to numbers: whole ones, and beginnings of ones that end in any way."""

    whole: dict[str, int] = field(default_factory=dict)
    beginnings: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, *tables: Mapping[int, str | Iterable[str]]) -> _Names:
        names = cls()
        for table in tables:
            for number, row in table.items():
                for name in re.split(r",\s*", row) if isinstance(row, str) else row:
                    known = names.beginnings if name.endswith("*") else names.whole
                    known[name.removesuffix("*")] = number
        return names

    def find(self, words: list[str]) -> int | None:
        """Return the number of the longest run of `words` that is a name, of the first one among equals."""
        for count in range(min(4, len(words)), 0, -1):
            for start in range(len(words) - count + 1):
                name = " ".join(words[start : start + count])
                if name in self.whole:
                    return self.whole[name]
                least = (
                    len(name) - len(words[start + count - 1]) + 1
                )  # the beginning reaches into the last word
                for length in range(len(name), max(2, least) - 1, -1):
                    if name[:length] in self.beginnings:
                        return self.beginnings[name[:length]]
        return None


def guess_instrument(name: str) -> int | None:
    """Return the program (0-127, or `DRUMS`) that a name on a score stands for, or None: "Violine II" is 40."""
    words = _words(name)
    alone = " ".join(word for word in words if not _NUMERAL.fullmatch(word))
    for whole in (" ".join(words), alone):
        if whole in _ALONE.whole:
            return _ALONE.whole[whole]
    named = _NAMES.find(words)
    return _FAMILIES.find(words) if named is None else named


def guess_drum(name: str) -> int | None:
    """Return the key of the drum kit (27-87) that a name stands for, or None: "Kleine Trommel" is 38."""
    words = _words(name)
    whole = _WHOLE_DRUMS.whole.get(" ".join(words))
    return _DRUM_KEYS.find(words) if whole is None else whole


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, without accents and signs; the words of a sound last first."""
    name = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("♭", " flat").lower())
    if re.fullmatch(r"[a-z-]+(\.[a-z-]+)+", name):
        name = " ".join(reversed(name.split(".")))
    return re.findall(r"[a-z]+|\d+", "".join(char for char in name if not unicodedata.combining(char)))


_NUMERAL = re.compile(r"\d+|i{1,3}|iv|vi{0,3}|solo|tutti")
_ALONE = _Names.of(_ABBREVIATIONS, {n: (" ".join(_words(name)),) for n, name in enumerate(INSTRUMENTS)})
_NAMES, _FAMILIES = _Names.of(_INSTRUMENTS), _Names.of(_REGISTERS)
_WHOLE_DRUMS = _Names.of({key: (" ".join(_words(name)),) for key, name in DRUM_NAMES.items()})
_DRUM_KEYS = _Names.of(_DRUMS)
