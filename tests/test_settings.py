"""The typed settings of the public functions are those of the configuration models, and the functions have them."""

from __future__ import annotations

import inspect
import runpy
import typing
from pathlib import Path
from typing import Any

import pytest

import ritornello
from ritornello import settings

ROOT = Path(__file__).resolve().parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "settings.py"))

FUNCTIONS = {
    "ComposeSettings": (
        ritornello.compose,
        ritornello.Model.compose,
        ritornello.Model.compose_many,
        ritornello.Client.compose,
        ritornello.Client.accompany,
    ),
    "TrainSettings": (ritornello.train,),
    "AdaptSettings": (ritornello.adapt,),
    "EvaluateSettings": (ritornello.evaluate,),
}


def test_the_typed_settings_are_up_to_date() -> None:
    written = (ROOT / "src" / "ritornello" / "settings.py").read_text(encoding="utf-8")
    assert TOOL["settings"]() == written, "run: python tools/settings.py"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_setting_of_the_model_is_there_and_optional(name: str) -> None:
    typed, (model, _) = getattr(settings, name), TOOL["MODELS"][name]
    assert list(typing.get_type_hints(typed)) == list(model.model_fields)
    assert not typed.__required_keys__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_take_them(name: str) -> None:
    for function in FUNCTIONS[name]:
        signature = inspect.signature(function)
        (given,) = [p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
        assert given.annotation == f"Unpack[{name}]"
        named = set(signature.parameters) & set(typing.get_type_hints(getattr(settings, name)))
        assert not named, "a parameter would hide a setting"


def test_every_public_function_says_what_it_takes_and_returns() -> None:
    for name in ritornello.__all__:
        value: Any = getattr(ritornello, name)
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            assert signature.return_annotation is not inspect.Signature.empty, name
            assert inspect.Parameter.empty not in {p.annotation for p in signature.parameters.values()}, name


def test_a_type_checker_knows_the_public_names() -> None:
    imported = (ROOT / "src" / "ritornello" / "__init__.py").read_text(encoding="utf-8")
    block = imported.split("if TYPE_CHECKING:")[1].split("__version__")[0]
    for name in ritornello.__all__:
        assert name in block.replace(",", " ").split(), f"{name} is not imported for type checkers"
