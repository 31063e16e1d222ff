"""The export: a model, this library and the packages, put together as a page."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import ritornello
from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.data import EXPRESSION
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.live.config import JamConfig
from ritornello.live.offline.host import store
from ritornello.live.offline.packages import PACKAGES, package_files
from ritornello.live.offline.page import write_page
from ritornello.live.session.model import make_live_model

LARGEST = 64_000_000
"""Bytes of a model at most: the page holds it several times while it loads, and phones give little memory."""

ROOT = Path(ritornello.__file__).resolve().parent

NEEDS_NO_SERVER = "live/server/__init__.py"
"""In the page this module is empty: it has the web server, and the others of its package import without it."""

LEFT_OUT = ("cli", "training", "testing", "live/ports")
"""The parts of the library that a session never imports."""


def export_page(
    bundle: Bundle,
    target: Path,
    settings: dict[str, Any] | None = None,
    seed: int | None = None,
    packages: Path | None = None,
) -> int:
    """Write the page of a model to `target`: a file if it ends in .html, else a folder. Returns its size in bytes.

    settings: some fields of `JamConfig`, with which the page begins. seed: of its sessions; None for a random one each.
    packages: a folder with the files of `PACKAGES`, if they cannot be fetched. ConfigError for a model that cannot be
    played live or that is too large, for settings that it does not support, and for packages that are not to be had.
    """
    if bundle.size > LARGEST:
        raise ConfigError(
            f"{bundle.path}: {bundle.size:,} bytes; a page can hold a model of {LARGEST:,} at most"
        )
    model = make_live_model(bundle)
    config = checked(JamConfig, settings or {})
    model.check_asked(config)
    model.start_constraints(config)
    stored = store(bundle, model)
    about = {
        "model": stored.facts,
        "settings": config.model_dump(mode="json", exclude_unset=True),
        "seed": seed,
    }
    # In 32 bits: ONNX Runtime for WebAssembly is fifty times slower with weights of 8 bits.
    graph, inputs, outputs = Stepper(bundle, precision="float32").portable()
    files = package_files(packages)
    facts = {
        "inputs": inputs,
        "outputs": outputs,
        "wheels": [package.file for package in PACKAGES if package.file.endswith(".whl")],
    }
    files |= {
        "model.onnx": graph,
        "model.json": json.dumps(about, ensure_ascii=False).encode(),
        "model.npz": stored.arrays,
        "ritornello.zip": library_archive(),
    }
    return write_page(target, files, facts, bundle.card.name)


def library_archive() -> bytes:
    """Return the modules of this library that a session may import, and their data, as a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted([*ROOT.rglob("*.py"), *EXPRESSION.glob("*.npz")]):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(tuple(f"{part}/" for part in LEFT_OUT)):
                data = b"" if name == NEEDS_NO_SERVER else path.read_bytes()
                archive.writestr(zipfile.ZipInfo(f"ritornello/{name}", (1980, 1, 1, 0, 0, 0)), data)
    return file.getvalue()
