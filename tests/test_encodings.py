"""The encoding of the texts of a MIDI file is found from all of them together."""

from __future__ import annotations

import pytest
from build import meta, midi_bytes, mtrk, note

from ritornello.formats.encodings import decode, find_encodings
from ritornello.formats.midi import parse_midi

TITLES = {
    "cp932": (
        "夜に駆ける|紅|少年時代|時の流れに身をまかせ|天城越え|北の宿から|木綿のハンカチーフ|いい日旅立ち|"
        "なごり雪|島唄|花|ハナミズキ|手紙|桜坂|チェリー|空も飛べるはず|ロビンソン|大きな古時計|森のくまさん|"
        "どんぐりころころ|かごめかごめ|証城寺の狸囃子|春の海|六段の調|コンドルは飛んで行く|ゼルダの伝説|"
        "スーパーマリオブラザーズ|銀河鉄道999|宇宙戦艦ヤマト|ルパン三世のテーマ|戦場のメリークリスマス|"
        "パートナー|イントロ|サビ|間奏|歌詞|編曲:坂本龍一|著作権|打楽器|メロ|コード|第二楽章 アダージョ|"
        "お正月|蛍の光|仰げば尊し"
    ),
    "gbk": (
        "一剪梅|千年等一回|上海滩|沧海一声笑|月光爱人|爱我中华|龙的传人|大约在冬季|外婆的澎湖湾|同桌的你|"
        "白桦林|橄榄树|水手|再回首|一无所有|花房姑娘|晚秋|吻别|情人|喜欢你|不再犹豫|红日|千千阙歌|"
        "隐形的翅膀|老鼠爱大米|两只蝴蝶|荷塘月色|最炫民族风|好汉歌|敢问路在何方|枉凝眉|葬花吟|阳关三叠|"
        "平湖秋月|广陵散|汉宫秋月|二胡独奏|古筝|琵琶|合唱|和声|前奏|间奏|副歌|编曲:陈其钢|第三乐章 快板"
    ),
    "big5": (
        "愛情釀的酒|雪中紅|酒後的心聲|愛拼才會贏|車站|家後|浪人情歌|一剪梅|上海灘|滄海一聲笑|龍的傳人|"
        "大約在冬季|外婆的澎湖灣|橄欖樹|水手|再回首|晚秋|情人|喜歡你|紅日|千千闋歌|隱形的翅膀|老鼠愛大米|"
        "兩隻蝴蝶|荷塘月色|倩女幽魂|笑傲江湖|天空之城|聽媽媽的話|說好不哭|夜曲|晴天|安靜|星晴|二胡獨奏|"
        "古箏|琵琶|合唱|和聲|前奏|間奏|副歌|編曲:李壽全|第三樂章 快板"
    ),
    "euc_kr": (
        "만남|사랑이여|돌아와요|목포의눈물|황성옛터|울고넘는박달재|대전부르스|이별의부산정거장|"
        "단장의미아리고개|노란샤쓰의사나이|그때그사람|창밖의여자|킬리만자로의표범|바람바람바람|담배가게아가씨|"
        "슬픈인연|사랑이지나가면|옛사랑|가로수그늘아래서면|붉은노을|난알아요|하여가|마법의성|칵테일사랑|"
        "천일동안|너를위해|보고싶다|눈의꽃|좋은날|밤편지|작은것들을위한시|다이너마이트|학교종|곰세마리|"
        "나비야|산토끼|고향의 봄|전주|간주|후렴|편곡:윤상|제1악장|합창|해금|가야금"
    ),
    "cp1251": (
        "Ой мороз, мороз|Степь да степь кругом|"
        "Во поле берёза стояла|Тонкая рябина|Вечерний звон|"
        "Из-за острова на стрежень|Дубинушка|Коробейники|"
        "Светит месяц|Барыня|Камаринская|Тёмно-вишнёвая шаль|"
        "Смуглянка|Синий платочек|Журавли|Случайный вальс|"
        "Берёзовый сок|Как молоды мы были|Мгновения|Погоня|"
        "Есть только миг|Александра|Я шагаю по Москве|Антошка|"
        "Улыбка|Чебурашка|Пусть бегут неуклюже|Облака|"
        "Трава у дома|Земля в иллюминаторе|Миллион|"
        "Позови меня тихо по имени|Владимирский централ|"
        "Батька наш Бандера|Ніч яка місячна|"
        "Ой у лузі червона калина|Плакат|Скрипка|Флейта|Хор|"
        "Вступление|Припев|Аранжировка: Петров|Концерт №1|Т"
    ),
    "cp1252": (
        "Die Forelle – Schubert|Erlkönig|Der Lindenbaum|"
        "Gute Nacht, süße Träume|Stille Nacht|"
        "O Tannenbaum für Klavier|"
        "Es ist ein Ros entsprungen – Prätorius|"
        "Ännchen von Tharau|Das Mädchen am Flügel|Höre, Israel|"
        "Wachet auf, ruft uns die Stimme (Bläser)|Frère Jacques|"
        "Au clair de la lune, mon ami Pierrot – prête-moi|"
        "La Marseillaise: Allons enfants de la Patrie, le jour de gloire est arrivé|"
        "Les Feuilles mortes – Prévert|"
        "Ne me quitte pas – Brel à l'Olympia|"
        "Sous le ciel de Paris: ça va|Hymne à l'amour|La bohème|"
        "Gnossienne nº 3|Pavane pour une infante défunte|"
        "Prélude à l'après-midi d'un faune|L'Arlésienne|Boléro|"
        "Guantanamera, guajira|Bésame mucho|La cucaracha ¡olé!|"
        "Malagueña|Sevillanas del adiós|Asturias – Albéniz|"
        "Águas de março|Corcovado – Tom Jobim & João Gilberto|"
        "Você é linda|Desafinado: coração|Così fan tutte|"
        "O sole mio: cchiù bello|È strano|"
        "Hej sluta dröja – Göteborg|Kärleksvisan|"
        "Så länge skutan kan gå|Kjærringa med staven|Ø|"
        "Når fjordene blåner|Det er så yndigt at følges ad|"
        "Kalinka für Männerchor|Señorita|© 1995 Schäfer|"
        "Wiegenlied «Brahms»|“Yesterday” – Beatles"
    ),
    "cp1250": (
        "Ach synku, synku|Beskyde, Beskyde – kdo po tobě|"
        "Tancuj, tancuj, vykrúcaj|Čerešničky|"
        "Když jsem já šel tou Putimskou branou|"
        "Měla jsem chlapce|Prší, prší, jen se leje|"
        "Černé oči, jděte spát|Okoř|Jožin z bažin|"
        "Slavíci z Madridu – zpívá Waldemar Matuška|"
        "Lásko má, já stůňu|Dívka s perlami ve vlasech|"
        "Holubí dům|Bedna vod whisky – trampská píseň|"
        "Hej sokoły|Czerwone jabłuszko|"
        "Szła dzieweczka do laseczka|Dziś w Betlejem dzisiaj|"
        "Wśród nocnej ciszy|"
        "Jezusa narodzonego wszyscy przywitajmy – pastorałka|"
        "Bóg się rodzi|Sto lat niech żyje nam|"
        "Góralu, czy ci nie żal|Gdybym miał gitarę|"
        "Krakowiaczek jeden – hej|Małgośka|"
        "Dziwny jest ten świat|"
        "Tavaszi szél vizet áraszt – népdalfeldolgozás, zenekarra írták: Őze|"
        "Hej, Dunáról fúj a szél|Érik a szőlő|"
        "Gyöngyhajú lány – őszi szél fú|"
        "Elindultam szép hazámból hűségesen|"
        "Magyar Himnusz: bőséggel|Sârba de la Ţăndărei|"
        "Mureşul, Mureşul lăcrimează|"
        "Tamo daleko je selo moje – još ću|"
        "Jovano, Jovanke: čekam|Slovenka: Čez Šuštarski most"
    ),
    "mac_roman": (
        "Für Elise|Präludium|Gymnopédie No. 1|Étude|Träumerei|"
        "Die schöne Müllerin|Frühlingsstimmen|Español|Canción|"
        "Noël|Flûte|Ständchen|Königin der Nacht|Déjà vu|© 1998|"
        "Ouvertüre|Übung|Corazón espinado|À la claire fontaine|"
        "São João|Más allá|Hänsel und Gretel|Fußgänger|"
        "El cóndor pasa|Voilà|Être|¿Quién será?|Violão|Batería|"
        "Crème brûlée|Göttingen|Qué será|Jag är så glad|"
        "Händel: Süße Stille|Mädchen|Il était une bergère|Aïda|"
        "Klänge|Œuvre|Vesti la giubba – Pagliacci"
    ),
    "koi8_r": (
        "Калинка|Подмосковные вечера|Катюша|Очи чёрные|Лебединое озеро|Щелкунчик|Пианино|Гитара|Бас|Ударные|"
        "Мелодия|Миллион алых роз"
    ),
    "euc_jp": (
        "紅蓮の弓矢|残酷な天使のテーゼ|千本桜|夏祭り|さくらさくら|荒城の月|川の流れのように|上を向いて歩こう|"
        "涙そうそう"
    ),
}
"""Titles of pieces and names of parts, separated by bars, of a language that is written in the encoding."""

