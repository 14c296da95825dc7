"""Images of a folder, and the classes of those that lie in a folder of their class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.opening import UNREADABLE
from auxtasks.optional import require
from auxtasks.typing import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_images(folder: Path) -> tuple[Array, Array | None]:
    """Read the images of a folder, then those of the folders in it, all sorted by name.

    Beside them the name of the folder that each lies in, which is its class; empty for those in the folder itself.
    None where there are no folders with images.
    """
    files = _images_in(folder)
    names = [""] * len(files)
    for inner in sorted(each for each in folder.iterdir() if each.is_dir()):
        found = _images_in(inner)
        files += found
        names += [inner.name] * len(found)
    if not files:
        raise InvalidInputError(
            f"{folder} holds no image; names must end in {', '.join(SUFFIXES)}, in it or in folders in it."
        )
    return _stacked(files), np.array(names) if any(names) else None


def _images_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _stacked(files: list[Path]) -> Array:
    first = read_image(files[0])
    images = np.empty((len(files), *first.shape), first.dtype)
    for row, file in enumerate(files):
        image = read_image(file)
        if image.shape != first.shape or image.dtype != first.dtype:
            raise InvalidInputError(
                f"{file} is {_described(image)}, and {files[0].name} is {_described(first)}. All images need the same "
                "size, channels and dtype; convert them first."
            )
        images[row] = image
    return images


def _described(image: Array) -> str:
    return f"{'×'.join(map(str, image.shape))} {image.dtype}"


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


def _refuse_several(file: Path, number: int) -> None:
    if number != 1:
        raise InvalidInputError(
            f"{file} holds {number} pages or frames, and an image has one. Save them one by one as images; videos are "
            "read from an .npy file of shape (n, time, height, width[, channels]), with --domain video."
        )


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
