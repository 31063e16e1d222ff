"""A jam page without a server: one HTML file, or a folder, that plays offline.

The page is that of the server, and so is the session: the modules of this library run in the page's worker, by Python
compiled to WebAssembly (Pyodide), and the network runs on ONNX Runtime for WebAssembly. So what holds for the server
holds for the page, note for note.

`export_page` here makes the page; `packages` has what it is made of besides this library, `page` writes it as a file
or a folder, `host` is the session in the worker, and `bridge` lies between it and the worker's JavaScript
(`web/src/offline/`).
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import ritornello
from ritornello.bundle import Bundle
from ritornello.config import checked
from ritornello.errors import ConfigError
from ritornello.generation.stepper import Stepper
from ritornello.live.config import JamConfig
from ritornello.live.offline.host import store
from ritornello.live.offline.packages import PACKAGES, package_files
from ritornello.live.offline.page import write_page
from ritornello.live.session.model import make_live_model

LARGEST = 64_000_000
"""Bytes of a model at most: a phone's browser gives a page a few hundred megabytes, of which Python takes 150."""

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
        raise ConfigError(f"{bundle.path}: {bundle.size:,} bytes; a page can hold a model of {LARGEST:,} at most")
    stepper = Stepper(bundle)
    model = make_live_model(bundle, stepper)
    config = checked(JamConfig, settings or {})
    model.check_asked(config)
    model.start_constraints(config)
    stored = store(bundle, model, config.model_dump(mode="json", exclude_unset=True), seed)
    graph, inputs, outputs = stepper.portable()
    files = package_files(packages)
    facts = {
        "inputs": inputs,
        "outputs": outputs,
        "wheels": [package.file for package in PACKAGES if package.file.endswith(".whl")],
    }
    files |= {
        "model.onnx": graph,
        "model.json": json.dumps(stored.facts, ensure_ascii=False).encode(),
        "model.npz": stored.arrays,
        "ritornello.zip": library_archive(),
    }
    return write_page(target, files, facts, bundle.card.name)


def library_archive() -> bytes:
    """Return the modules of this library that a session may import, as a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(ROOT.rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(tuple(f"{part}/" for part in LEFT_OUT)):
                text = "" if name == NEEDS_NO_SERVER else path.read_text(encoding="utf-8")
                archive.writestr(zipfile.ZipInfo(f"ritornello/{name}", (1980, 1, 1, 0, 0, 0)), text)
    return file.getvalue()
