"""Images from files: what each kind holds, pixel by pixel, and folders of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from auxtasks.cli.data import read_data, read_labels
from auxtasks.errors import InvalidInputError
from auxtasks.image_files import read_image
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
RGB = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
BANDS = RNG.integers(0, 256, (4, 6, 7), dtype=np.uint8)
BIT = GREY > 128
FEW = RGB // 128 * 128  # eight colours, which a palette holds exactly

BY_PILLOW: dict[str, tuple[Array, Array]] = {
    "grey.png": (GREY, GREY),
    "rgb.png": (RGB, RGB),
    "rgb.bmp": (RGB, RGB),
    "rgb.ppm": (RGB, RGB),
    "grey.pgm": (GREY, GREY),
    "bit.png": (BIT, BIT * np.uint8(255)),
    "16 bits.png": (GREY.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257),
    "transparent.png": (np.dstack([RGB, ALPHA]), RGB),
    "transparent grey.png": (np.dstack([GREY, ALPHA]), GREY),
    "floats.tif": (GREY.astype(np.float32), GREY.astype(np.float32)),
}
BY_TIFFFILE: dict[str, tuple[Array, Array, dict[str, Any]]] = {
    "grey": (GREY, GREY, {}),
    "bit": (BIT, BIT * np.uint8(255), {}),
    "16 bits in colour": (RGB.astype(np.uint16) * 257, RGB.astype(np.uint16) * 257, {"photometric": "rgb"}),
    "one plane a colour": (RGB.transpose(2, 0, 1), RGB, {"photometric": "rgb", "planarconfig": "separate"}),
    "transparent": (np.dstack([RGB, ALPHA]), RGB, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "transparent grey": (np.dstack([GREY, ALPHA]), GREY, {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
    "seven bands": (BANDS, BANDS, {"photometric": "minisblack", "planarconfig": "contig"}),
    "white is zero": (255 - GREY, GREY, {"photometric": "miniswhite"}),
}


@pytest.mark.parametrize("name", BY_PILLOW)
def test_images_are_read_pixel_by_pixel(tmp_path: Path, name: str) -> None:
    saved, expected = BY_PILLOW[name]
    Image.fromarray(saved).save(tmp_path / name)
    found = read_image(tmp_path / name)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", BY_TIFFFILE)
def test_kinds_of_tiff_are_read_pixel_by_pixel(tmp_path: Path, name: str) -> None:
    saved, expected, options = BY_TIFFFILE[name]
    tifffile.imwrite(tmp_path / "image.tif", saved, **{"photometric": "minisblack", **options})
    found = read_image(tmp_path / "image.tif")
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["palette.png", "one frame.gif"])
def test_palettes_become_colours(tmp_path: Path, name: str) -> None:
    Image.fromarray(FEW).convert("P", palette=Image.Palette.ADAPTIVE, colors=8).save(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name), FEW)


def test_several_pages_or_frames_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", BANDS.transpose(2, 0, 1)[:3], photometric="minisblack")
    with pytest.raises(InvalidInputError, match=r"pages.tif holds 3 pages or frames, and an image has one.* video"):
        read_data(tmp_path, "image")
    Image.fromarray(RGB).save(tmp_path / "frames.gif", save_all=True, append_images=[Image.fromarray(RGB[::-1])])
    with pytest.raises(InvalidInputError, match=r"frames.gif holds 2 pages or frames"):
        read_data(tmp_path, "image")


def test_folders_in_a_folder_are_classes(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    for name, image in zip(["dogs/b.png", "cats/z.png", "dogs/a.png", "unknown.png"], images, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "notes").mkdir()
    data = read_data(tmp_path, "image")
    np.testing.assert_array_equal(data.X, images[[1, 2, 0, 3]])
    assert read_labels("class", data).tolist() == ["cats", "dogs", "dogs", ""]
    columns = data.columns(["class"])
    assert columns is not None
    assert columns["class"].tolist() == ["cats", "dogs", "dogs", None]


def test_a_folder_without_classes_has_none(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(InvalidInputError, match="'class' is neither an array beside the inputs"):
        read_labels("class", read_data(tmp_path, "image"))