ALONE = {
    "cp932": 1.0,
    "gbk": 0.9,
    "big5": 0.95,
    "euc_kr": 0.9,
    "cp1251": 0.95,
    "cp1252": 1.0,
    "cp1250": 0.85,
    "mac_roman": 0.65,
    "koi8_r": 1.0,
    "euc_jp": 1.0,
}
"""The least share of titles that are read rightly where each is the only text of its file."""


def titles(encoding: str) -> list[str]:
    return TITLES[encoding].split("|")


@pytest.mark.parametrize("encoding", TITLES)
def test_the_titles_of_a_file_are_decoded_together(encoding: str) -> None:
    groups = [titles(encoding)[at : at + 6] for at in range(0, len(titles(encoding)) - 5, 3)]
    wrong = []
    for group in groups:
        raw = [title.encode(encoding) for title in group]
        found = find_encodings(raw)
        wrong += [group] * ([decode(text, found) for text in raw] != group)
    assert len(wrong) <= (encoding == "cp1250"), wrong  # one is half Hungarian, half Romanian


@pytest.mark.parametrize("encoding", TITLES)
def test_most_titles_are_decoded_alone(encoding: str) -> None:
    raw = [title.encode(encoding) for title in titles(encoding) if not title.isascii()]
    right = sum(decode(text, find_encodings([text])) == text.decode(encoding) for text in raw)
    print(f"{encoding}: {right} of {len(raw)}")
    assert right >= ALONE[encoding] * len(raw)


