"""Draw the pictures of the jam page that the docs show, in a Chromium: wide, narrow, and light.

A melody is played with the computer keys, and the picture is taken while the model answers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
JAM = (sys.executable, "-m", "ritornello", "jam", "songs", "--port", "0", "--no-open", "--seed", "3")
MELODY = "adghgfdsaf"
PICTURES = {"wide": (1440, 900, "dark"), "narrow": (390, 844, "dark"), "light": (1440, 900, "light")}


def play(page: Any) -> None:
    """Play a call, and wait until the model is in the middle of its answer."""
    page.keyboard.press("Space")
    page.wait_for_selector("body[data-turn=player]")
    for key in MELODY:
        page.keyboard.down(key)
        page.wait_for_timeout(420)
        page.keyboard.up(key)
    page.wait_for_selector("body[data-turn=model]")
    page.wait_for_timeout(2500)


def draw(browser: Any, address: str) -> None:
    for name, (width, height, scheme) in PICTURES.items():
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(address)
        page.wait_for_selector("body.empty")
        play(page)
        page.screenshot(path=IMAGES / f"jam-{name}.png")
        page.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with subprocess.Popen(JAM, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        assert server.stdout is not None
        found = re.match(r"http://\S+", server.stdout.readline())
        assert found
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--headless=new", "--no-sandbox"])
        draw(browser, found[0])
        browser.close()
        server.terminate()


if __name__ == "__main__":
    main()
