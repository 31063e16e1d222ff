"""Members of other packages: `tests/plugin`, really installed into a folder of its own; and broken ones, made here.

Each test runs a new process, so that this one's tables stay as they are.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from test_batches import make_piece

from ritornello.formats import read
from ritornello.formats.midi_writer import midi_to_bytes

HERE = Path(__file__).resolve().parent
Run = subprocess.CompletedProcess[str]

TINY = ("--steps=4", "--batch=4", "--window=16", "--evaluations=2", "--samples=1", "--precision=float32")


def python(*arguments: object, site: Path | None = None) -> Run:
    """Run Python with the packages in the folder `site` installed."""
    path = [str(site)] if site else []
    path += [str(HERE.parent / "src"), str(HERE), str(HERE / "live"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200"}
    call = [sys.executable, *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, env=environment, timeout=300)


def ritornello(*arguments: object, site: Path | None = None) -> Run:
    return python("-m", "ritornello", *arguments, site=site)


def refusal(run: Run) -> str:
    """Return the one line with which a command refused."""
    assert run.returncode == 2, run.stdout + run.stderr
    (line,) = filter(None, run.stderr.splitlines())
    return line


def install(site: Path, name: str, points: Mapping[str, Mapping[str, str]], code: str) -> None:
    """Put into `site` a package of one module, version 1.0, with entry points {group: {name: reference}}."""
    facts = site / f"{name}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [
        "\n".join([f"[ritornello.{group}]", *(f"{key} = {value}" for key, value in rows.items())])
        for group, rows in points.items()
    ]
    (facts / "entry_points.txt").write_text("\n\n".join(groups))
    (site / f"{name}.py").write_text(code)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed."""
    folder = tmp_path_factory.mktemp("site")
    pip = "-m pip install --quiet --no-deps --no-build-isolation --no-index --disable-pip-version-check --target"
    done = python(*pip.split(), folder, HERE / "plugin")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many files, of the package's format, that they are read by worker processes."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(20):
        (folder / f"{number}.midi64").write_bytes(base64.b64encode(midi_to_bytes(make_piece(number))))
    return folder