@pytest.mark.parametrize(
    "title",
    [
        "Für Elise",
        "Präludium",
        "© 1998",
        "Noël",
        "Größe",
        "Étude nº 3",
        "É",
        "naïve – “déjà vu”",
        "São João",
        "50° North",
    ],
)
def test_western_titles_stay_western(title: str) -> None:
    assert decode(title.encode("cp1252"), find_encodings([title.encode("cp1252")])) == title


@pytest.mark.parametrize("title", ["Für Elise", "紅蓮の弓矢", "Калинка", "아리랑", "🎵"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode(title: str, encoding: str) -> None:
    assert decode(title.encode(encoding), find_encodings([title.encode(encoding)])) == title


def test_a_text_in_another_encoding_is_read_by_itself() -> None:
    texts = ["é".encode(), "Präludium".encode("cp1252"), "Größe".encode()]
    assert [decode(text, find_encodings(texts)) for text in texts] == ["é", "Präludium", "Größe"]


def test_what_the_rules_leave_open_goes_to_the_detector() -> None:
    text = (
        "Tautiška giesmė – Lietuva, tėvyne mūsų, tu didvyrių žemė, iš praeities tavo sūnūs te stiprybę semia"
    )
    assert find_encodings([text.encode("cp1257")])[-1] in ("cp1257", "cp1250", "cp1252")  # never none
    assert find_encodings([bytes(range(128, 256))])


def test_a_file_in_shift_jis() -> None:
    title, part, word = "残酷な天使のテーゼ", "ピアノ", "夢"
    names = [meta(0, 3, text.encode("cp932")) for text in (title, part)]
    data = midi_bytes(mtrk(names[0]), mtrk(names[1], meta(0, 5, word.encode("cp932")), *note(0, 480, 60)))
    score = parse_midi(data)
    assert (score.title, score.tracks[0].name, score.tracks[0].texts[0].text) == (title, part, word)
