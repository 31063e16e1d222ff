"""Models on the Hugging Face Hub: `fetch` one from hf://user/model, `push` one to it, by the package huggingface_hub.

A repository on the hub holds one model: its `.rit` file, and README.md, the hub's model card, which `model_card` writes
from the card of the bundle. Only the `.rit` file is fetched. It is checked against its size and its digest as the hub
states them, kept in the cache of huggingface_hub, and taken from there without a connection. Nothing in it can run code
(see `bundle`). The hub's address, the cache and the access token are those of huggingface_hub: HF_ENDPOINT, HF_HOME and
HF_TOKEN, or `hf auth login`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from ritornello import __version__
from ritornello.errors import ConfigError, FileError, MissingExtraError, RitornelloError
from ritornello.paths import read_bytes

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from ritornello.bundle import Bundle, Facts

SCHEME = "hf://"
SUFFIX = ".rit"
README = "README.md"
MAIN = "main"
_PLACE = re.compile(
    r"hf://(?!datasets/|spaces/|buckets/)(?P<repository>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w.%+-]{1,250}))?"
    r"(?:/(?P<file>[^/\\\x00-\x1f]{1,200}\.rit))?/?"
)

_LICENCES = {
    "CC0": r"CC0(?:[ -]1\.0)?",
    "CC BY": r"CC[ -]BY(?:[ -](?:NC|SA))*(?:[ -][1-4]\.[05](?: to [1-4]\.[05])?)?",
    "public domain": r"public[ -]domain",
    "software": r"MIT|BSD-[23]-Clause|Apache-2\.0|ISC|Unlicense|MPL-2\.0|A?GPL-[23]\.0(?:-only|-or-later)?",
    "data": r"PDDL(?:-1\.0)?|ODbL(?:-1\.0)?|OFL-1\.1|Artistic-2\.0",
}
"""Licences that allow to publish what is made of a work, as they are written."""

_LICENCE = re.compile("|".join(rf"\b(?:{pattern})(?![\w-])" for pattern in _LICENCES.values()), re.IGNORECASE)
_JOINING = re.compile(
    r"by the piece|\b(?:and|or|licen[cs]e|international|unported)\b|[\s,;/&().]+", re.IGNORECASE
)

_HUB_LICENCE = re.compile(
    r"cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0|cc-by-2\.5|mit|bsd-[23]-clause|apache-2\.0|isc|unlicense|mpl-2\.0|"
    r"a?gpl-[23]\.0|pddl|odbl|ofl-1\.1|artistic-2\.0|openrail|unknown|other"
)
"""Of these, and of those that a user may give, the identifiers that the hub knows."""


class Place(NamedTuple):
    """Where a model is on the hub: repository (user/model), revision, and file name; the last two may be empty."""

    repository: str
    revision: str
    file: str

    def __str__(self) -> str:
        revision, file = f"@{self.revision}" * bool(self.revision), f"/{self.file}" * bool(self.file)
        return f"{SCHEME}{self.repository}{revision}{file}"


def parse_place(address: str) -> Place:
    """Return the place that hf://user/model, hf://user/model@revision or hf://user/model/file.rit names.

    A revision is a branch, a tag or a commit. Raises ConfigError for any other address.
    """
    if not (match := _PLACE.fullmatch(address)):
        raise ConfigError(
            f"{address}: no model on the hub: allowed are hf://user/model, hf://user/model@revision and, where there "
            "are several, hf://user/model/file.rit"
        )
    return Place(match["repository"], unquote(match["revision"] or ""), match["file"] or "")


def fetch(address: str) -> Path:
    """Return the local path of the model at `address`, in the cache of huggingface_hub.

    The hub is asked whether there is a newer one. Without a connection the file of the last time is taken. Raises
    FileError if there is no model, or several; if it is larger than a bundle may be; or if what comes is not what the
    hub states. MissingExtraError without huggingface_hub.
    """
    place, api = parse_place(address), _api()
    from huggingface_hub import snapshot_download

    from ritornello.bundle.archive import LARGEST

    revision = place.revision or MAIN
    with _refusing(place):
        try:
            files = api.model_info(
                place.repository, revision=revision, files_metadata=True, timeout=10
            ).siblings
        except (_http_error(), ConnectionError) as error:
            if not _is_unreachable(error):
                raise
            folder = Path(snapshot_download(place.repository, revision=revision, local_files_only=True))
            return folder / _choose(place, sorted(path.name for path in folder.glob(f"*{SUFFIX}")))
        by_name = {each.rfilename: each for each in files or () if _is_model(each.rfilename)}
        found = by_name[_choose(place, list(by_name))]
        if found.size is None or found.size > LARGEST:
            raise FileError(f"{place}: {found.rfilename} has {found.size} bytes; allowed are {LARGEST}")
        path = Path(api.hf_hub_download(place.repository, found.rfilename, revision=revision))
        _check(place, path, found.lfs.sha256 if found.lfs else found.blob_id)
    return path


def push(
    path: Path | str,
    address: str,
    licence: str = "",
    *,
    private: bool = False,
    force: bool = False,
    message: str = "",
) -> str:
    """Publish the model or style in `path` at hf://user/model, or hf://user/model@branch; return the commit's URL.

    The repository and the branch are made if they are missing. `force` replaces a model that is there; earlier ones
    stay in the history of the repository. `licence` is stated on the hub instead of those of the music, and makes it
    possible to publish a model whose card has none, or none that is known to allow it. `private` holds for a new
    repository.

    Raises ConfigError for a licence as said, and for a repository that has files without `force`; FileError if the hub
    does not take it.
    """
    from ritornello.bundle import load_bundle

    place, api, bundle = parse_place(address), _api(), load_bundle(path)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    name, revision = place.file or Path(path).name, place.revision or MAIN
    check_licence(bundle, licence)
    card = model_card(bundle, place._replace(file=""), name, licence).encode()
    with _refusing(place):
        api.create_repo(place.repository, private=private or None, exist_ok=True)
        if place.revision:
            api.create_branch(place.repository, branch=place.revision, exist_ok=True)
        before = api.model_info(place.repository, revision=revision)
        if private and not before.private:
            raise ConfigError(f"{place} is public already; --private makes a new repository private")
        names = (each.rfilename for each in before.siblings or ())
        there = {each for each in names if each == README or _is_model(each)}
        if there and not force:
            raise ConfigError(
                f"{place} has {' and '.join(sorted(there))} already; --force replaces them (the history keeps them)"
            )
        written = {README: card, name: read_bytes(path)}
        commit = api.create_commit(
            place.repository,
            [
                *(
                    CommitOperationAdd(path_in_repo=file, path_or_fileobj=data)
                    for file, data in written.items()
                ),
                *(CommitOperationDelete(path_in_repo=file) for file in sorted(there - set(written))),
            ],
            commit_message=message or f"{bundle.card.name}, digest {bundle.digest}",
            revision=revision,
            parent_commit=before.sha,
        )
    return str(commit.commit_url)


# --- the model card -----------------------------------------------------------------------------------------------


def licences_of(bundle: Bundle) -> list[str]:
    """Return the licences of the music of a model, and of the models that it began from, as their cards state them."""
    return list(dict.fromkeys(each.corpus.licence for each in bundle.origins))


def check_licence(bundle: Bundle, licence: str = "") -> None:
    """Raise ConfigError if the music of a model is not known to allow publishing it, unless a `licence` is given."""
    for origin in bundle.origins:
        stated = origin.corpus.licence
        if not licence and (not stated.strip() or _JOINING.sub("", _LICENCE.sub("", stated))):
            said = f"is {stated!r}, which is not known to allow" if stated.strip() else "is not stated, so"
            raise ConfigError(
                f"{bundle.path}: the licence of the music of {origin.name} {said} publishing the model; if you have "
                "the right to, name the licence to publish it under: --licence cc-by-4.0"
            )


def metadata(bundle: Bundle, licence: str = "") -> dict[str, Any]:
    """Return the metadata of a model card: licence, library and tags, as the hub searches for them."""
    named = licence or ", ".join(licences_of(bundle))
    found = [_hub_licence(each[0]) for each in _LICENCE.finditer(named)] or [_hub_licence(named)]
    names = list(dict.fromkeys(found))
    if all(map(_HUB_LICENCE.fullmatch, names)):
        stated: dict[str, Any] = {"license": names[0] if len(names) == 1 else names}
    else:
        stated = {"license": "other", "license_name": "-".join(names), "license_link": README}
    part = bundle.card.representation.name
    tags = ["music", "music-generation", "symbolic-music", "midi", bundle.card.network.name, part]
    return stated | {"library_name": "ritornello", "tags": tags + ["style"] * bool(bundle.base)}


def model_card(bundle: Bundle, place: Place, name: str, licence: str = "") -> str:
    """Return README.md of a repository at `place`: metadata in YAML, and the card of the bundle for people.

    `name` is that of the file there; `licence` is as in `push`.
    """
    from huggingface_hub import ModelCardData

    card = bundle.card
    output = "" if bundle.representation.reads_prose else " -o new.mid"
    used = [f"ritornello compose {place} --bars 16{output}"]
    used += [] if bundle.representation.reads_prose else [f"ritornello jam {place}"]
    parts = [
        f"---\n{ModelCardData(**metadata(bundle, licence)).to_yaml()}\n---",
        f"# {card.name}\n\n{card.description}".rstrip(),
        "\n".join(["## Use", "", "```sh", 'pip install "ritornello[hub]"', *used, "```", "", "```python"])
        + f'\nimport ritornello\n\nritornello.load("{place}").compose(bars=16, seed=1)\n```',
    ]
    if bundle.base:
        parts.append(f"This is a style, {base_of(bundle)}")
    if licence:
        parts.append(f"Published under the licence {licence}.")
    parts += [f"## What it learned from\n\n{music_of(card)}", f"## How good it is\n\n{figures_of(bundle)}"]
    made = f" made {card.created}," * bool(card.created)
    parts.append(
        f"## The file\n\n`{name}`, {bundle.size / 1e6:.2f} MB,{made} digest {bundle.digest} (the beginning of its "
        f"SHA-256), written by ritornello {card.ritornello}. Network {card.network.name} with {bundle.parameters:,} "
        f"weights, representation {card.representation.name}. It holds weights, a graph and JSON: nothing in it can "
        "run code."
    )
    return "\n\n".join(parts) + "\n"


def base_of(bundle: Bundle) -> str:
    """Return whose style a bundle is, and where that model comes from, as the end of a sentence."""
    from ritornello.bundle.style import digest_of
    from ritornello.data import BUNDLES

    digest, shipped = bundle.card.derived_from[0].digest, BUNDLES / bundle.base
    comes = shipped.is_file() and digest_of(read_bytes(shipped)) == digest
    where = "comes with Ritornello." if comes else "does not come with Ritornello: put it beside the style."
    return f"some kilobytes that change the model `{bundle.base}`, digest {digest}, which {where}"


def music_of(card: Facts) -> str:
    """Return from which music a model learned, the attribution and the licence, with those that it began from."""
    counts = [f"{card.training[key]:,} {key}" for key in ("pieces", "notes") if card.training.get(key)]
    lines = [f"{' with '.join(counts)}." * bool(counts), card.corpus.provenance]
    lines.append(f"Licence of the music: {card.corpus.licence or 'not stated'}.")
    for origin in card.derived_from:
        lines += [
            f"It began from the model {origin.name}, digest {origin.digest}, which learned from:",
            origin.corpus.provenance,
            f"Licence of that music: {origin.corpus.licence or 'not stated'}.",
        ]
    return "\n\n".join(" ".join(line.split()) for line in lines if line)


def figures_of(bundle: Bundle) -> str:
    """Return the held-out figures of a model as a Markdown table."""
    held, unit = bundle.card.held_out, bundle.representation.unit
    if "nats_per_note" not in held:
        return "Not measured."
    rows = {
        "held-out pieces": f"{held['pieces']:,.0f}" if "pieces" in held else "",
        f"nats a {unit} (lower is better)": f"{held['nats_per_note']:.2f}",
        f"nats a {unit} of a table of pairs of tokens": f"{held['bigram_nats_per_note']:.2f}"
        if "bigram_nats_per_note" in held
        else "",
        "next token right": f"{held['accuracy']:.0%}" if "accuracy" in held else "",
    }
    shown = {name: value for name, value in rows.items() if value}
    return f"| {' | '.join(shown)} |\n|{'---|' * len(shown)}\n| {' | '.join(shown.values())} |"


def _hub_licence(name: str) -> str:
    """Return a licence in the spelling of the hub, such as cc-by-4.0."""
    spelt = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    return {"cc0": "cc0-1.0", "pddl-1.0": "pddl", "odbl-1.0": "odbl", "": "unknown"}.get(spelt, spelt)


# --- the hub ------------------------------------------------------------------------------------------------------


def _api() -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    return HfApi(library_name="ritornello", library_version=__version__)


def _is_model(name: str) -> bool:
    """Return whether a file of a repository is a model, in no folder."""
    return name.endswith(SUFFIX) and "/" not in name


def _choose(place: Place, names: list[str]) -> str:
    """Return the name of the file to take from a repository that has files `names`."""
    if place.file in names:
        return place.file
    if place.file or not names:
        there = f"; there are {', '.join(names)[:200]}" if names else ""
        raise FileError(f"{place}: no {place.file or SUFFIX + ' file'} is there{there}")
    if len(names) > 1:
        raise FileError(
            f"{place}: several models are there, {', '.join(names)[:200]}; name one, such as "
            f"{place._replace(file=names[0])}"
        )
    return names[0]


def _check(place: Place, path: Path, digest: str | None) -> None:
    """Raise FileError, and remove the file, if its digest is not `digest`: its SHA-256, or that of a Git blob."""
    data = read_bytes(path)
    git = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
    if digest not in (hashlib.sha256(data).hexdigest(), git):
        for copy in (path.resolve(), path):
            copy.unlink(missing_ok=True)
        raise FileError(
            f"{place}: {path.name} is not what the hub states: its digest is to be {digest}; it is not kept, try again"
        )


def _http_error() -> type[Exception]:
    """Return the base class of all errors of the HTTP library of huggingface_hub, which is httpx or httpx2."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


