"""An answer in the page: key and chords of both sides are told, another answer is given, an answer is repeated."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from browser_stage import Stage

pytestmark = pytest.mark.browser

SCALE = (60, 62, 64, 65, 67, 64, 60)


def test_an_answer_is_given_again_and_repeated(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("__device();").open()
    assert not stage.page.is_visible("#again")
    stage.page.click("#start")
    stage.wait_for_turn("player")
    stage.page.evaluate("() => __plug()")
    for pitch in SCALE:
        stage.page.evaluate(f"() => __midi(0x90, {pitch}, 90)")
        stage.wait(0.2)
        stage.page.evaluate(f"() => __midi(0x80, {pitch}, 0)")
    stage.wait_for_turn("model")
    stage.wait_until(lambda: {each["turn"] for each in stage.said("harmony")} >= {"player", "model"})
    assert stage.said("harmony")[0]["key"] == "C major"
    stage.page.click("#again")
    stage.wait_until(lambda: len([each for each in stage.said("turn") if each["turn"] == "model"]) == 2)
    stage.page.click("#loop")
    stage.page.wait_for_selector("#loop[aria-pressed=true]")
    stage.wait_for_turn("both")
    if path := os.environ.get("SCREENSHOT"):
        stage.wait(1.5)
        stage.page.screenshot(path=path)
    stage.page.click("#loop")
    stage.page.wait_for_selector("#loop[aria-pressed=false]")
    stage.wait_for_turn("player")
