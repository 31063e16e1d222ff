"""The zip file of a bundle: members of known names and bounded sizes, the same bytes for the same content.

Weights are in the format of `safetensors`, uncompressed; nothing here can run code.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ritornello.bundle.precision import Weights, check_blocks
from ritornello.errors import BundleError, ConfigError

CARD, WEIGHTS, STEP, MUSIC = "card.json", "weights.safetensors", "step.onnx", "music.safetensors"
GIGABYTE = 1 << 30
MEMBERS = {CARD: 1 << 24, WEIGHTS: 2 * GIGABYTE, STEP: 1 << 26}
"""The members of a bundle, in the order of the file, and how many bytes each may have."""

OPTIONAL = {MUSIC: 1 << 26}
"""The same for members that older bundles lack."""

LARGEST = sum((MEMBERS | OPTIONAL).values())
"""How many bytes the file of a bundle may have."""

STYLE = "style.safetensors"
STYLE_MEMBERS = {CARD: 1 << 20, STYLE: 1 << 24}
"""The members of a style (see `style`)."""


def zip_members(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file of `members`, the same bytes for the same members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every system
            # Weights are noise to a compressor (8-bit blocks shrink by 5 %, and then take four times as long to
            # load); stored, they also cannot be a zip bomb.
            info.compress_type = zipfile.ZIP_STORED if name == WEIGHTS else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return file.getvalue()


def unzip_members(path: Path, data: bytes) -> dict[str, bytes]:
    """Return the content of the members of a bundle or a style.

    BundleError if the file is damaged, or if a member is missing, unknown, or larger than allowed once unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            needed, known = (
                (STYLE_MEMBERS, STYLE_MEMBERS) if STYLE in infos else (MEMBERS, MEMBERS | OPTIONAL)
            )
            if not set(needed) <= set(infos) <= set(known):
                names = ", ".join(sorted(infos))[:200] or "nothing"
                raise BundleError(f"{path}: not a bundle: it holds {names}; expected {', '.join(needed)}")
            for name, info in infos.items():
                if info.file_size > known[name]:
                    raise BundleError(f"{path}: {name} has {info.file_size} bytes, allowed are {known[name]}")
                if name == WEIGHTS and info.compress_type != zipfile.ZIP_STORED:
                    raise BundleError(f"{path}: {name} is compressed; bundles store it plainly")
            return {name: archive.read(info) for name, info in infos.items()}
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        whole = data.startswith(b"PK")
        cause = f"a damaged or truncated bundle ({error})" if whole else "not a bundle (no zip file)"
        raise BundleError(f"{path}: {cause}") from error


def pack_weights(weights: Weights) -> bytes:
    """Return weights as bytes."""
    from safetensors.numpy import save

    # No metadata: with several keys their order, and so the bytes, would be random.
    return bytes(save({name: np.ascontiguousarray(array) for name, array in weights.items()}))


def unpack_weights(path: Path, member: str, data: bytes) -> Weights:
    """Return weights from bytes, as they are stored; BundleError if they are damaged or not finite."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        stored: Weights = load(data)
        check_finite(stored, str(path), BundleError)
        check_blocks(stored)
        return stored
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BundleError(f"{path}: {member} is damaged: {error}") from error


def check_finite(weights: Weights, where: str, error: type[ConfigError] | type[BundleError]) -> None:
    """Raise an `error` that begins with `where` if any weight is not finite."""
    for name, array in weights.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise error(f"{where}: weight {name} has values that are not finite")
