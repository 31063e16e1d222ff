"""The tests of Ableton Live and MuseScore, which run in Node, against a service that runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "integrations"


def test_ableton_and_musescore(service: str) -> None:
    vitest = FOLDER / "node_modules" / "vitest" / "vitest.mjs"
    if not vitest.exists():
        if os.environ.get("CI"):
            pytest.fail("run `npm ci` in integrations/ before")
        pytest.skip("no node_modules in integrations/: run `npm ci` there")
    environment = os.environ | {"RITORNELLO_SERVICE": service, "NO_COLOR": "1"}
    run = subprocess.run(
        ["node", vitest, "run"],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
