"""What the files for Pure Data and SuperCollider send and expect is in the table of addresses."""

from __future__ import annotations

import re
from pathlib import Path

from ritornello.live.ports.osc_messages import RECEIVED, ROOT, SENT, received_paths

INTEGRATIONS = Path(__file__).resolve().parents[2] / "integrations"


def pd_objects(name: str) -> list[str]:
    """Return the boxes of a patch in the order of their numbers, comments among them."""
    text = (INTEGRATIONS / "puredata" / name).read_text(encoding="utf-8")
    boxes = re.findall(r"^#X (obj|msg|text) \d+ \d+ (.*?)(?<!\\);$", text, re.MULTILINE | re.DOTALL)
    return [f"{kind} {content}" for kind, content in boxes]


def pd_wires(name: str) -> list[tuple[int, int]]:
    text = (INTEGRATIONS / "puredata" / name).read_text(encoding="utf-8")
    return [
        (int(source), int(target))
        for source, target in re.findall(r"^#X connect (\d+) \d+ (\d+) \d+;$", text, re.MULTILINE)
    ]


def test_the_patch_sends_what_is_understood_and_expects_what_is_sent() -> None:
    boxes = pd_objects("ritornello.pd")
    formats = [box.split()[2:] for box in boxes if box.startswith("obj oscformat ")]
    assert len(formats) >= 9
    assert {root for root, *_ in formats} == {"ritornello"}
    assert {"/".join(parts) for _, *parts in formats} <= set(received_paths())
    (routes,) = [box.split()[2:] for box in boxes if box.startswith("obj route note")]
    assert {"note", "turn", "tempo", "key", "chord", "error"} <= set(routes) <= set(SENT)
    assert "msg connect 127.0.0.1 8767" in boxes


def test_the_patch_is_wired_from_end_to_end() -> None:
    for name in ("ritornello.pd", "ritornello-voice.pd"):
        boxes, wires = pd_objects(name), pd_wires(name)
        assert all(0 <= end < len(boxes) for wire in wires for end in wire)
        used = {end for wire in wires for end in wire}
        assert [box for i, box in enumerate(boxes) if i not in used and not box.startswith("text ")] == []
    boxes, wires = pd_objects("ritornello.pd"), pd_wires("ritornello.pd")
    formats = {i for i, box in enumerate(boxes) if box.startswith("obj oscformat ")}
    assert {source for source, target in wires if boxes[target] == "obj s to-ritornello"} == formats
    assert "obj r to-ritornello" in boxes


def test_the_supercollider_file_sends_what_is_understood_and_expects_what_is_sent() -> None:
    text = (INTEGRATIONS / "supercollider" / "ritornello.scd").read_text(encoding="utf-8")
    sent = set(re.findall(r'(?:sendMsg\(|\[)"(/[a-z/]+)"', text))
    expected = set(re.findall(r'\}, "(/[a-z/]+)"\)', text))
    assert {ROOT + "note", ROOT + "subscribe", ROOT + "again"} <= sent
    assert {path.removeprefix(ROOT) for path in sent} - {"setting/"} <= set(RECEIVED)
    assert {ROOT + "note", ROOT + "turn", ROOT + "error"} <= expected
    assert {path.removeprefix(ROOT) for path in expected} <= set(SENT)
    settings = set(re.findall(r'~setting\.\("([a-z_]+)"', text))
    assert settings
    assert {f"setting/{name}" for name in settings} <= set(received_paths())
    for opening, closing in ("()", "[]", "{}"):
        assert text.count(opening) == text.count(closing)


def test_both_use_the_port_that_play_listens_to() -> None:
    from ritornello.live.ports.osc_port import DEFAULT_HOST, DEFAULT_PORT

    text = (INTEGRATIONS / "supercollider" / "ritornello.scd").read_text(encoding="utf-8")
    assert f'NetAddr("{DEFAULT_HOST}", {DEFAULT_PORT})' in text
    assert f"msg connect {DEFAULT_HOST} {DEFAULT_PORT}" in pd_objects("ritornello.pd")
