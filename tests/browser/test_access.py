"""The page for everybody: on a phone, by the keyboard alone, magnified, in the system's colours, in two languages, on a
slow line, with a device or a browser's store that is broken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_stage import Stage

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LANDSCAPE: dict[str, Any] = PHONE | {"viewport": {"width": 844, "height": 390}}
SILENT, AUDIBLE = 0.004, 0.02
NARROWEST_KEY = 36  # pixels


def read_axe() -> str:
    if AXE.is_file():
        return AXE.read_text(encoding="utf-8")
    if os.environ.get("CI") == "true":
        pytest.fail("no axe-core: npm ci in web/ installs it")
    return pytest.skip("no axe-core: npm ci in web/")


def findings(page: Any) -> list[str]:
    """What axe-core, with all its rules, finds wrong with the page as it is."""
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {node['html'][:150]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "dark"},
        {"color_scheme": "light", "locale": "de-DE"},
        PHONE,
        LANDSCAPE,
        {"forced_colors": "active"},
    ],
    ids=["dark", "light and German", "phone", "landscape", "forced colours"],
)
def test_axe_finds_nothing(make_stage: Callable[..., Stage], options: dict[str, Any]) -> None:
    stage = make_stage(read_axe(), reduced_motion="reduce", **options).open()
    page = stage.page
    assert findings(page) == [], "idle"
    page.click("#downloads-button")
    assert findings(page) == [], "a menu"
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    stage.wait_for_turn("player")
    stage.key("a")
    stage.wait_for_turn("model")
    assert findings(page) == [], "playing"
    page.keyboard.press("Space")
    page.click("#more")
    page.click("#constraints-details summary")
    page.click("#instruments-details summary")
    assert findings(page) == [], "the settings"


# --- on a phone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(320, 568), (360, 740), (390, 844), (844, 390), (667, 375)])
def test_keys_are_wide_enough_for_fingers(make_stage: Callable[..., Stage], size: tuple[int, int]) -> None:
    width, height = size
    stage = make_stage(**(PHONE | {"viewport": {"width": width, "height": height}})).open()
    page = stage.page
    for key in page.locator(".key.white").all():
        assert key.bounding_box()["width"] >= NARROWEST_KEY - 1, "a pixel is the gap"
    assert page.locator("#piano").bounding_box()["height"] >= 100
    assert page.locator("#roll").bounding_box()["height"] >= 80
    ground = page.evaluate("() => getComputedStyle(document.querySelector('.turn-words')).backgroundColor")
    assert ground.startswith("rgb("), "the turn's words hide what is under them"
    found = [page.locator(part) for part in ("#piano", ".modes", ".beat", "#start", ".tools")]
    for part in [*found, *page.locator(".modes label").all()]:
        box = part.bounding_box()
        assert (box["x"] >= 0, box["x"] + box["width"] <= width, box["y"] + box["height"] <= height) == (
            True,
            True,
            True,
        ), part
    assert page.evaluate("() => document.documentElement.scrollWidth") == width


def test_the_octave_is_changed_by_arrows_and_by_a_swipe(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(**PHONE).open()
    page = stage.page
    assert page.inner_text("#piano-range") == "C4 to E5"
    page.tap("#piano-up")
    assert page.inner_text("#piano-range") == "C5 to E6"
    assert page.locator("[data-pitch='72']").count() == 1
    swipe(page, (250, 130))
    assert page.inner_text("#piano-range") == "C7 to E8"
    swipe(page, (130, 190))
    assert page.inner_text("#piano-range") == "C6 to E7"
    assert [message for message in stage.sent if message["type"] == "midi"] == [], "nothing was played"


def swipe(page: Any, way: tuple[int, int]) -> None:
    """Move a finger along the strip above the keys, in small steps."""
    box = page.locator("#piano-range").bounding_box()
    y = box["y"] + box["height"] / 2
    devtools = page.context.new_cdp_session(page)

    def touch(kind: str, *points: float) -> None:
        devtools.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x in points]}
        )

    first, last = way
    step = 4 if last > first else -4
    touch("touchStart", first)
    for x in range(first, last + step, step):
        touch("touchMove", x)
    touch("touchEnd")


def test_fingers_play_several_keys(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(**PHONE).open()
    devtools = stage.page.context.new_cdp_session(stage.page)
    boxes = [stage.page.locator(f"[data-pitch='{pitch}']").bounding_box() for pitch in (60, 64, 67)]
    points = [{"x": box["x"] + 18, "y": box["y"] + box["height"] - 12} for box in boxes]
    devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    stage.wait(0.2)
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    stage.wait(0.2)
    data = [message["data"][:2] for message in stage.sent if message["type"] == "midi"]
    assert sorted(data) == [[0x80, 60], [0x80, 64], [0x80, 67], [0x90, 60], [0x90, 64], [0x90, 67]]


# --- on a slow line -------------------------------------------------------------------------------------------


def test_a_simple_sound_plays_while_the_sounds_load(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    held: list[Any] = []
    stage.page.route("**/soundfont.sf3", lambda route: held.append(route))
    stage.open()
    assert stage.page.is_visible("#sound-loading")
    stage.page.keyboard.down("a")
    stage.wait_until(lambda: stage.loudness() > AUDIBLE)
    stage.page.keyboard.up("a")
    stage.wait_until(lambda: stage.loudness() < SILENT)
    held[0].continue_()
    stage.page.wait_for_selector("#sound-loading", state="hidden", timeout=20_000)
    stage.page.keyboard.down("a")
    stage.wait_until(lambda: stage.loudness() > AUDIBLE)
    stage.page.keyboard.up("a")


def test_without_the_sounds_the_simple_one_stays(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    stage.page.route("**/soundfont.sf3", lambda route: route.fulfill(status=404))
    stage.expected = "404"
    stage.open()
    stage.page.wait_for_selector(".toast.error:has-text('could not be loaded')")
    assert stage.page.is_hidden("#sound-loading")
    stage.page.keyboard.down("a")
    stage.wait_until(lambda: stage.loudness() > AUDIBLE)
    stage.page.keyboard.up("a")


def test_sound_that_waits_for_a_gesture_says_so(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("__device();").open()
    stage.page.evaluate(
        "() => dispatchEvent(new Event('touchend'))"
    )  # no gesture of a person: the ports open
    stage.page.evaluate("() => __plug()")
    stage.page.evaluate("() => __midi(0x90, 60, 90)")
    if stage.page.evaluate("() => new AudioContext().state") != "running":
        stage.page.wait_for_selector("#sound-asleep:visible")
    stage.page.keyboard.press("Shift")
    stage.page.wait_for_selector("#sound-asleep", state="hidden")


# --- by the keyboard ------------------------------------------------------------------------------------------


def test_escape_closes_a_menu_and_a_bookmark_closes_its_own(stage: Stage) -> None:
    page = stage.page
    for name in ("downloads", "bookmarks"):
        page.click(f"#{name}-button")
        assert page.is_visible(f"#{name}-menu")
        page.keyboard.press("Escape")
        assert page.is_hidden(f"#{name}-menu")
    assert [message for message in stage.sent if message["type"] == "panic"] == [], "Escape was for the menu"
    page.keyboard.press("b")
    page.click("#bookmarks-button")
    page.click("#bookmarks button")
    assert page.is_hidden("#bookmarks-menu")


def test_a_number_is_replaced_by_what_is_typed_and_space_still_starts(stage: Stage) -> None:
    page = stage.page
    page.click("#tempo")
    page.keyboard.type("132")
    page.keyboard.press("Enter")
    stage.wait_until(lambda: [said["config"]["tempo"] for said in stage.said("config")] == [132])
    page.keyboard.type("99")
    page.keyboard.press("Escape")
    assert page.input_value("#tempo") == "132", "Escape leaves it as it was"
    page.click("#tempo")
    page.keyboard.press("Space")
    stage.wait_for_turn("player")
    assert [message for message in stage.sent if message["type"] == "panic"] == []


def test_a_chip_keeps_the_focus(stage: Stage) -> None:
    page = stage.page
    page.click("#more")
    page.select_option("#model", "quartets")
    page.wait_for_selector("#model-name:has-text('uartets')")
    page.click("#instruments-details summary")
    page.focus("#instruments label:nth-child(2) input")
    page.keyboard.press("Space")
    page.wait_for_selector("#instruments-words:has-text('of')")
    assert page.evaluate("() => document.activeElement.closest('#instruments') !== null")


def test_letters_can_be_switched_off(stage: Stage) -> None:
    page = stage.page
    page.click("#more")
    page.click("#letters-play")
    page.click("#letters-command")
    page.keyboard.press("Escape")
    for key in ("a", "Backspace", "b", "r", "z"):
        page.keyboard.press(key)
    assert page.locator(".key kbd").count() == 0
    page.keyboard.press("Space")
    stage.wait_for_turn("player")
    assert {message["type"] for message in stage.sent} <= {"hello", "ping", "start", "configure", "latency"}


def test_what_was_played_can_be_read(stage: Stage) -> None:
    page = stage.page
    page.click("#more")
    page.check("#read-out-box")
    for key in "adg":
        stage.key(key, 0.1)
    page.wait_for_selector("#played li:has-text('You: C4 E4 G4')")
    assert page.text_content("#read-out") == "You: C4 E4 G4"


# --- large, and in the system's colours -----------------------------------------------------------------------


def test_all_can_be_reached_when_it_is_four_times_as_large(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(viewport={"width": 320, "height": 256}).open()
    page = stage.page
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    for part in ("#start", "#tap", "#piano", "#undo"):
        page.locator(part).scroll_into_view_if_needed()
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 257


def test_in_forced_colours_what_is_chosen_and_played_can_be_seen(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(forced_colors="active").open()
    page = stage.page
    ground = "element => getComputedStyle(element).backgroundColor"
    chosen = page.locator(".modes label:has(:checked)").evaluate(ground)
    assert chosen != page.locator(".modes label:has(input:not(:checked))").first.evaluate(ground)
    white, black = (page.locator(f"[data-pitch='{pitch}']") for pitch in (60, 61))
    assert white.evaluate(ground) != black.evaluate(ground)
    stage.page.keyboard.down("a")
    page.wait_for_selector("[data-pitch='60'][data-by='player']")
    assert "gradient" in white.evaluate("element => getComputedStyle(element).backgroundImage")
    stage.page.keyboard.up("a")


# --- languages ------------------------------------------------------------------------------------------------


def test_the_language_is_the_browsers_and_can_be_changed(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(locale="de-AT").open()
    page = stage.page
    assert page.get_attribute("html", "lang") == "de"
    assert page.get_attribute("#start", "aria-label") == "Start"
    assert page.inner_text(".modes label:nth-of-type(1)") == "Frage & Antwort"
    page.click("#more")
    page.select_option("#language", "en")
    assert page.inner_text(".modes label:nth-of-type(1)") == "Call & response"
    assert page.get_attribute("html", "lang") == "en"
    page.reload()
    page.wait_for_selector('#model-name:text-matches("[a-z]")')
    assert page.get_attribute("html", "lang") == "en", "it is remembered"


# --- what is broken -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored", ['{"mutedInputs": 5, "octave": "high"}', '{"volumes": null, "config": null}', "not JSON", "[]"]
)
def test_broken_settings_are_left_out_and_told(make_stage: Callable[..., Stage], stored: str) -> None:
    stage = make_stage(f"localStorage.setItem('ritornello', {stored!r});").open()
    stage.page.wait_for_selector(".toast:has-text('made no sense')")
    stage.key("a")
    assert stage.said("error") == []
    assert next(m["data"] for m in stage.sent if m["type"] == "midi") == [0x90, 60, 84]


def test_a_device_that_floods_is_left_out_until_it_is_quiet(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("__device();").open()
    page = stage.page
    page.click("#more")
    page.evaluate("() => __plug()")
    page.evaluate("() => { for (let i = 0; i < 9000; i++) __midi(i % 2 ? 0x80 : 0x90, 60, 90); }")
    page.wait_for_selector(".toast:has-text('sends too much')")
    stage.wait(1.3)
    page.evaluate("() => __midi(0x90, 72, 90)")
    page.wait_for_selector(".toast:has-text('is heard again')")
    page.wait_for_selector("[data-pitch='72'][data-by='player']")
    assert page.locator("body.away").count() == 0, "the server did not close the connection"
    assert len([message for message in stage.sent if message["type"] == "midi"]) < 4000
