"""Folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.typing import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_images(folder: Path) -> Array:
    """Read the images of a folder, sorted by name.

    Parameters
    ----------
    folder : Path
        The folder; files that do not end like an image and folders in it are left out.

    Returns
    -------
    ndarray, shape (n, height, width) or (n, height, width, channels)
        The pixels as they are in the files.

    Raises
    ------
    InvalidInputError
        If there is no image, one cannot be read, or one differs from the first in size, channels or dtype.
    MissingDependencyError
        If scikit-image is not installed.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InvalidInputError(f"{folder} holds no image; names must end in {', '.join(SUFFIXES)}.")
    imread = require("skimage.io", extra="image").imread
    first = _read(files[0], imread)
    images = np.empty((len(files), *first.shape), first.dtype)
    for row, file in enumerate(files):
        image = _read(file, imread)
        if image.shape != first.shape or image.dtype != first.dtype:
            raise InvalidInputError(
                f"{file} is {_described(image)}, and {files[0].name} is {_described(first)}. All images need the same "
                "size, channels and dtype; convert them first."
            )
        images[row] = image
    return images


def _read(file: Path, imread: Any) -> Array:
    try:
        image = np.asarray(imread(file))
    # Pillow raises SyntaxError for a damaged file.
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidInputError(f"{file} cannot be read as an image: {error}".rstrip(".") + ".") from error
    if image.ndim not in (2, 3) or image.dtype.kind not in "uif":
        raise InvalidInputError(f"{file} holds no single image: {_described(image)}. Save its frames one by one.")
    return image


def _described(image: Array) -> str:
    return f"{'×'.join(map(str, image.shape))} {image.dtype}"
