"""The page itself: sizes, keyboard alone, what it says kindly, lost connections, what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser_stage import Stage

pytestmark = pytest.mark.browser

WIDE, MIDDLE, NARROW = (1440, 900), (1024, 768), (360, 740)


def test_all_is_on_one_screen(stage: Stage) -> None:
    for width, height in (WIDE, MIDDLE, NARROW):
        stage.page.set_viewport_size({"width": width, "height": height})
        stage.wait(0.2)
        check_layout(stage.page, width, height)


def check_layout(page: Any, width: int, height: int) -> None:
    """Nothing scrolls, nothing overlaps, and the roll is the stage."""
    assert page.evaluate("() => document.documentElement.scrollHeight") == height
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    boxes = [
        page.locator(part).bounding_box()
        for part in (".tools", ".modes", ".play", ".beat", "#roll", "#piano")
    ]
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert boxes[4]["height"] > 0.3 * height, "the roll is the stage"
    octaves = page.locator(".key").count() // 12
    assert 1 <= octaves <= 7


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    return all(
        a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "width"), ("y", "height"))
    )


def test_the_keyboard_alone_is_enough(stage: Stage) -> None:
    page = stage.page
    tab_to(page, "more")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "close"
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.id") == "more"
    tab_to(page, "call_seconds")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    tab_to(page, "start")
    page.keyboard.press("Enter")
    stage.wait_for_turn("player")
    assert page.get_attribute("#start", "aria-label") == "Stop"
    assert page.inner_text("#announcement") == "Your turn"
    stage.key("a")
    turn = stage.said("turn")[-1]
    assert turn["end"] - turn["start"] == pytest.approx(3), "the call is a second longer"
    stage.wait_for_turn("model")
    assert page.inner_text("#announcement") == "The model plays"
    page.keyboard.press("Enter")
    stage.wait_for_turn("idle")


def tab_to(page: Any, identifier: str) -> None:
    """Go on with the tabulator until an element has the focus, and can be seen to have it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == identifier:
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
            return
    pytest.fail(f"#{identifier} cannot be reached")


def test_a_key_that_is_held_is_one_note_and_ends_when_the_window_is_left(stage: Stage) -> None:
    stage.page.keyboard.down("a")
    stage.page.keyboard.down("a")  # as the system repeats it
    stage.page.evaluate("() => { dispatchEvent(new Event('blur')); }")
    stage.wait(0.1)
    data = [message["data"] for message in stage.sent if message["type"] == "midi"]
    assert data[:2] == [[0x90, 60, 84], [0x80, 60, 0]]
    assert [status for status, *_ in data].count(0x90) == 1
    assert stage.page.locator(".key[data-by=player]").count() == 0


REFUSES = "navigator.requestMIDIAccess = async () => { throw new DOMException('no', 'NotAllowedError'); };"
HAS_NONE = "navigator.requestMIDIAccess = undefined;"


@pytest.mark.parametrize(("script", "words"), [(REFUSES, "not allowed"), (HAS_NONE, "no Web MIDI")])
def test_without_web_midi_it_says_so_kindly(
    make_stage: Callable[..., Stage], script: str, words: str
) -> None:
    stage = make_stage(script).open()
    stage.page.click("#more")
    said = stage.page.inner_text("#midi-words")
    assert words in said
    assert "computer keys" in said


