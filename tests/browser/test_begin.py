"""A page on which nothing is touched but the keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_stage import Stage

pytestmark = pytest.mark.browser


def test_who_only_plays_is_answered(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage().open()
    page = stage.page
    assert page.locator("#invitation").is_visible()
    assert "fixed length" in page.locator("#mode-words").inner_text()
    for letter in "asdf":
        stage.key(letter, 0.2)
    page.locator("#invitation").wait_for(state="hidden")
    stage.wait_for_turn("model")
    assert not [message for message in stage.sent if message["type"] == "start"]
    assert stage.notes("model")
    page.wait_for_selector('#tempo-unit:text("bpm heard")')
    page.click("#tap")
    stage.wait(0.5)
    page.click("#tap")
    tapped = next(message["config"] for message in stage.sent if message["type"] == "configure")
    stage.wait_until(lambda: stage.said("tempo")[-1]["quarters_per_minute"] == tapped["tempo"])
    stage.check()
