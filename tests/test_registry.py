"""`Registry`: rows by name, imported when first used."""

from __future__ import annotations

import sys

import pytest

from ritornello.errors import ConfigError, UnknownNameError
from ritornello.registry import Registry, named


@pytest.fixture
def registry() -> Registry[object]:
    return Registry("thing", group="ritornello.things", rows={"colours": "colorsys:rgb_to_hsv", "ready": 3})


def test_a_row_is_imported_when_first_used(
    registry: Registry[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert list(registry) == ["colours", "ready"]
    assert "colours" in registry
    assert "colorsys" not in sys.modules
    assert callable(registry["colours"])
    assert registry["colours"] is sys.modules["colorsys"].rgb_to_hsv
    assert registry.usable() == {"colours": registry["colours"], "ready": 3}
    assert registry.problems() == []
    assert registry.package("colours") == ""


def test_an_unknown_name_is_refused_with_the_nearest(registry: Registry[object]) -> None:
    with pytest.raises(
        ConfigError, match=r"^unknown thing 'color', nearest is 'colours'; known: colours, ready$"
    ):
        registry["color"]
    with pytest.raises(KeyError):
        registry["color"]
    assert registry.get("color") is None
    assert isinstance(UnknownNameError("x"), ConfigError)


def test_a_member_can_be_set_for_this_process(registry: Registry[object]) -> None:
    registry["mine"] = 4
    assert (registry["mine"], len(registry), registry.package("mine")) == (4, 3, "")
    del registry["mine"]
    assert len(registry) == 2


def test_a_named_member_has_its_name_and_what_is_needed() -> None:
    class Member:
        name = "right"
        size = 1

    assert named("size")("right", Member) is Member
    with pytest.raises(ValueError, match="its name is 'right'"):
        named("size")("wrong", Member)
    with pytest.raises(AttributeError, match="weight"):
        named("weight")("right", Member)
