"""The scan of a corpus: verdicts, duplicates, statistics, the split, the summary, and `ritornello inspect`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from build import TICKS, make_melody, make_song, shared_archive
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ritornello import formats
from ritornello.cli.inspect import inspect
from ritornello.corpus.report import (
    forecast,
    forecast_from_base,
    measure_processors,
    scan_to_json,
    summary_rows,
)
from ritornello.corpus.scan import Scan, find_files, scan
from ritornello.corpus.splitting import split
from ritornello.errors import ConfigError, CorpusError, FileError
from ritornello.score import Meter, Score, Tempo, Track, make_notes

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def melody(*pitches: int, **fields: object) -> Score:
    return Score(TICKS, (make_melody(pitches or SCALE),), **fields)  # type: ignore[arg-type]


def save(folder: Path, **scores: Score) -> Path:
    for name, score in scores.items():
        formats.write(score, folder / f"{name}.mid")
    return folder


def look(*paths: Path, **options: object) -> Scan:
    return scan(paths, processes=1, **options)  # type: ignore[arg-type]


def moved(score: Score, semitones: int) -> Score:
    """Return `score` transposed, but for the drums."""

    def move(track: Track) -> Track:
        notes = track.notes.copy()
        notes["pitch"] += 0 if track.is_drum else semitones
        return replace(track, notes=notes)

    return replace(score, tracks=tuple(move(track) for track in score.tracks))


# ---- what is in a file --------------------------------------------------------------------------------------


def test_a_song_is_described(tmp_path: Path) -> None:
    (report,) = look(save(tmp_path, song=make_song())).reports
    song = make_song()
    assert (report.verdict, report.reasons) == ("used", ())
    assert report.notes == song.note_count
    assert report.seconds == pytest.approx(song.seconds, abs=0.001)
    assert report.bars == 4
    assert report.instruments == (0, 32, 73, 128)
    assert report.meters == ("4/4", "3/4")
    assert report.key == "C major"
    assert report.polyphony[1] == 5
    assert report.tempo == pytest.approx(song.end / TICKS / (song.seconds / 60), abs=0.01)


def test_polyphony_counts_what_sounds_at_once(tmp_path: Path) -> None:
    rows = [(0, 4, 60, 80), (0, 2, 64, 80), (2, 2, 65, 80), (8, 4, 67, 80)]  # 2 for 4 ticks, silence, 1 for 4
    rows = [(start * TICKS, length * TICKS, pitch, velocity) for start, length, pitch, velocity in rows]
    drums = Track(make_notes([(TICKS * i, 9, 36, 80) for i in range(9)]), is_drum=True)
    (report,) = look(save(tmp_path, a=Score(TICKS, (Track(make_notes(rows)), drums)))).reports
    assert report.polyphony == (1.5, 2)


def test_the_callers_survey_comes_with_the_report(tmp_path: Path) -> None:
    save(tmp_path, a=melody(), b=melody(60, 62), c=melody())
    reports = look(tmp_path, statistics=lambda score: score.note_count, minimum_notes=3).reports
    assert [report.statistics for report in reports] == [8, None, None]


def test_progress_is_told(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    look(save(tmp_path, a=melody(), b=make_song()), progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]


# ---- verdicts -----------------------------------------------------------------------------------------------


def test_every_fault_has_its_reason(tmp_path: Path) -> None:
    save(
        tmp_path,
        few=melody(60, 62, 64),
        none=Score(TICKS),
        once=Score(TICKS, (Track(make_notes([(0, 9, pitch, 80) for pitch in SCALE])),)),
        endless=Score(TICKS, (Track(make_notes([(TICKS * 50_000 * i, 9, 60, 80) for i in range(9)])),)),
        fine=melody(),
    )
    (tmp_path / "empty.mid").touch()
    (tmp_path / "text.mid").write_text("not music")
    reasons = {report.path.stem: (report.verdict, *report.reasons) for report in look(tmp_path).reports}
    assert reasons.pop("fine") == ("used",)
    assert {verdict for verdict, *_ in reasons.values()} == {"skipped"}
    for name, words in {
        "few": "3 notes; wanted are 8 or more",
        "none": "it has no notes",
        "once": "all its 8 notes start at once",
        "endless": "400,000 quarter notes; no piece does",
        "empty": "the file is empty",
        "text": "no MThd",
    }.items():
        assert words in reasons[name][1]
        assert str(tmp_path) not in reasons[name][1]


def test_repairs_are_told(tmp_path: Path) -> None:
    data = (save(tmp_path, a=melody()) / "a.mid").read_bytes()
    (tmp_path / "a.mid").write_bytes(data[:-4])  # the end of the track is missing
    (report,) = look(tmp_path).reports
    assert report.verdict == "repaired"
    assert report.reasons
    assert report.is_used


def test_the_same_notes_saved_otherwise_are_one_piece(tmp_path: Path) -> None:
    first = make_song()
    later = replace(first.resampled(96), tempos=(Tempo(0, 700_000),), title="another")
    louder = replace(first, tracks=(*first.tracks[1:], first.tracks[0]))
    shifted = [replace(t, notes=shift(t, 960)) for t in first.tracks]
    save(tmp_path, a=first, b=later, c=louder, d=replace(first, tracks=tuple(shifted)))
    reports = look(tmp_path).reports
    assert [report.verdict for report in reports] == ["used", *["duplicate"] * 3]
    assert {report.duplicate_of for report in reports[1:]} == {tmp_path / "a.mid"}
    assert {report.transposition for report in reports} == {0}


def shift(track: Track, ticks: int) -> np.ndarray:
    notes = track.notes.copy()
    notes["start"] += ticks
    return notes


def test_transpositions_are_one_piece_but_drums_do_not_move(tmp_path: Path) -> None:
    song = make_song()
    drums_moved = [
        replace(t, notes=moved(Score(TICKS, (replace(t, is_drum=False),)), 2).tracks[0].notes)
        for t in song.tracks
    ]
    save(tmp_path, a=song, b=moved(song, -3), c=replace(song, tracks=tuple(drums_moved)))
    first, second, third = look(tmp_path).reports
    assert (second.verdict, second.duplicate_of, second.transposition) == ("duplicate", first.path, -3)
    assert second.reasons == (f"the same notes, transposed by -3 semitones, as {first.path}",)
    assert third.verdict == "used"


def test_pieces_that_differ_in_one_note_are_two(tmp_path: Path) -> None:
    save(tmp_path, a=melody(*SCALE), b=melody(*SCALE[:-1], 74), c=melody(*SCALE, 74))
    assert [report.verdict for report in look(tmp_path).reports] == ["used"] * 3


def test_the_files_are_read_in_processes_too(tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path, **{f"{i:02}": melody(*SCALE, *(60 + (i >> bit & 1) for bit in range(5)))})
    (tmp_path / "07.mid").write_bytes(b"MThd")
    assert scan([tmp_path], processes=2) == look(tmp_path)
    assert [r.path.stem for r in look(tmp_path).reports if not r.is_used] == ["07"]


# ---- files and folders --------------------------------------------------------------------------------------


def test_folders_are_searched_and_files_taken_as_given(tmp_path: Path) -> None:
    for name in ("b/2.MID", "b/1.midi", "a.mid", ".hidden/x.mid", "b/.x.mid", "notes.txt", "song.musicxml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "unnamed").write_bytes(b"MThd...")
    found = find_files([tmp_path / "notes.txt", tmp_path, tmp_path / "a.mid"])
    names = ["notes.txt", "a.mid", "b/1.midi", "b/2.MID", "song.musicxml", "unnamed"]
    assert found == [tmp_path / name for name in names]


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_link_back_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a.mid").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert find_files([tmp_path]) == [tmp_path / "a.mid"]


def test_a_folder_without_music_tells_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the folder is empty; wanted are \.mid"):
        find_files([tmp_path])
    for name in ("a.txt", "b.txt", "c.pdf", "README"):
        (tmp_path / name).touch()
    with pytest.raises(CorpusError, match=r"4 files looked at \(2 .txt, 1 without a suffix, 1 .pdf\)"):
        find_files([tmp_path])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone: no such file"):
        find_files([tmp_path / "gone"])
    with pytest.raises(CorpusError, match="no path"):
        find_files([])


# ---- the split ----------------------------------------------------------------------------------------------


@given(st.sets(st.text(max_size=8), min_size=2, max_size=40), st.integers(0, 99), st.floats(0.01, 0.99))
def test_the_split_is_a_partition_with_both_sides(names: set[str], seed: int, share: float) -> None:
    pieces = sorted(names)
    learned, apart = split(pieces, seed, share)
    assert sorted(learned + apart) == list(range(len(pieces)))
    assert learned
    assert apart
    assert len(apart) == pytest.approx(share * len(pieces), abs=1)


@given(st.permutations(list("abcdefghijkl")), st.integers(0, 9))
def test_the_split_depends_on_names_and_seed_only(pieces: list[str], seed: int) -> None:
    apart = {pieces[i] for i in split(pieces, seed)[1]}
    assert apart == {sorted(pieces)[i] for i in split(sorted(pieces), seed)[1]}


def test_another_seed_gives_another_split() -> None:
    pieces = [str(i) for i in range(100_000)]
    first, second = split(pieces, 1), split(pieces, 2)
    assert len(first[1]) == 10_000
    assert first[1] != second[1]


def test_one_piece_cannot_be_split() -> None:
    for few in ([], ["a"]):
        with pytest.raises(CorpusError, match="2 or more"):
            split(few)
    assert split(["a"], alone=True) == ([0], [0])
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        split(["a", "b"], validation=1.0)


# ---- summary, forecast, command ------------------------------------------------------------------------------


def test_the_summary_counts_what_is_used(tmp_path: Path) -> None:
    save(tmp_path, a=melody(meters=(Meter(0, 3, 4),)), b=make_song(), c=make_song(), d=melody(60))
    found = look(tmp_path)
    summary = found.summary()
    assert summary["verdicts"] == {"used": 2, "duplicate": 1, "skipped": 1}
    assert summary["pieces"] == 2
    assert summary["notes"] == 8 + make_song().note_count
    assert summary["instruments"]["acoustic grand piano"] == 2
    assert summary["instruments"]["drums"] == 1
    assert summary["meters"] == {"3/4": 2, "4/4": 1}
    rows = dict(summary_rows(summary))
    assert rows["files"] == "4: 2 used, 1 duplicate, 1 skipped"
    assert rows["polyphony"].endswith("5 at most")
    json.dumps(scan_to_json(found, forecast(100, operations_per_second=1e9)), allow_nan=False)


def test_the_forecast_grows_with_the_corpus() -> None:
    small, large = (forecast(notes, operations_per_second=1e11) for notes in (10_000, 1_000_000))
    assert small.tokens == 19_000
    assert large.minutes > 10 * small.minutes
    # 10 seconds, and 6 operations x weights x tokens x passes, at 0.3 of the speed
    assert large.minutes == pytest.approx((10 + 6 * 1.5e6 * 1.9e6 * 20 / 0.3e11) / 60)
    assert "20 passes over 1,900,000 tokens" in large.text
    assert small.expectation != large.expectation
    assert measure_processors(0.001) > 0


@pytest.mark.parametrize(
    ("pieces", "speed", "said"),
    [
        (2, 2e11, "2 pieces: too few to learn a style of"),
        (9, 2e11, "9 pieces, fewer than were tried (10 to 37)"),
        (
            20,
            2e10,
            "20 pieces. 2 minutes read about 6,000 tokens here (0.2 passes), less than was tried",
        ),
        (
            20,
            2e11,
            "20 pieces: enough to learn their style. 2 minutes read about 60,000 tokens here (1.6 passes)",
        ),
    ],
)
def test_the_forecast_from_the_base_says_what_was_tried(pieces: int, speed: float, said: str) -> None:
    outlook = forecast_from_base("base", 15_000_000, pieces, 20_000, operations_per_second=speed)
    assert outlook.tokens == 38_000
    # 90 of the 120 seconds, 6 operations a weight and token, at 0.3 of the speed
    assert outlook.tokens_read == round(90 * 0.3 * speed / (6 * 15e6))
    assert outlook.text.startswith(said)


def run_inspect(*arguments: object) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    app.command()(inspect)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.exception


def test_inspect_lists_files_and_sums_up(tmp_path: Path) -> None:
    save(tmp_path, a=melody(), b=moved(melody(), 5), c=melody(60))
    code, text, _ = run_inspect(tmp_path)
    assert code == 0
    lines = [line.split() for line in text.splitlines()]
    assert ["used", "8", "0:04", "a.mid"] in lines
    assert "the same notes, transposed by +5 semitones, as a.mid" in text
    assert "1 notes; wanted" not in text
    assert "1 note; wanted are 8 or more" in text
    assert "1 used, 1 duplicate, 1 skipped" in text
    assert (
        "1 piece: too few to learn a style of, or to tell how good the model is; it stays near base" in text
    )


def test_inspect_shortens_long_lists(tmp_path: Path) -> None:
    save(tmp_path, **{f"{i:02}": melody(*SCALE, 60 + i) for i in range(31)}, few=melody(60))
    _, text, _ = run_inspect(tmp_path, "--processes", 1)
    assert "... and 31 more; --all lists every file" in text
    assert "few.mid" in text
    assert "07.mid" in run_inspect(tmp_path, "--processes", 1, "--all")[1]


def test_inspect_speaks_json(tmp_path: Path) -> None:
    save(tmp_path, a=melody(), b=moved(melody(), 5))
    code, text, _ = run_inspect(tmp_path, "--json")
    found = json.loads(text)
    assert code == 0
    assert [file["verdict"] for file in found["files"]] == ["used", "duplicate"]
    assert found["files"][1]["transposition"] == 5
    assert found["summary"]["pieces"] == 1
    assert found["forecast"]["tokens"] == found["from_base"]["tokens"] == 15
    assert found["from_base"]["pieces"] == 1


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_inspect_fails_when_nothing_is_usable(tmp_path: Path, flags: Iterable[str]) -> None:
    code, text, error = run_inspect(save(tmp_path, a=melody(60)), *flags)
    assert code != 0
    assert isinstance(error, CorpusError)
    assert "wanted are 8 or more" in text


# ---- real files ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_folk_tunes_have_their_five_known_duplicates(tmp_path: Path) -> None:
    shared_archive("folk-nottingham").extractall(tmp_path)
    verdicts = scan([tmp_path]).summary()["verdicts"]
    assert verdicts == {"used": 1029, "duplicate": 5}


def test_the_fault_set_is_survived(tmp_path: Path) -> None:
    shared_archive("nasty-dev").extractall(tmp_path)
    found = scan([tmp_path])
    assert len(found.reports) >= 275
    assert all(report.reasons for report in found.reports if report.verdict != "used")
    assert not [report for report in found.reports if "unexpected" in "".join(report.reasons)]
