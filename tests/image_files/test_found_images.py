"""Images of folders and lists of files: their order, their classes, their size, and targets made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.image_files import read_image
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
NAMES = ("dog/b.png", "cat/z.png", "dog/a.png", "cat/deep/c.png", "cat/y.PNG", "unknown.png")
SORTED = ("cat/y.PNG", "cat/z.png", "cat/deep/c.png", "dog/a.png", "dog/b.png", "unknown.png")


def saved(folder: Path, **images: Array) -> Path:
    """Write images, by the names of their files, into folders."""
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    return folder


@pytest.fixture
def images() -> dict[str, Array]:
    """Six grey images by the names of their files."""
    return {name: RNG.integers(0, 256, (12, 10), dtype=np.uint8) for name in NAMES}


@pytest.fixture
def folder(tmp_path: Path, images: dict[str, Array]) -> Path:
    """Write them."""
    return saved(tmp_path / "photos", **images)


def test_a_folder_is_read_in_the_order_of_keras_and_images_without_a_class_last(
    folder: Path, images: dict[str, Array]
) -> None:
    found = auxtasks.read_images(folder)
    assert found.paths == tuple(folder / name for name in SORTED)
    assert found.class_names == ("cat", "dog")
    assert found.y.tolist() == [0, 0, 0, 1, 1, -1]
    np.testing.assert_array_equal(found.X, np.stack([images[name] for name in SORTED]))


def test_a_list_is_read_in_its_order(folder: Path, images: dict[str, Array]) -> None:
    found = auxtasks.read_images([str(folder / name) for name in NAMES[:3]])
    np.testing.assert_array_equal(found.X, np.stack([images[name] for name in NAMES[:3]]))
    assert (found.class_names, found.y.tolist()) == (("cat", "dog"), [1, 0, 1])


def test_images_are_those_of_keras(tmp_path: Path) -> None:
    import keras

    sizes = [(12, 10), (7, 20), (30, 9), (8, 8)]
    names = ["b/2.png", "a/1.png", "b/1.png", "a/0.png"]
    colours = {name: RNG.integers(0, 256, (*size, 3), dtype=np.uint8) for name, size in zip(names, sizes, strict=True)}
    saved(tmp_path, **colours)
    batches = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(16, 11), shuffle=False, batch_size=3, verbose=False
    )
    found = auxtasks.read_images(tmp_path, image_size=(16, 11))
    np.testing.assert_allclose(found.X, np.concatenate([x for x, _ in batches]), atol=1e-3)
    assert found.y.tolist() == np.concatenate([y for _, y in batches]).tolist()
    assert list(found.class_names) == batches.class_names
    targets = auxtasks.make_aux_targets(batches, "image", "hog", y="inferred")
    again = auxtasks.make_aux_targets(tmp_path, "image", "hog", y="inferred", image_size=(16, 11))
    np.testing.assert_allclose(targets["hog"], again["hog"], atol=1e-3)
    np.testing.assert_array_equal(targets.with_main()["main"], again.with_main()["main"])
    assert targets.class_names == again.class_names == {"main": ("a", "b")}


def test_targets_of_a_folder_are_those_of_its_images(folder: Path) -> None:
    expected = auxtasks.read_images(folder)
    targets = auxtasks.make_aux_targets(folder, "image", ["hog", "edges"], y="inferred")
    of_arrays = auxtasks.make_aux_targets(expected.X, "image", ["hog", "edges"])
    np.testing.assert_array_equal(targets.inputs, expected.X)
    for name in of_arrays:
        np.testing.assert_array_equal(targets[name], of_arrays[name])
    assert targets.with_main()["main"].tolist() == expected.y.tolist()
    files = [str(folder / name) for name in NAMES]
    np.testing.assert_array_equal(
        targets.transform(files)["hog"], targets.transform(auxtasks.read_images(files).X)["hog"]
    )
    np.testing.assert_array_equal(targets.prepare(np.array(files)), auxtasks.read_images(files).X)


def test_each_file_is_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr("auxtasks.image_files.read_image", lambda path: (read.append(path), read_image(path))[1])
    auxtasks.make_aux_targets(folder, "image", "hog", y="inferred")
    assert len(read) == len(NAMES)


def test_a_size_is_kept_for_other_files_and_saved(folder: Path, tmp_path: Path) -> None:
    saved(tmp_path, **{"larger.png": RNG.integers(0, 256, (40, 40), dtype=np.uint8)})
    targets = auxtasks.make_aux_targets(folder, "image", "hog", image_size=(16, 16))
    assert (targets.inputs.shape, targets.inputs.dtype) == ((6, 16, 16), np.float32)
    targets.save(tmp_path / "targets")
    loaded = auxtasks.load_targets(tmp_path / "targets")
    assert loaded.transform([tmp_path / "larger.png"]).inputs.shape == (1, 16, 16)


def test_files_are_read_piece_by_piece_with_out(folder: Path, tmp_path: Path) -> None:
    in_memory = auxtasks.make_aux_targets(folder, "image", "hog", y="inferred")
    on_disk = auxtasks.make_aux_targets(folder, "image", "hog", y="inferred", save_to=tmp_path / "targets")
    np.testing.assert_array_equal(on_disk["hog"], in_memory["hog"])
    np.testing.assert_array_equal(on_disk.inputs, in_memory.inputs)
    assert on_disk.with_main()["main"].tolist() == in_memory.with_main()["main"].tolist()
    assert on_disk.class_names == in_memory.class_names


def test_grey_images_among_colours_become_colours(tmp_path: Path) -> None:
    grey, colour = RNG.integers(0, 256, (4, 6), dtype=np.uint8), RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    saved(tmp_path, **{"a.png": grey, "b.png": colour, "c.png": grey})
    found = auxtasks.read_images(tmp_path).X
    np.testing.assert_array_equal(found, np.stack([np.dstack([grey] * 3), colour, np.dstack([grey] * 3)]))


def test_an_image_that_cannot_be_used_is_named(folder: Path) -> None:
    saved(folder, **{"dog/c.png": RNG.integers(0, 256, (12, 11), dtype=np.uint8)})
    with pytest.raises(InvalidInputError, match=r"c\.png is 12×11 uint8, and y\.PNG is 12×10 uint8.* image_size="):
        auxtasks.make_aux_targets(folder, "image", "hog")
    (folder / "dog" / "c.png").write_bytes(b"no image")
    with pytest.raises(InvalidInputError, match=r"c\.png cannot be read as an image"):
        auxtasks.make_aux_targets(folder, "image", "hog", image_size=(8, 8))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"X": "nowhere"}, "`X`: nowhere does not exist; pass a folder or a list of files"),
    "no file": ({"X": ["nowhere.png"]}, r"`X\[0\]`: there is no file nowhere.png"),
    "a number among paths": ({"X": [Path(__file__), 3]}, r"`X\[1\]` must be a path"),
    "no image": ({"X": [Path(__file__)]}, "test_found_images.py cannot be read as an image"),
    "a folder without images": ({"X": Path(__file__).parent}, "holds no image; names must end in .png"),
    "a file as a folder": ({"X": __file__}, "is a file; pass it in a list"),
    "one side": ({"X": "nowhere", "image_size": 8}, r"`image_size` must be \(height, width\)"),
    "labels of arrays": ({"X": np.ones((4, 8, 8)), "y": "inferred"}, "'inferred' labels are those of a folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_read_is_refused(case: str) -> None:
    arguments, message = WRONG[case]
    with pytest.raises((InvalidInputError, InvalidTypeError), match=message):
        auxtasks.make_aux_targets(**{"domain": "image", "tasks": "hog", **arguments})


def test_a_size_is_for_images(folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="`image_size` applies to image files only, not to 'signal'"):
        auxtasks.make_aux_targets(np.ones((4, 8)), "signal", image_size=(8, 8))
    with pytest.raises(InvalidInputError, match="there is no such folder"):
        auxtasks.make_aux_targets(folder / "cat" / "deep", "image", "hog", y="inferred")
    with pytest.raises(InvalidTypeError, match="`source` must be a folder or a list of files"):
        auxtasks.read_images(np.ones((4, 8, 8)))
