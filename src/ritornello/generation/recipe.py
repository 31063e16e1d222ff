"""The recipe of a piece: a text event at its beginning, in JSON, from which it can be made again."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from ritornello import __version__
from ritornello.bundle import Bundle
from ritornello.score import Text

NO_SETTINGS = {"seed", "index", "count", "mode"}
"""Fields that a recipe has as entries of its own, or that do not concern a single piece."""


def make_recipe(bundle: Bundle, seed: int, settings: BaseModel, **facts: Any) -> Text:
    """Return the recipe: library version, model and digest, seed, settings that are not defaults, and `facts`."""
    known = type(settings).model_fields
    from_card = [name for name in bundle.card.sampling.model_dump() if name in known]
    # Also defaults: the card may change later.
    sampling = {name: getattr(settings, name) for name in from_card}
    recipe = {
        "ritornello": __version__,
        "model": bundle.card.name,
        "digest": bundle.digest,
        "seed": seed,
        "settings": settings.model_dump(mode="json", exclude_defaults=True, exclude=NO_SETTINGS) | sampling,
        **{name: fact for name, fact in facts.items() if fact is not None},
    }
    return Text(0, "text", json.dumps(recipe, ensure_ascii=False))
