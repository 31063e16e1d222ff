"""The layout is the path of the data: a station imports only stations before it, and torch stays where it belongs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ritornello

SOURCE = Path(ritornello.__file__).parent

ORDER = (
    "errors", "registry", "config", "paths", "memory", "settings", "arrays", "remote", "likelihood", "theory",
    "score", "sustain", "chord_symbols", "leadsheet", "analysis", "notation", "notelist", "data", "formats",
    "interop", "expression", "rendering", "runs", "representations", "originality", "structure", "corpus",
    "networks", "bundle", "hub", "training", "presets", "generation", "evaluation", "api", "live", "service",
    "cli", "testing",
)  # fmt: skip

ALLOWED_BACK = {
    ("score", "expression"): "a method of `Score`; imported when called",
    ("score", "interop"): "methods of `Score`, for those of other libraries; imported when called",
    ("score", "rendering"): "methods of `Score` that write and show it; imported when called",
}

TORCH_FREE = (
    "",
    "score",
    "theory",
    "formats",
    "leadsheet",
    "analysis",
    "notation",
    "rendering",
    "representations",
    "originality",
    "structure",
    "corpus",
    "bundle",
    "generation",
    "interop",
    "api",
    "settings",
    "evaluation.evaluate",
    "live.session",
    "live.session.engine",
    "service.client",
    "cli",
)


def station_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Return the stations that a module imports, anywhere in its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [
                f"{node.module}.{a.name}" if node.module == "ritornello" else node.module for a in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("ritornello.") and "__" not in name}
    return found


MODULES = sorted(p for p in SOURCE.rglob("*.py") if p.parent != SOURCE or not p.stem.startswith("__"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_station_imports_only_earlier_ones(path: Path) -> None:
    own = station_of(path)
    assert own in ORDER, f"a new station {own}: give it its place in ORDER"
    for other in imports_of(path) - {own}:
        assert other in ORDER, f"{path}: imports unknown {other}"
        assert ORDER.index(other) < ORDER.index(own) or (own, other) in ALLOWED_BACK, (
            f"{own} imports later {other}"
        )


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in SOURCE.rglob("*.py")}


def imports_at_the_top(path: Path) -> set[str]:
    """Return our modules that a module imports outside functions, also for the type checker alone."""
    found, todo = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    for node in todo:  # grows
        if isinstance(node, ast.If | ast.Try | ast.With):
            todo += [inner for inner in ast.walk(node) if isinstance(inner, ast.ImportFrom | ast.Import)]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in SOURCES else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & SOURCES.keys()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """The front alone, which names everything for type checkers, may import what imports its version."""
    graph = {name: imports_at_the_top(path) for name, path in SOURCES.items() if name != "ritornello"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("station", TORCH_FREE)
def test_torch_is_not_imported_before_it_is_needed(station: str) -> None:
    name = f"ritornello.{station}".rstrip(".")
    heavy = "('torch', 'music21', 'verovio', 'typst', 'matplotlib', 'onnx')"
    loaded = run_python(f"import sys, {name}; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("command", ["", "compose", "train"])
def test_import_and_help_need_nothing_heavy(command: str) -> None:
    heavy = [
        "numpy",
        "torch",
        "music21",
        "verovio",
        "typst",
        "matplotlib",
        "onnx",
        "onnxruntime",
        "symusic",
        "soundfile",
        "PIL",
        "starlette",
        "uvicorn",
        "mido",
    ]
    code = f"""
import sys
sys.argv = ["ritornello", *"{command}".split(), "--help"]
from ritornello.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code
print([m for m in {heavy} if m in sys.modules])
"""
    assert run_python(code).splitlines()[-1] == "[]"


def test_the_server_draws_nothing() -> None:
    loaded = run_python(
        "import sys, ritornello.live.server; print([m for m in ('PIL', 'torch') if m in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_the_public_front_is_what_it_says() -> None:
    assert sorted(ritornello.__all__) == sorted(ritornello._HOME)
    assert len(ritornello.__all__) <= 34
    for name in ritornello.__all__:
        assert getattr(ritornello, name).__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ritornello.nothing  # noqa: B018


def test_every_module_says_what_it_is_for() -> None:
    for module in pkgutil.walk_packages(ritornello.__path__, "ritornello."):
        if module.name == "ritornello.__main__":
            continue  # runs the command line
        assert importlib.import_module(module.name).__doc__, f"{module.name} has no docstring"
