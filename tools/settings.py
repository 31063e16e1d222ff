"""Write src/ritornello/settings.py: the settings of the public functions as typed dictionaries, for editors.

They are made from the configuration models, which check them when a function is called. `tests/test_settings.py`
holds the file in step.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from ritornello.cli.flags import help_of
from ritornello.evaluation.config import EvaluateConfig
from ritornello.generation.config import ComposeConfig
from ritornello.rendering.sound import SoundConfig
from ritornello.training.config import AdaptConfig, TrainConfig

TARGET = Path(__file__).resolve().parent.parent / "src" / "ritornello" / "settings.py"

MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "ComposeSettings": (
        ComposeConfig,
        "What can be asked of a piece: `compose`, `Model.compose`.",
    ),
    "TrainSettings": (TrainConfig, "The settings of a training run: `train`."),
    "AdaptSettings": (AdaptConfig, "The settings of an adaptation: `adapt`."),
    "EvaluateSettings": (EvaluateConfig, "The settings of an evaluation: `evaluate`."),
    "SoundSettings": (
        SoundConfig,
        "The settings of sound files: `write`, `Score.write`, `Composition.write`.",
    ),
}
"""The typed dictionaries: the model that each is made from, and its docstring."""

HEAD = '''"""The settings of the public functions, for editors and type checkers; every one may be left out.

Written by `python tools/settings.py` from the configuration models, which hold the limits and check the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict
'''


def settings() -> str:
    """Return the whole module, formatted."""
    source = HEAD + "".join(f"\n\n{_typed_dict(name, *row)}" for name, row in MODELS.items())
    call = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(call, input=source, capture_output=True, text=True, check=True).stdout


def _typed_dict(name: str, model: type[BaseModel], docstring: str) -> str:
    validators = model.__pydantic_decorators__.field_validators.values()
    parsed = {field for each in validators if each.info.mode == "before" for field in each.info.fields}
    lines = [f"class {name}(TypedDict, total=False):", f'    """{docstring}"""\n']
    for field, info in model.model_fields.items():
        kinds = dict.fromkeys([*_kinds(info.annotation), *(["str"] if field in parsed else [])])
        # None comes last, as people write it.
        ordered = [kind for kind in kinds if kind != "None"] + ["None"] * ("None" in kinds)
        words = re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), help_of(info))
        words = words.replace("default on)", "default True)").replace("default off)", "default False)")
        text = textwrap.fill(f'"""{words.replace(chr(92), chr(92) * 2)}"""', 110, break_on_hyphens=False)
        lines += [f"    {field}: {' | '.join(ordered)}", textwrap.indent(text, "    ")]
    return "\n".join(lines) + "\n"


def _kinds(annotation: Any) -> list[str]:
    """Return what a field takes: the members of a union, and any sequence for a tuple."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return [kind for each in arguments for kind in _kinds(each)]
    if origin is Literal:
        return [f"Literal[{', '.join(map(repr, arguments))}]"]
    if origin is tuple:
        return [f"Sequence[{_one(arguments[0])}]"]
    if origin is dict:
        return [f"dict[{', '.join(map(_one, arguments))}]"]
    if annotation is Any or annotation is None or annotation is type(None):
        return ["Any" if annotation is Any else "None"]
    if not isinstance(annotation, type) or annotation.__module__ != "builtins":
        raise TypeError(f"{annotation}: a kind of setting that this tool does not know")
    return [annotation.__name__]


def _one(annotation: Any) -> str:
    return " | ".join(_kinds(annotation))


if __name__ == "__main__":
    TARGET.write_text(settings(), encoding="utf-8")