def _is_unreachable(error: Exception) -> bool:
    """Return whether there is no connection to the hub, or an error of the hub itself."""
    return int(getattr(getattr(error, "response", None), "status_code", 500)) >= 500


@contextmanager
def _refusing(place: Place) -> Iterator[None]:
    """Turn the errors of huggingface_hub into one of this library, in one line."""
    from huggingface_hub import errors

    reasons: dict[type[Exception], str] = {
        errors.GatedRepoError: "its owner asks for consent first; give it on its page, then: hf auth login",
        errors.RepositoryNotFoundError: "no such model is on the hub, or you may not see it; if you may: hf auth login",
        errors.RevisionNotFoundError: f"the model has no revision {place.revision or MAIN!r}",
        errors.LocalEntryNotFoundError: "the hub cannot be reached, and no copy of the model is here",
    }
    try:
        yield
    except RitornelloError:
        raise
    except (OSError, ValueError, RuntimeError, _http_error()) as error:
        for kind, reason in reasons.items():
            if isinstance(error, kind):
                raise FileError(f"{place}: {reason}") from error
        said = getattr(error, "server_message", None) or str(error) or repr(error)
        login = ""
        if getattr(getattr(error, "response", None), "status_code", 0) in (401, 403):
            login = "; if you may do this, log in: hf auth login"
        raise FileError(f"{place}: {' '.join(said.split())[:300]}{login}") from error
