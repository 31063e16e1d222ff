"""Composing: pieces end, keep to what is asked, can be made again; the commands `compose` and `info`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from build import make_melody, make_song
from fakes import StepRepresentation, longest_bar_run, longest_pitch_run, small_network
from typer.testing import CliRunner

from ritornello import generation
from ritornello.bundle import Facts, Sampling, save_bundle, set_sampling
from ritornello.config import checked
from ritornello.errors import BundleError, ConfigError, FileError
from ritornello.generation import Model, find_bundle, load
from ritornello.generation.compose import FEWEST_FOR_GROUPS, compose
from ritornello.generation.config import ComposeConfig
from ritornello.generation.stepper import Stepper
from ritornello.registry import Registry
from ritornello.representations import REPRESENTATIONS
from ritornello.representations.multitrack import Multitrack
from ritornello.score import Score

SONG = make_song(8)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Model:
    """An untrained model of four voices."""
    representation = Multitrack.fit([Multitrack.collect_statistics(SONG)])
    path = tmp_path_factory.mktemp("model") / "tiny.rit"
    save_bundle(path, small_network(representation), representation, Facts(name="tiny"), "float16")
    return load(path)


@pytest.fixture
def steps(tmp_path, monkeypatch) -> Model:
    """A model of the fake representation."""
    monkeypatch.setitem(REPRESENTATIONS, "steps", StepRepresentation)
    network = small_network(StepRepresentation())
    save_bundle(tmp_path / "steps.rit", network, StepRepresentation(), Facts(name="steps"))
    return load(tmp_path / "steps.rit")


def test_all_pieces_end_and_sound(model):
    pieces = model.compose_many(count=12, bars=8, seed=1)
    assert len(pieces) == 12
    for piece in pieces:
        ids = piece.ids.tolist()
        assert ids[0] == model.bundle.representation.start_id
        assert ids.index(model.bundle.representation.end_id) == len(ids) - 1
        assert piece.bars == 8
        assert piece.score.note_count > 0
        assert piece.relaxed_steps == 0
        assert piece.log_likelihood < 0


def test_a_piece_of_a_batch_is_the_same_alone(model):
    together = model.compose_many(count=6, bars=6, seed=9)
    assert len({piece.ids.tobytes() for piece in together}) == 6
    for number in (0, 5):
        alone = model.compose(bars=6, seed=9, index=number)
        assert np.array_equal(alone.ids, together[number].ids)
        assert alone.log_likelihood == pytest.approx(together[number].log_likelihood)


def test_pieces_are_the_same_in_one_group_and_in_two(model):
    config = checked(ComposeConfig, {"bars": 2, "count": FEWEST_FOR_GROUPS + 1, "seed": 3})
    told: list[list[tuple[int, int]]] = []
    pieces = []
    for threads in (1, 2):
        told.append([])
        stepper = Stepper(model.bundle, threads)
        pieces.append(compose(model.bundle, config, None, lambda *done: told[-1].append(done), stepper))
    alone, beside = ([piece.ids.tolist() for piece in made] for made in pieces)
    assert alone == beside
    assert [progress[-1][0] for progress in told] == [config.count] * 2
    assert told[0][-1] == told[1][-1]


def test_nothing_is_stepped_any_longer_after_an_error(model):
    class Counting(Stepper):
        running = 0

        def start(self, columns, state):
            finish = super().start(columns, state)
            self.running += 1

            def finished():
                self.running -= 1
                return finish()

            return finished

    def fails(ids, logits):
        if len(ids) > 12:
            raise ValueError("far enough")
        return logits

    stepper = Counting(model.bundle, 2)
    config = checked(ComposeConfig, {"bars": 2, "count": FEWEST_FOR_GROUPS, "seed": 3})
    with pytest.raises(ValueError, match="far enough"):
        compose(model.bundle, config, stepper=stepper, logits_processors=[fails])
    assert stepper.running == 0


def test_a_piece_tells_how_to_make_it_again(model):
    piece = model.compose_many(count=3, bars=4, temperature=0.9, instruments="flute,bass")[2]
    [text] = [text.text for text in piece.score.texts if text.kind == "text"]
    recipe = json.loads(text)
    assert recipe["digest"] == model.bundle.digest == piece.digest
    assert (recipe["model"], recipe["seed"], recipe["index"]) == ("tiny", piece.seed, 2)
    again = model.compose(seed=recipe["seed"], index=recipe["index"], **recipe["settings"])
    assert again.score == piece.score


def test_a_model_says_how_its_ids_are_best_chosen_and_a_person_may_differ(tmp_path: Path) -> None:
    representation = Multitrack.fit([Multitrack.collect_statistics(make_song())])
    facts = Facts(name="bold", sampling=Sampling(temperature=1.1, top_p=0.5))
    save_bundle(tmp_path / "bold.rit", small_network(representation), representation, facts)
    model = load(tmp_path / "bold.rit")
    own, given = model.compose(seed=1, bars=4), model.compose(seed=1, bars=4, temperature=0.9)
    assert (own.settings.temperature, own.settings.top_p) == (1.1, 0.5)
    assert (given.settings.temperature, given.settings.top_p) == (0.9, 0.5)
    for piece in (own, given):
        recipe = json.loads(piece.score.texts[0].text)
        set_sampling(tmp_path / "bold.rit", Sampling())  # the recipe holds whatever the card says later
        again = load(tmp_path / "bold.rit").compose(seed=1, **recipe["settings"])
        assert np.array_equal(again.ids, piece.ids)


def test_seeds_are_random_unless_given(model):
    assert model.compose(bars=2).seed != model.compose(bars=2).seed


def test_default_length(model):
    assert model.compose(seed=1).bars == 32


@pytest.mark.parametrize(("seconds", "settings"), [(24, {}), (30, {"tempo": 80, "meter": "3/4"})])
def test_length_in_seconds(model, seconds, settings):
    piece = model.compose(seconds=seconds, seed=1, **settings)
    tempo, quarters = settings.get("tempo", 120), 3 if settings else 4
    assert piece.bars * quarters * 60 / tempo == pytest.approx(seconds, abs=quarters * 30 / tempo)


@pytest.mark.parametrize("notes", [1, 7, 60])
def test_length_in_notes(model, notes):
    for piece in model.compose_many(notes=notes, seed=2, count=4):
        assert piece.score.note_count == notes


def test_tempo_meter_and_instruments(model):
    piece = model.compose(bars=8, seed=1, tempo=88, meter="3/4", instruments=["flute", "drums"])
    assert {round(tempo.quarters_per_minute) for tempo in piece.score.tempos} == {88}
    assert {(meter.numerator, meter.denominator) for meter in piece.score.meters} == {(3, 4)}
    assert {track.name for track in piece.score.tracks} <= {"flute", "drums"}


def test_primer_comes_first(model):
    representation = model.bundle.representation
    primer = representation.decode(representation.encode(SONG))
    piece = model.compose(primer, seed=4)
    assert piece.bars == 32
    assert piece.score.note_count > primer.note_count
    for mine, given in zip(piece.score.tracks, primer.tracks, strict=False):
        common = {tuple(row)[0::2] for row in given.notes.tolist()} - {
            tuple(row)[0::2] for row in mine.notes.tolist()
        }
        assert not common  # every start and pitch of the primer is there
    assert "primer" in json.loads(piece.score.texts[0].text)


def test_primer_changes_what_follows(steps):
    one, other = (Score(480, (make_melody((pitch,) * 3),)) for pitch in (60, 62))
    pieces = [steps.compose(primer, bars=6, seed=1).ids for primer in (one, other)]
    assert pieces[0][6:].tolist() != pieces[1][6:].tolist()


def test_notes_of_the_primer_count(steps):
    primer = Score(480, (make_melody((60, 61, 62)),))
    assert steps.compose(primer, notes=10, seed=1).score.note_count == 10
    with pytest.raises(ConfigError, match="notes 3: the primer alone has 3"):
        steps.compose(primer, notes=3)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory) -> Model:
    """A model that gives the same logits at every step."""
    import torch

    representation = Multitrack.fit([Multitrack.collect_statistics(SONG)])
    network = small_network(representation, tied=False)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.project.bias.normal_(std=5)
    path = tmp_path_factory.mktemp("fixed") / "fixed.rit"
    save_bundle(path, network, representation, Facts(name="fixed"))
    return load(path)


def excess(pieces) -> float:
    """Return how much more often than allowed a pitch or a bar comes in a row; at most 1 is well."""
    return max(max(longest_pitch_run(p.score) / 8, longest_bar_run(p.score) / 4) for p in pieces)


@pytest.mark.parametrize("temperature", [0.0, 0.01, 1.0])
def test_a_fixed_idea_is_not_repeated_for_ever(fixed, temperature):
    asked = {"bars": 32, "seed": 1, "count": 4, "temperature": temperature, "meter": "4/4", "tempo": 120}
    asked |= {"cadence": False}  # the last bar is another rule's
    pieces = fixed.compose_many(**asked)
    assert excess(pieces) <= 1
    assert all(piece.relaxed_steps == 0 for piece in pieces)
    if temperature < 1:
        assert excess(fixed.compose_many(guard=False, **asked)) > 1


def test_a_piece_that_would_not_end_is_brought_to_its_end(steps, monkeypatch):
    monkeypatch.setattr("ritornello.generation.prepare.IDS_PER_BAR", 1)
    piece = steps.compose(bars=20, seed=1)
    assert piece.ids[-1] == StepRepresentation.end_id
    assert len(piece.ids) <= 2 * (1 + 24) + 2


def test_progress_is_told(model):
    calls: list[tuple[int, int]] = []
    pieces = model.compose_many(count=3, bars=2, seed=1, progress=lambda *call: calls.append(call))
    assert calls[-1] == (3, sum(len(piece.ids) - 1 for piece in pieces))
    assert calls == sorted(calls)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bars": 4, "notes": 10}, "bars 4 and notes 10 contradict each other"),
        ({"bars": 4, "seconds": 10}, "bars 4 and seconds 10"),
        ({"bars": 0}, "bars: .*must be at least 1"),
        ({"meter": "3/5"}, "meter"),
        ({"meter": "waltz"}, "meter"),
        ({"tempo": 9}, "tempo"),
        ({"instruments": "violn"}, "nearest is 'violin'"),
        ({"temperature": -1}, "temperature"),
        ({"count": 0}, "count"),
        ({"bar": 4}, "bar: there is no such setting"),
    ],
)
def test_contradictions_and_unknown_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        checked(ComposeConfig, settings)


def test_contradictions_with_the_primer_are_refused(model):
    with pytest.raises(ConfigError, match="bars 3: the primer alone has 8 bars"):
        model.compose(SONG, bars=3)
    with pytest.raises(ConfigError, match="contradicts the primer, which is in 3/4, 4/4"):
        model.compose(SONG, meter="3/4")
    with pytest.raises(ConfigError, match="the primer has no notes"):
        model.compose(Score(480))
    with pytest.raises(ConfigError, match="compose_many makes several"):
        model.compose(count=2)


# --- finding models, and the commands ------------------------------------------------------------------------


def test_models_are_found_by_name_and_by_path(tmp_path, model, monkeypatch):
    files = {name: tmp_path / f"{name}.rit" for name in ("quartets", "songs")}
    for path in files.values():
        path.write_bytes(model.bundle.path.read_bytes())
    monkeypatch.setattr(generation, "MODELS", Registry("model", "ritornello.models", files))
    assert list(generation.shipped_bundles()) == ["quartets", "songs"]
    assert find_bundle() == find_bundle("songs") == tmp_path / "songs.rit"
    assert find_bundle(model.bundle.path) == model.bundle.path
    with pytest.raises(ConfigError, match="unknown model 'quartet', nearest is 'quartets'"):
        load("quartet")
    with pytest.raises(FileError, match="no such file"):
        load(tmp_path / "other.rit")
    (tmp_path / "song.mid").write_bytes(b"MThd")
    with pytest.raises(BundleError, match="not a bundle"):
        load(tmp_path / "song.mid")


def command(name: str):
    from importlib import import_module

    app = typer.Typer()
    app.command()(getattr(import_module(f"ritornello.cli.{name}"), name))
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=True)


def test_compose_command(tmp_path, model):
    out = tmp_path / "new.mid"
    result = command("compose")(
        model.bundle.path, "-o", out, "--bars", 3, "--seed", 5, "--count", 2, "--json"
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)["pieces"]
    assert [fact["files"] for fact in facts] == [[str(tmp_path / f"new-{n}.mid")] for n in (1, 2)]
    assert all((fact["bars"], fact["seed"], fact["notes"] > 0) == (3, 5, True) for fact in facts)
    for fact in facts:
        content = (tmp_path / fact["files"][0].split("/")[-1]).read_bytes()
        assert content.startswith(b"MThd")
        assert model.bundle.digest.encode() in content


def test_compose_command_takes_notes_and_files_as_primer(tmp_path, model):
    run = command("compose")
    first, second = tmp_path / "first.mid", tmp_path / "second.mid"
    assert run(model.bundle.path, "-o", first, "--primer", "C4 E4 G4:2", "--bars", 4).exit_code == 0
    result = run(model.bundle.path, "-o", second, "--primer", first, "--bars", 8, "--no-guard")
    assert result.exit_code == 0, result.output
    assert f"wrote {second}" in result.stdout
    assert "8 bars" in result.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--bars", "4", "--seconds", "9"], "contradict"),
        (["--primer", "none.mid"], "none.mid"),
        (["--primer", "H4"], "H4"),
        (["--instruments", "violn"], "violin"),
        (["-o", "song.docx"], "docx"),
    ],
)
def test_compose_command_refuses_and_writes_nothing(tmp_path, model, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    result = command("compose")(model.bundle.path, *flags)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_every_setting_is_a_flag_with_its_default_in_the_help():
    import inspect

    from ritornello.cli.compose import compose

    parameters = inspect.signature(compose).parameters
    assert set(ComposeConfig.model_fields) <= set(parameters)
    helps = {name: parameters[name].annotation.__metadata__[0].help for name in ComposeConfig.model_fields}
    assert all(ComposeConfig.model_fields[name].description in text for name, text in helps.items())
    assert "(0 to 10; default 1)" in helps["temperature"]
    assert "default on" in helps["guard"]
    assert command("compose")("--help").exit_code == 0


def test_info_command(tmp_path, model, monkeypatch):
    models: Registry[Path] = Registry("model", "ritornello.models", {})
    monkeypatch.setattr(generation, "MODELS", models)
    run = command("info")
    assert "no models" in run().stdout
    models["tiny"] = tmp_path / "tiny.rit"
    models["tiny"].write_bytes(model.bundle.path.read_bytes())
    assert json.loads(run("tiny", "--json").stdout)["digest"] == model.bundle.digest
    assert [summary["name"] for summary in json.loads(run("--json").stdout)] == ["tiny"]
    assert "tiny" in run().stdout
    assert model.bundle.digest in run("tiny").stdout
    assert "nearest is 'tiny'" in str(run("tinny").exception)


def test_composing_needs_no_torch(model):
    code = (
        "import sys; from ritornello.generation import load; load(sys.argv[1]).compose(bars=2);"
        "assert not {'torch', 'onnx', 'music21', 'verovio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(model.bundle.path)], check=True)


def test_faithful_is_the_original_s_way_of_choosing_but_for_what_is_given(steps, monkeypatch):
    monkeypatch.setattr(
        StepRepresentation, "reference_sampling", {"temperature": 0.0, "guard": False}, raising=False
    )
    original = {"temperature": 0, "guard": False}
    assert steps.compose(bars=4, seed=1, faithful=True).ids.tolist() == (
        steps.compose(bars=4, seed=2, **original).ids.tolist()
    )
    piece = steps.compose(bars=4, seed=1, temperature=1.5, faithful=True)
    assert (piece.settings.temperature, piece.settings.guard) == (1.5, False)
    assert piece.ids.tolist() == steps.compose(bars=4, seed=1, temperature=1.5, guard=False).ids.tolist()


def test_faithful_to_nothing_is_refused(model):
    with pytest.raises(ConfigError, match="faithful: representation multitrack comes from no other system"):
        model.compose(bars=2, faithful=True)