@pytest.fixture(scope="session")
def bundle(site: Path, music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained with the package's preset; the package ships it from then on."""
    path = tmp_path_factory.mktemp("model") / "trained.rit"
    done = ritornello("train", music, "-o", path, "--preset", "mini", *TINY, "--json", site=site)
    assert done.returncode == 0, done.stderr
    shutil.copy(path, site / "ritornello_mini" / "mini-tune.rit")
    return path


def test_its_bundle_names_the_package_and_composes(site: Path, bundle: Path, tmp_path: Path) -> None:
    facts = json.loads(ritornello("info", bundle, "--json", site=site).stdout)
    assert facts["packages"] == {"representation": "ritornello-mini 0.1", "network": "ritornello-mini 0.1"}
    assert facts["training"]["pieces"] + facts["held_out"]["pieces"] == 20
    out = tmp_path / "new.midi64"
    for model in (bundle, "mini-tune"):
        done = ritornello(
            "compose", model, "-o", out, "--bars", 4, "--sampling-method", "uniform", "--seed", 1, site=site
        )
        assert done.returncode == 0, done.stderr
        assert base64.b64decode(out.read_bytes()).startswith(b"MThd")
        out.unlink()


def test_its_constraint_holds_in_compose_and_has_its_flag_in_jam_and_play(
    site: Path, bundle: Path, tmp_path: Path
) -> None:
    asked = ("compose", "chorales", "-o", tmp_path / "a.mid", "--bars", 8, "--seed", 8, "--temperature", 3)
    facts = []
    for flags in (["--json"], ["--no-tritones", "--json"]):
        done = ritornello(*asked, *flags, site=site)
        assert done.returncode == 0, done.stderr
        facts.append(json.loads(done.stdout)["pieces"][0]["constraints"])
        notes = read(tmp_path / "a.mid").tracks[0].notes["pitch"].astype(int)
        assert (6 in np.abs(np.diff(notes))) == (len(flags) == 1)
    assert [fact["asked"] for fact in facts] == [[], ["tritones"]]
    assert "tritones" not in facts[1]["relaxed"]
    for command in ("compose", "jam", "play"):
        assert "--no-tritones" in ritornello(command, "--help", site=site).stdout
        assert "--no-tritones" not in ritornello(command, "--help").stdout


def test_its_bundle_opens_in_the_jam(site: Path, bundle: Path) -> None:
    code = """
from pages import serving
from ritornello.live.server.catalog import load_catalog

catalog = load_catalog(["mini-tune"])
catalog.find(None).load()
with serving(catalog) as served, served.page() as page:
    page.hello()
    page.send("start")
    page.play(0x90, 60, 90)
    page.play(0x80, 60, 0)
    print(page.wait("notes")["notes"][0]["side"])
"""
    done = python("-W", "error", "-c", code, site=site)
    assert done.stdout.strip() == "model", done.stderr


def test_listings_and_help_show_its_members(site: Path, bundle: Path) -> None:
    presets = ritornello("presets", site=site)
    assert "a top line on eighths" in presets.stdout
    assert "from the package ritornello-mini 0.1" in presets.stdout
    assert not presets.stderr
    helped = " ".join(ritornello("train", "--help", site=site).stdout.replace("│", " ").split())
    assert "words, mini;" in helped
    assert "rg_lru, mini_gru;" in helped
    assert "four_layer_events, mini)" in helped
    assert "standard, uniform;" in ritornello("compose", "--help", site=site).stdout
    assert "mini-tune" in ritornello("info", site=site).stdout


def test_without_the_package_its_bundle_says_which_to_install(bundle: Path, tmp_path: Path) -> None:
    run = ritornello("compose", bundle, "-o", tmp_path / "new.mid")
    assert refusal(run) == (
        f"ritornello: {bundle}: its representation 'mini' comes with the package ritornello-mini 0.1; "
        "run: pip install ritornello-mini"
    )
    assert "unknown preset 'mini'" in refusal(
        ritornello("train", "-o", tmp_path / "a.rit", "--preset", "mini")
    )


def test_its_members_keep_the_laws(site: Path) -> None:
    code = """
from ritornello.formats import FORMATS
from ritornello.generation.constraints import CONSTRAINTS
from ritornello.networks import NETWORKS
from ritornello.representations import REPRESENTATIONS
from ritornello.testing import constraint_laws, format_laws, network_laws, representation_laws

representation_laws(REPRESENTATIONS["mini"])
constraint_laws(CONSTRAINTS["tritones"], {"tritones": False})
format_laws(FORMATS[".midi64"])
network_laws(NETWORKS["mini_gru"], {"hidden": 8})
"""
    done = python("-c", code, site=site)
    assert done.returncode == 0, done.stderr


def test_a_member_that_breaks_a_law_is_found(site: Path) -> None:
    code = """
from ritornello.networks import NETWORKS
from ritornello.testing import network_laws

kind = NETWORKS["mini_gru"]
forward = kind.forward
kind.forward = lambda self, inputs, state: forward(self, inputs.flip(1), state)
network_laws(kind, {"hidden": 8})
"""
    done = python("-c", code, site=site)
    assert "AssertionError" in done.stderr
    assert "steps_at_once_equal_single_steps" in done.stderr


# --- what is broken ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that does not import, and one whose members are of no use or have taken names."""
    folder = tmp_path_factory.mktemp("broken")
    rows = {"presets": {"lost": "lost:PRESET"}, "representations": {"lost": "lost:Lost"}}
    install(folder, "lost", rows, "import nothing_of_this_name")
    rows = {
        "presets": {"tiny": "odd:TEXT", "odd": "odd:TEXT", "wild": "odd:WILD"},
        "formats": {".odd": "odd:TEXT", ".mid": "odd:TEXT"},
        "representations": {"melody": "odd:TEXT", "misnamed": "odd:Misnamed"},
        "models": {"odd": "odd:TEXT"},
    }
    code = """
from ritornello.presets import Preset
TEXT = "no member at all"
WILD = Preset("settings that there are not", {"wildness": 3})
class Misnamed:
    name = "other"
"""
    install(folder, "odd", rows, code)
    return folder


def test_what_is_broken_is_told_in_a_line_and_the_rest_works(broken: Path, tmp_path: Path) -> None:
    run = ritornello("presets", site=broken)
    assert run.returncode == 0
    assert "performance_rnn" in run.stdout
    assert [line.partition("; known: ")[0] for line in run.stderr.splitlines()] == [
        "ritornello: lost 1.0: preset 'lost' cannot be used: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'",
        "ritornello: odd 1.0: preset 'odd' cannot be used: TypeError: 'no member at all' is not a Preset",
        "ritornello: odd 1.0: preset 'wild' cannot be used: "
        "ConfigError: wildness: there is no such setting (received 3)",
        "ritornello: odd 1.0: preset 'tiny' is not used: ritornello has one of that name",
    ]
    models = ritornello("info", site=broken)
    assert "songs" in models.stdout
    assert models.stderr.startswith("ritornello: odd 1.0: model 'odd' cannot be used: ")
    assert len(models.stderr.splitlines()) == 1
    out = tmp_path / "new.mid"
    assert ritornello("compose", "-o", out, "--bars", 2, site=broken).returncode == 0
    assert out.read_bytes().startswith(b"MThd")


def test_broken_constraints_are_told_in_a_line_each_and_the_others_hold(tmp_path: Path) -> None:
    code = """
from ritornello.generation.constraints import Constraint, Settings
class GreedySettings(Settings):
    temperature: float = 1.0
class Greedy(Constraint):
    name = "greedy"
    settings = GreedySettings
"""
    rows = {"constraints": {"odd": "greedy:Settings", "greedy": "greedy:Greedy", "scale": "greedy:Greedy"}}
    install(tmp_path, "greedy", rows, code)
    out = tmp_path / "new.mid"
    done = ritornello("compose", "-o", out, "--bars", 2, "--scale", "C major", site=tmp_path)
    assert done.returncode == 0
    assert "scale kept" in done.stdout
    assert sorted(line.partition(" (")[0] for line in done.stderr.splitlines()) == [
        "ritornello: greedy 1.0: constraint 'greedy' cannot be used: "
        "ValueError: its settings declare what ritornello has: temperature",
        "ritornello: greedy 1.0: constraint 'odd' cannot be used: "
        "TypeError: <class 'ritornello.generation.constraints.base.Settings'> is not a Constraint",
        "ritornello: greedy 1.0: constraint 'scale' is not used: ritornello has one of that name",
    ]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["presets", "lost"], "lost 1.0: preset 'lost' cannot be used: ModuleNotFoundError"),
        (
            ["compose", "-o", "a.odd"],
            "odd 1.0: format '.odd' cannot be used: TypeError: 'no member at all' is not a",
        ),
        (
            ["compose", "odd"],
            "odd 1.0: model 'odd' cannot be used: FileError: no member at all: no such file",
        ),
        (
            ["train", "--representation", "misnamed"],
            "odd 1.0: representation 'misnamed' cannot be used: ValueError: its name is 'other'",
        ),
        (
            ["train", "--representation", "lost"],
            "lost 1.0: representation 'lost' cannot be used: ModuleNotFound",
        ),
        (
            ["compose", "--sampling-method", "unifrom"],
            "sampling_method: unknown sampler 'unifrom'; known: standard",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_broken_member_is_refused_in_a_line(
    command: list[str], line: str, broken: Path, tmp_path: Path
) -> None:
    where = ["-o", str(tmp_path / "a.rit")] if command[0] == "train" else []
    assert refusal(ritornello(*command, *where, site=broken)).startswith(f"ritornello: {line}")


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["compose", "--help"]])
def test_help_imports_no_member(command: list[str], broken: Path, tmp_path: Path) -> None:
    install(
        tmp_path, "loud", {"presets": {"loud": "loud:X"}, "networks": {"loud": "loud:X"}}, "print('imported')"
    )
    run = ritornello(*command, site=tmp_path)
    assert run.returncode == 0
    assert "imported" not in run.stdout
