"""Write docs/models.md: the shipped models, by their cards. `tests/test_docs.py` holds it in step."""

from __future__ import annotations

from pathlib import Path

from ritornello.bundle import Bundle, Origin, load_bundle
from ritornello.generation import DEFAULT_MODEL, MODELS
from ritornello.hub import figures_of, music_of

TARGET = Path(__file__).resolve().parent.parent / "docs" / "models.md"

HEAD = f"""# The models that come along

Written by `python tools/models.py` from the cards of the models. A model is named where one is asked for, as in
`ritornello compose quartets` or `ritornello.load("quartets")`; the default is `{DEFAULT_MODEL}`. `ritornello info NAME`
shows its card.

Figures are of pieces that the model never saw: the surprise of a note in nats, where lower is better, beside that of a
table of pairs of tokens (bigram model). Models of different music are not to be compared by them. The attributions are
to be quoted where a model, or music made with it, is published. Texts of licences lie in `src/ritornello/data/bundles`.
"""


def table(bundles: dict[str, Bundle]) -> str:
    """Return a table with a line for each model."""
    lines = [
        "| name | plays | MB | weights | nats a note | bigram | licence of its music |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, bundle in bundles.items():
        card, held = bundle.card, bundle.card.held_out
        lines.append(
            f"| [`{name}`](#{name}) | {card.description} | {bundle.size / 1e6:.1f} | {bundle.parameters:,} "
            f"| {held['nats_per_note']:.2f} | {held['bigram_nats_per_note']:.2f} | {card.corpus.licence} |"
        )
    return "\n".join(lines)


def section(name: str, bundle: Bundle) -> str:
    """Return what one model learned from, and its figures; of those that it began from only the names."""
    card = bundle.card
    alone = music_of(card.model_copy(update={"derived_from": ()}))
    began = [
        f"It began from [`{each.name}`](#{each.name}), digest {each.digest}." for each in card.derived_from
    ]
    made = f"`{name}.rit`, {bundle.size / 1e6:.2f} MB, made {card.created}, digest {bundle.digest}."
    return "\n\n".join([f"## {name}", f"{card.description}.", alone, *began, figures_of(bundle), made])


def origin(each: Origin) -> str:
    """Return what a model that does not come along learned from, while others began from it."""
    return (
        f"## {each.name}\n\nA model that does not come along; others began from it. Digest {each.digest}.\n\n"
        f"{each.corpus.provenance}\n\nLicence of the music: {each.corpus.licence}."
    )


def page() -> str:
    """Return the whole page."""
    bundles = {name: load_bundle(MODELS[name]) for name in MODELS.own}
    others = {each.digest: each for bundle in bundles.values() for each in bundle.card.derived_from}
    for bundle in bundles.values():
        others.pop(bundle.digest, None)
    parts = [HEAD + "\n" + table(bundles)]
    parts += [section(name, bundle) for name, bundle in bundles.items()] + [
        origin(each) for each in others.values()
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
