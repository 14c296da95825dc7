"""Faces whose expression is known: drawn ones, the CMU face images and the extended Cohn-Kanade set (CK+).

Neither set comes with this project; ask their owners. `read_faces` tells by the folder's layout which one it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

PERSONS, POSES, SIDE = 16, 4, 24  # of drawn faces
SIZE = (48, 48)  # of CK+
RARE = 10  # action units that fewer faces show are left out: heads cannot learn them


@dataclass(frozen=True)
class Faces:
    """Grey images from 0 to 1, shape (n, height, width, 1), with what is known of each.

    `expression` is a class or -1, where nobody named it; `label_columns` holds the other labels by name.
    """

    images: np.ndarray
    expression: np.ndarray
    person: np.ndarray
    given: dict[str, Any] = field(default_factory=dict)


def drawn_faces(rng: np.random.Generator) -> Faces:
    """Draw persons of different faces: angry, happy, neutral or sad, turned four ways, half of them in sunglasses."""
    labels = np.array([*np.ndindex(PERSONS, 4, POSES, 2)])
    person, expression, pose, eyes = labels.T
    low, high = (0.5, 0.6, 0.3, 0.2), (0.9, 0.8, 0.4, 0.3)
    skin, wide, brow, apart = (_of(rng.uniform(*ends, PERSONS)[person]) for ends in zip(low, high, strict=True))
    y, x = (axis[None] for axis in np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j])
    x = x - _of(rng.normal(0, 0.05, len(labels)) + np.array([-0.2, 0.2, 0, 0])[pose])
    y = y - _of(rng.normal(0, 0.05, len(labels)) + np.array([0, 0, 0, -0.2])[pose])
    images = skin * ((x / wide) ** 2 + y**2 / 0.9 < 1)
    side = np.abs(np.abs(x) - apart)  # from the middle of the eye
    slant = _of(np.array([0.5, 0, 0, -0.5])[expression]) * (np.abs(x) - apart)
    bend = _of(np.array([0, 1.5, 0, -1.5])[expression]) * (x**2 - 0.04)
    images[(np.abs(y + brow + slant) < 0.05) & (side < 0.15)] = 0.1
    images[(np.abs(y + 0.15) < 0.06) & (side < 0.06)] = 0.0
    images[(np.abs(y - 0.45 + bend) < 0.06) & (np.abs(x) < 0.3)] = 0.2
    images[(np.abs(y + 0.2) < 0.2) & (side < 0.2) & _of(eyes == 1)] = 0.0
    images += rng.normal(0, 0.1, images.shape)
    return Faces(images[..., None].astype("float32"), expression, person, {"pose": pose, "eyes": eyes})


def read_faces(folder: Path) -> Faces:
    """Read either set.

    Parameters
    ----------
    folder : Path
        Holds ``cohn-kanade-images``, ``Emotion``, ``FACS`` and ``Landmarks`` (CK+); or somewhere below the images
        ``<person>_<pose>_<expression>_<eyes>_2.pgm`` (CMU); or these in one ``.npz``, with their labels as numbers.
    """
    if (folder / "cohn-kanade-images").is_dir():
        return cohn_kanade(folder)
    (archive, *_) = [*folder.glob("*.npz"), None]
    return cmu_archive(archive) if archive else cmu_images(folder)


def cmu_archive(path: Path) -> Faces:
    """Read the CMU faces from arrays, at half their height and width."""
    with np.load(path) as data:
        n, height, width = data["x"].shape
        images = data["x"].reshape(n, height // 2, 2, width // 2, 2, 1).mean(axis=(2, 4)) / 255
        given = {"pose": data["pose"].astype("int32"), "eyes": data["eyes"].astype("int32")}
        return Faces(images.astype("float32"), data["expression"].astype("int32"), data["person"], given)


def cmu_images(folder: Path) -> Faces:
    """Read the CMU faces, whose names tell their labels; the images of middle size are taken."""
    paths = sorted(folder.rglob("*_2.pgm"))
    if not paths:
        raise FileNotFoundError(f"`folder`: {folder} holds neither cohn-kanade-images, nor *_2.pgm, nor an .npz file.")
    person, pose, expression, eyes = np.array([path.stem.split("_")[:4] for path in paths]).T
    images = np.stack([_grey(path, (30, 32)) for path in paths])
    return Faces(images, _numbered(expression), person, {"pose": pose, "eyes": eyes})


def cohn_kanade(folder: Path) -> Faces:
    """Read the last image of each sequence of CK+, in which the expression is fully there.

    Expressions that nobody named are -1; action units and landmarks of such faces are known all the same.
    """
    lasts = [max(images) for at in sorted(folder.glob("cohn-kanade-images/*/*")) if (images := list(at.glob("*.png")))]
    if not lasts:
        raise FileNotFoundError(f"`folder`: {folder}/cohn-kanade-images holds no S###/###/*.png.")
    named = [_labels(folder, "Emotion", "emotion", last, lambda table: int(table[0, 0])) for last in lasts]
    if all(name is None for name in named):
        raise FileNotFoundError(f"`folder`: {folder}/Emotion holds no label of any of the {len(lasts)} sequences.")
    units = [_labels(folder, "FACS", "facs", last, lambda table: set(table[:, 0].astype(int))) for last in lasts]
    points = [_labels(folder, "Landmarks", "landmarks", last, np.ravel) for last in lasts]
    shown = [found for found in units if found is not None]
    kept = [unit for unit in sorted(set().union(*shown)) if sum(unit in found for found in shown) >= RARE]
    given: dict[str, Any] = {}
    if kept:
        given["action_units"] = np.array([[-1 if f is None else int(unit in f) for unit in kept] for f in units])
    (known, *_) = [*(found for found in points if found is not None), None]
    if known is not None:
        none = np.full(known.shape, np.nan)
        given["landmarks"] = np.stack([none if found is None else found for found in points])
    images = np.stack([_grey(last, SIZE) for last in lasts])
    return Faces(images, _numbered(np.array(named, object)), np.array([at.parents[1].name for at in lasts]), given)


def _labels(folder: Path, kind: str, ending: str, image: Path, read: Callable[[np.ndarray], Any]) -> Any:
    """Return what is written of an image, or None: not all are labelled, and some files are empty."""
    path = folder / kind / image.parents[1].name / image.parent.name / f"{image.stem}_{ending}.txt"
    numbers = [line.split() for line in path.read_text().splitlines() if line.strip()] if path.exists() else []
    return read(np.array(numbers, float)) if numbers else None


def _grey(path: Path, size: tuple[int, int]) -> np.ndarray:
    image = keras.utils.load_img(path, color_mode="grayscale", target_size=size, interpolation="box")
    return np.asarray(image, "float32")[..., None] / 255


def _numbered(names: np.ndarray) -> np.ndarray:
    known = sorted({name for name in names if name is not None})
    return np.array([-1 if name is None else known.index(name) for name in names], "int32")


def _of(values: np.ndarray) -> np.ndarray:
    """Set one value a face beside the pixels."""
    return values[:, None, None]
