"""Files of images: found in folders of classes or in a list, decoded, and brought to one size."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.columns import is_column, plain_array
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated
from auxtasks.files import UNREADABLE
from auxtasks.optional import require
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int, check_path, is_several

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
BATCH = 64
"""How many images are decoded at once where not all are held in memory."""


@dataclass(frozen=True)
class LabelledImages:
    """Images from files, with the classes of their folders.

    Parameters
    ----------
    X : ndarray, shape (n, height, width[, channels])
        The images.
    y : ndarray of int, shape (n,)
        The number of each image's class in `class_names`; -1 for images outside the class folders.
    class_names : tuple of str
        The classes, sorted.
    paths : tuple of pathlib.Path
        The files.
    """

    X: Array
    y: Array
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]


def read_images(source: object, *, image_size: tuple[int, int] | None = None) -> LabelledImages:
    """Read images from a folder, or from a list of files.

    Parameters
    ----------
    source : path-like or sequence of path-like
        A folder with one subfolder per class, read in the order of ``keras.utils.image_dataset_from_directory``: sorted
        by class name, then by file name. Images directly in the folder have no class and come last. Or a list of files
        in any order; the class of a file is the name of its folder.
    image_size : tuple of int, optional
        Height and width to resize all images to, by bilinear interpolation, as in Keras; the result is float32. If
        None, all images must have the same size, and keep their dtype.

    Returns
    -------
    LabelledImages
        ``X``, ``y``, ``class_names`` and ``paths``. Images are grey, (n, height, width), if all files are, and RGB
        otherwise; transparency is left out.

    Raises
    ------
    InvalidInputError
        If there is no image, or one cannot be decoded or differs from the first; the message names the file.

    Examples
    --------
    >>> import tempfile, pathlib, auxtasks
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         _ = pathlib.Path(folder, name, "a.pgm").write_bytes(b"P5 2 2 255 abcd")
    ...     images = auxtasks.read_images(folder, image_size=(4, 4))
    >>> images.X.shape, images.y.tolist(), images.class_names
    ((2, 4, 4), [0, 1], ('cat', 'dog'))
    """
    files = image_files_of(source)
    if files is None:
        raise InvalidTypeError(f"`source` must be a folder or a list of files; got {abbreviated(source)}.")
    names = tuple(sorted({name for name in files.classes if name is not None}))
    numbers = np.array([-1 if name is None else names.index(name) for name in files.classes], np.int64)
    return LabelledImages(files.read(image_size), numbers, names, files.paths)


@dataclass(frozen=True)
class ImageFiles:
    """Files of images, and the class of each; None where it lies in no folder of a class."""

    paths: tuple[Path, ...]
    classes: tuple[str | None, ...]

    def read(self, image_size: object = None) -> Array:
        images: Array | None = None
        for row, image in enumerate(self._decoded(image_size)):
            if images is None:
                images = np.empty((len(self.paths), *image.shape), image.dtype)
            images[row] = image
        if images is None:
            raise InvalidInputError("`X` is a list without a file in it; pass the paths of images, or a folder.")
        return images

    def _decoded(self, image_size: object) -> Iterator[Array]:
        """Go through the images, each decoded once."""
        size = check_size("image_size", image_size)
        first: Array | None = None
        colour = False
        for path in self.paths:
            image = read_image(path)
            if first is None:
                # Keras makes all images RGB; here those of a grey collection stay as they are.
                colour = image.ndim == 3 or any(map(is_colour, self.paths[1:]))
            image = np.repeat(image[..., np.newaxis], 3, axis=-1) if colour and image.ndim == 2 else image
            image = image if size is None else resized(image, size)
            first = image if first is None else first
            self._check_like(first, image, path)
            yield image

    def _check_like(self, first: Array, image: Array, path: Path) -> None:
        if image.shape != first.shape or image.dtype != first.dtype:
            way_out = "pass image_size=(height, width), or convert them first"
            if image.shape[2:] != first.shape[2:] or image.dtype != first.dtype:
                way_out = "convert them first"
            raise InvalidInputError(
                f"{path} is {_described(image)}, and {self.paths[0].name} is {_described(first)}. All images need the "
                f"same size, channels and dtype; {way_out}."
            )


@dataclass(frozen=True)
class ImageBatches:
    """Images decoded batch by batch, in the same order each time."""

    files: ImageFiles
    image_size: object

    def __iter__(self) -> Iterator[Array]:
        images = self.files._decoded(self.image_size)
        while held := list(islice(images, BATCH)):
            yield np.stack(held)


def _described(image: Array) -> str:
    return f"{'×'.join(map(str, image.shape))} {image.dtype}"


def image_files_of(X: Any) -> ImageFiles | None:
    """Return the files that a path or a sequence of paths names; None for anything else."""
    if isinstance(X, (str, os.PathLike)):
        return images_in_folder(check_path("X", X).expanduser())
    entries = _listed(X)
    if not entries or not isinstance(entries[0], (str, os.PathLike)):
        return None
    paths = tuple(check_path(f"X[{row}]", entry).expanduser() for row, entry in enumerate(entries))
    for row, path in enumerate(paths):
        if not path.is_file():
            raise InvalidInputError(f"`X[{row}]`: there is no file {path}.")
    return ImageFiles(paths, tuple(path.absolute().parent.name or None for path in paths))


def _listed(X: Any) -> list[Any] | None:
    """Return the entries of a list or a column; None of what has more axes, or is read piece by piece."""
    if isinstance(X, (list, tuple)):
        return list(X)
    is_one = len(getattr(X, "shape", ())) == 1 and (isinstance(X, np.ndarray) or is_column(X))
    return plain_array(X).tolist() if is_one else None


def images_in_folder(folder: Path) -> ImageFiles:
    """Find the images of each class in the order of Keras, then those that have no class."""
    if not folder.is_dir():
        what = "is a file; pass it in a list" if folder.exists() else "does not exist; pass a folder or a list of files"
        raise InvalidInputError(f"`X`: {folder} {what}.")
    found: list[tuple[Path, str | None]] = []
    for inner in sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")):
        for parent, _, names in sorted(os.walk(inner)):
            found += [(path, inner.name) for path in _images_in(Path(parent), names)]
    found += [(path, None) for path in _images_in(folder, next(os.walk(folder))[2])]
    if not found:
        raise InvalidInputError(
            f"{folder} holds no image; names must end in {', '.join(SUFFIXES)}, in it or in folders in it."
        )
    paths, classes = zip(*found, strict=True)
    return ImageFiles(paths, classes)


def _images_in(folder: Path, names: Sequence[str]) -> list[Path]:
    files = (folder / name for name in sorted(names) if name.lower().endswith(SUFFIXES))
    return [file for file in files if file.is_file()]


# Decoded


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


# Brought to one size

LARGEST = 2**16
"""So many pixels a side can have."""


def check_size(argument: str, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    sides = list(value) if is_several(value) else []
    if len(sides) != 2:
        raise InvalidInputError(f"`{argument}` must be (height, width), such as (64, 64); got {abbreviated(value)}.")
    height, width = (check_int(argument, side, low=1, high=LARGEST) for side in sides)
    return height, width


def resized(image: Array, size: tuple[int, int]) -> Floats:
    """Return an image of another size, in float32, within its range of values."""
    rows, columns = (_neighbours(old, new) for old, new in zip(image.shape[:2], size, strict=True))
    return _blended(_blended(image.astype(np.float32), rows, axis=0), columns, axis=1)


def _neighbours(old: int, new: int) -> tuple[Array, Array, Floats]:
    """Return the two old pixels beside the centre of each new one, and how far it is from the first to the second."""
    centres = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    before = np.floor(centres).astype(np.intp)
    return before, np.minimum(before + 1, old - 1), (centres - before).astype(np.float32)


def _blended(image: Floats, neighbours: tuple[Array, Array, Floats], axis: int) -> Floats:
    before, after, share = neighbours
    share = share.reshape([-1 if each == axis else 1 for each in range(image.ndim)])
    first = image.take(before, axis)
    found: Floats = first + (image.take(after, axis) - first) * share
    return found