def test_a_device_may_be_plugged_in_later(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("__device();").open()
    stage.page.click("#more")
    assert "Plug in" in stage.page.inner_text("#midi-words")
    stage.page.evaluate("() => __plug()")
    assert "Test keys" in stage.page.inner_text("#inputs")
    stage.page.evaluate("() => __midi(0x90, 60, 90)")
    assert stage.lit(0.3) == {"player"}
    stage.page.evaluate("() => __unplug()")
    assert "Test keys" not in stage.page.inner_text("#inputs")
    stage.wait(0.1)
    assert stage.lit(0.1) == set(), "its keys do not stay down"


def test_a_lost_connection_resumes_its_session(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    lines: list[Any] = []

    def connect(line: Any) -> None:
        lines.append((line, line.connect_to_server()))

    stage.page.route_web_socket("**/live", connect)
    stage.open()
    stage.key("a")
    stage.wait(0.2)
    for end in lines[0]:
        end.close()
    stage.page.wait_for_selector("body.away")
    stage.key("s")  # while nobody listens
    stage.page.wait_for_selector("body:not(.away)")
    stage.page.reload()
    stage.page.wait_for_selector("body.running")
    stage.page.wait_for_selector(".turn-words:has-text('Your turn')")
    welcomes = stage.said("welcome")
    assert [welcome["resumed"] for welcome in welcomes] == [False, True, True]
    notes = welcomes[-1]["notes"]
    assert [note["pitch"] for note in notes if note["side"] == "player"] == [60, 62]


def test_choices_are_remembered(stage: Stage) -> None:
    page = stage.page
    page.click("#more")
    page.select_option("#model", "quartets")
    page.select_option("#tonic", "D")
    page.select_option("#scale", "dorian")
    page.wait_for_selector("#model-name:has-text('uartets')")
    page.evaluate("() => sessionStorage.clear()")  # as in a new tab
    page.reload()
    page.wait_for_selector("#model-name:has-text('uartets')")
    stage.wait(0.2)
    assert stage.said("config")[-1]["config"]["scale"] == "D dorian"


def test_a_number_stays_within_its_limits(stage: Stage) -> None:
    for asked, taken in (("9999", "400"), ("-5", "10")):
        stage.page.fill("#tempo", asked)
        stage.page.press("#tempo", "Tab")
        stage.wait_until(lambda taken=taken: stage.page.input_value("#tempo") == taken)
    stage.wait_until(lambda: [said["config"]["tempo"] for said in stage.said("config")] == [400, 10])
    assert stage.said("error") == []


def open_constraints(stage: Stage) -> None:
    stage.page.click("#more")
    stage.page.click("#constraints-details summary")


def test_constraints_are_asked_for_in_their_boxes(stage: Stage) -> None:
    page = stage.page
    open_constraints(stage)
    boxes = {box.get_attribute("id") for box in page.locator(".constraint :is(input, select)").all()}
    options = stage.said("welcome")[-1]["options"]
    asked = {name for name, option in options.items() if option["constraint"]}
    assert boxes == {f"constraint-{name}" for name in asked - {"scale"}}, "scale has a control of its own"
    page.get_by_label("Chords", exact=True).click()
    page.keyboard.type("Dm7 G7 | Am7")  # letters are no notes here
    page.keyboard.press("Tab")
    page.fill("#constraint-lowest", "C3")
    page.press("#constraint-lowest", "Enter")
    page.wait_for_selector("#constraints-words:has-text('2 set')")
    config = stage.said("config")[-1]["config"]
    assert (config["chords"], config["lowest"]) == ("Dm7 G7 | Am7", "C3")
    assert [message for message in stage.sent if message["type"] == "midi"] == []
    page.fill("#constraint-chords", "")
    page.press("#constraint-chords", "Tab")
    page.wait_for_selector("#constraints-words:has-text('1 set')")
    assert stage.said("config")[-1]["config"]["chords"] is None


def test_a_refused_constraint_is_told_beside_its_box(stage: Stage) -> None:
    page = stage.page
    open_constraints(stage)
    for asked in ("C3", "H9"):
        page.fill("#constraint-lowest", asked)
        page.press("#constraint-lowest", "Enter")
    page.wait_for_selector("#constraint-lowest[aria-invalid]")
    assert page.input_value("#constraint-lowest") == "C3", "what is in force"
    assert "no pitch 'H9'" in page.inner_text("#constraint-lowest-error")
    page.click("#constraint-strict_chords")
    page.wait_for_selector("#constraint-strict_chords[aria-invalid]")
    assert not page.is_checked("#constraint-strict_chords")
    assert page.get_attribute("#constraint-lowest", "aria-invalid") is None
    assert page.locator(".toast").count() == 0
    page.evaluate("() => sessionStorage.clear()")  # as in a new tab
    page.reload()
    page.wait_for_selector("#constraints-words:has-text('1 set')", state="attached")
    assert stage.said("config")[-1]["config"]["lowest"] == "C3"
    assert len(stage.said("error")) == 2, "what was refused is not asked for again"


def test_what_gave_way_is_told(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    lines: list[Any] = []

    def connect(line: Any) -> None:
        line.connect_to_server()
        lines.append(line)

    stage.page.route_web_socket("**/live", connect)
    stage.open()
    lines[0].send('{"type":"remark","text":"scale gave way at 3 steps"}')
    stage.page.wait_for_selector(".toast.remark:has-text('scale gave way at 3 steps')")


def test_a_model_that_is_not_offered_any_more_is_let_go(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("""localStorage.setItem('ritornello', '{"model": "gone"}');""").open()
    assert stage.said("welcome")[-1]["model"] == "songs"
    assert "gone" in stage.page.inner_text(".toast.error")


def test_a_bookmark_can_be_gone_to(stage: Stage) -> None:
    stage.key("a")
    stage.page.keyboard.press("b")
    stage.page.click("#bookmarks-button")
    stage.page.wait_for_selector("#bookmarks button")
    stage.key("s")
    stage.wait(0.1)
    stage.page.click("#bookmarks button")
    stage.wait(0.3)
    assert [note["pitch"] for note in stage.said("history")[-1]["notes"]] == [60]


def test_a_download_says_that_it_is_being_made(stage: Stage) -> None:
    page = stage.page
    asked: list[Any] = []
    page.route("**/session.wav", lambda route: asked.append(route))  # answered below
    stage.key("a")
    page.click("#downloads-button")
    page.click("[data-download=wav]")
    page.wait_for_selector("[data-download=wav][aria-busy=true]:has-text('making it')")
    assert page.is_disabled("[data-download=wav]")
    stage.wait_until(lambda: bool(asked))
    with page.expect_download() as download:
        asked[0].fulfill(body=b"RIFF")
    assert download.value.suggested_filename == "jam.wav"
    page.wait_for_selector("[data-download=wav][aria-busy=false]:not([disabled])", state="attached")


def test_a_tab_that_slept_goes_on(make_stage: Callable[..., Stage]) -> None:
    """Frozen by the browser, as a tab in the background is: the session is there when it wakes, and answers."""
    stage = make_stage().open()
    stage.key("a")
    developer = stage.page.context.new_cdp_session(stage.page)
    developer.send("Page.setWebLifecycleState", {"state": "frozen"})
    stage.wait(3)  # the call ends, and the model answers
    developer.send("Page.setWebLifecycleState", {"state": "active"})
    stage.wait_until(lambda: bool(stage.notes("model")))
    stage.key("s")
    stage.page.reload()
    stage.page.wait_for_selector("body.running")
    notes = stage.said("welcome")[-1]["notes"]
    assert [note["pitch"] for note in notes if note["side"] == "player"] == [60, 62]
    numbers = [note["number"] for note in notes]
    assert len(numbers) == len(set(numbers))
