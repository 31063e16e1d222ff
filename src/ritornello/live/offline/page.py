"""Writes the page without a server: the built page with all its files, as one HTML file or as a folder.

The page finds its files by name: in elements of the document, or beside it in the folder `offline`; gzip in both, since
not every host compresses. One file opens from a disk, where a browser lets no page load another file. The folder is for
a web server; there the page can be installed, and its service worker keeps every file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ritornello.errors import ConfigError
from ritornello.live.offline.packages import licences
from ritornello.live.server import NO_PAGE, PAGE
from ritornello.paths import replacing_folder, write_text
from ritornello.rendering.soundfont import SHIPPED

SERVICE_WORKER = Path(__file__).with_name("service_worker.js")

SOUNDS = "soundfont.sf3"

FOLDER = "offline"
"""Where the files lie, beside the document."""

BUILT = {
    "script": re.compile(r'<script type="module"[^>]* src="\./([^"]+)"></script>'),
    "style": re.compile(r'<link rel="stylesheet"[^>]* href="\./([^"]+)">'),
    "icon": re.compile(r'(?<==)"\./(favicon\.svg)"'),
    "licences": re.compile(r'href="(?:\./)?(licences\.txt)"'),
}
"""What of the built document names another file."""


def write_page(target: Path, files: Mapping[str, bytes], facts: Mapping[str, Any], name: str) -> int:
    """Write the page to `target`, and return its size in bytes.

    files: what the worker needs, by name. facts: what it is told. name: the model's.
    """
    if not PAGE.is_dir():
        raise ConfigError(NO_PAGE)
    document = (PAGE / "index.html").read_text(encoding="utf-8")
    about = html.escape(json.dumps({**facts, "files": sorted(files)}, separators=(",", ":")))
    document = document.replace("<html ", f'<html data-offline="{about}" ', 1)
    document = document.replace(
        "<title>Ritornello</title>", f"<title>Ritornello: {html.escape(name)}</title>", 1
    )
    packed = {each: gzip.compress(data, 9, mtime=0) for each, data in files.items()}
    if target.suffix.lower() in (".html", ".htm"):
        text = one_document(document, packed)
        write_text(target, text)
        return len(text.encode())
    return _write_folder(target, document, packed, name)


def one_document(document: str, packed: Mapping[str, bytes]) -> str:
    """Return the document with everything in it."""
    assets = {path.name: path.read_bytes() for path in (PAGE / "assets").iterdir() if path.suffix == ".js"}
    script = next(iter(BUILT["script"].findall(document))).rpartition("/")[2]
    code = assets.pop(script).decode().replace("</script", r"<\/script")
    icon = base64.b64encode((PAGE / "favicon.svg").read_bytes()).decode()
    document = BUILT["icon"].sub(lambda _: f'"data:image/svg+xml;base64,{icon}"', document)
    document = BUILT["style"].sub(
        lambda found: f"<style>{(PAGE / found[1]).read_text('utf-8')}</style>", document
    )
    document = BUILT["script"].sub(lambda _: f'<script type="module">{code}</script>', document)
    others = {SOUNDS: SHIPPED.read_bytes()} | assets
    packed = {**packed, **{each: gzip.compress(data, 9, mtime=0) for each, data in others.items()}}
    elements = [
        f'<script type="application/gzip" data-file="{each}">{base64.b64encode(data).decode()}</script>'
        for each, data in packed.items()
    ]
    text = base64.b64encode(all_licences().encode()).decode()
    document = BUILT["licences"].sub(
        lambda _: f'href="data:text/plain;charset=utf-8;base64,{text}" download="licences.txt"', document
    )
    return document.replace("</body>", "\n".join(elements) + "\n</body>", 1)


def all_licences() -> str:
    """Return the licences of what the page is built of, and of what its session runs by."""
    return f"{licences()}\n\n{'-' * 80}\n\n{(PAGE / 'licences.txt').read_text('utf-8')}"


def _write_folder(target: Path, document: str, packed: Mapping[str, bytes], name: str) -> int:
    manifest = {
        "name": f"Ritornello: {name}",
        "short_name": name,
        "start_url": "./",
        "display": "standalone",
        "background_color": "#000000",
        "theme_color": "#000000",
        "icons": [{"src": "favicon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }
    link = '<link rel="manifest" href="./manifest.webmanifest" />\n  </head>'
    written: dict[str, bytes] = {
        path.relative_to(PAGE).as_posix(): path.read_bytes() for path in PAGE.rglob("*") if path.is_file()
    }
    written |= {f"{FOLDER}/{each}.gz": data for each, data in packed.items()}
    written |= {
        "index.html": document.replace("</head>", link, 1).encode(),
        "manifest.webmanifest": json.dumps(manifest, indent=2, ensure_ascii=False).encode(),
        SOUNDS: SHIPPED.read_bytes(),
        "licences.txt": all_licences().encode(),
    }
    digest = hashlib.sha256(b"".join(written[each] for each in sorted(written))).hexdigest()[:16]
    names = ["./", *sorted(written)]
    worker = SERVICE_WORKER.read_text(encoding="utf-8")
    worker = worker.replace('"VERSION"', json.dumps(f"ritornello {digest}")).replace(
        '["FILES"]', json.dumps(names)
    )
    written["service_worker.js"] = worker.encode()
    with replacing_folder(target) as folder:
        for each, data in written.items():
            path = folder / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return sum(map(len, written.values()))
