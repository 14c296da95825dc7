"""One image of a file, pixel by pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.opening import UNREADABLE
from auxtasks.optional import require
from auxtasks.typing import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_image(file: Path) -> Array:
    """Read one image, (height, width) or (height, width, channels).

    Transparency is left out, as Keras' `load_img` does; palettes and other colour models become RGB; of one bit a pixel
    black is 0 and white 255.
    """
    read = _read_tiff if file.suffix.lower() in (".tif", ".tiff") else _read_by_pillow
    try:
        return read(file)
    except UNREADABLE as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"{file} cannot be read as an image: {error}".rstrip(".") + ".") from error


def is_colour(file: Path) -> bool:
    """Tell from the head of a file whether it has colours; False of one that cannot be read, which decoding names."""
    try:
        with require("PIL.Image", extra="image").open(file) as image:
            return image.mode not in _GREY
    except UNREADABLE:
        return False


def _refuse_several(file: Path, number: int) -> None:
    if number != 1:
        raise InvalidInputError(
            f"{file} holds {number} pages or frames, and an image has one. Save them one by one as images; videos are "
            "read from an .npy file of shape (n, time, height, width[, channels]), with --domain video."
        )


_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
_AS_THEY_ARE = ("L", "RGB", "I", "I;16", "I;16B", "I;16L", "F")


def _read_by_pillow(file: Path) -> Array:
    with require("PIL.Image", extra="image").open(file) as image:
        # Phones put a preview behind a photograph.
        _refuse_several(file, 1 if image.format == "MPO" else getattr(image, "n_frames", 1))
        if image.mode in _AS_THEY_ARE:
            return np.asarray(image)
        return np.asarray(image.convert("L" if image.mode in ("1", "LA", "La") else "RGB"))


_PLAIN = (1, 2)
"""The photometric interpretations in which numbers are brightness: black is zero, and RGB."""
_ALPHA = (1, 2)


def _read_tiff(file: Path) -> Array:
    """Read what Pillow does not: many bits in many channels."""
    with require("tifffile", extra="image").TiffFile(file) as tiff:
        _refuse_several(file, len(tiff.pages))
        page: Any = tiff.pages[0]
        if page.photometric not in _PLAIN or page.bitspersample == 1:
            return _read_by_pillow(file)
        if set(page.axes) - set("YXS"):
            raise InvalidInputError(f"{file} has the axes {page.axes}, and an image has two and channels; cut it up.")
        image: Array = page.asarray()
        if "S" in page.axes:
            image = np.moveaxis(image, page.axes.index("S"), -1)
            colours = image.shape[-1] - sum(extra in _ALPHA for extra in page.extrasamples)
            image = image[..., 0] if colours == 1 else image[..., :colours]
        return image
