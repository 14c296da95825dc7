"""Reading inputs: what each form holds, and what is refused in which words."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.io import imsave

from auxtasks.cli.data import read_data, read_lines
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array


def test_npz_gives_its_x_and_the_others_by_name(npz: Path, arrays: dict[str, Array]) -> None:
    data = read_data(npz, "signal")
    np.testing.assert_array_equal(data.X, arrays["X"])
    assert set(data.others) == {"y", "person", "pickled"}
    np.testing.assert_array_equal(data.read("y"), arrays["y"])


def test_single_array_needs_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3))
    np.savez(tmp_path / "b.npz", anything=np.eye(3))
    for name in ("a.npy", "b.npz"):
        data = read_data(tmp_path / name, "any")
        np.testing.assert_array_equal(data.X, np.eye(3))
        assert not data.others


def test_empty_texts_of_a_given_column_are_missing(npz: Path) -> None:
    columns = read_data(npz, "signal").columns(["person"])
    assert columns is not None
    assert columns["person"][:3].tolist() == ["anna", "ben", None]


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    for name, image in zip(("b.png", "a.png", "c.PNG"), images, strict=True):
        imsave(tmp_path / name, image, check_contrast=False)
    (tmp_path / "notes.txt").write_text("no image")
    np.testing.assert_array_equal(read_data(tmp_path, "image").X, images[[1, 0, 2]])


def test_image_that_differs_is_named(tmp_path: Path) -> None:
    imsave(tmp_path / "a.png", np.zeros((4, 5), np.uint8), check_contrast=False)
    imsave(tmp_path / "b.png", np.zeros((4, 6), np.uint8), check_contrast=False)
    with pytest.raises(InvalidInputError, match=r"b\.png is 4×6 uint8, and a\.png is 4×5 uint8\. All images need"):
        read_data(tmp_path, "image")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_broken_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"a\.png cannot be read as an image"):
        read_data(tmp_path, "image")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_texts_are_the_lines(tmp_path: Path, mark: str) -> None:
    # U+2028 and the form feed are within a text, and no end of it.
    (tmp_path / "texts.txt").write_bytes(f"{mark}Wörter\r\nzwei\u2028und\x0cdrei\n".encode())
    assert read_data(tmp_path / "texts.txt", "text").X == ["Wörter", "zwei\u2028und\x0cdrei"]


@given(lines=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5))
def test_lines_come_back_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    file = tmp_path_factory.mktemp("lines") / "lines.txt"
    file.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8-sig"))
    assert read_lines(file) == lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\n\nthree\n \n", "empty lines: 2, 4."),
        (b"\n" * 9, "empty lines: 1, 2, 3, 4, 5, … (9 in all)"),
        (b"", "is empty"),
        (b"one\n\xff\xfe\n", "is not UTF-8: see line 2"),
    ],
)
def test_texts_that_cannot_be_read_name_the_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "texts.txt").write_bytes(content)
    with pytest.raises(InvalidInputError, match=re.escape(expected)):
        read_data(tmp_path / "texts.txt", "text")


def test_files_that_cannot_be_read(tmp_path: Path, npz: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=1, b=2)
    (tmp_path / "no.npy").write_bytes(b"no array")
    (tmp_path / "no.npz").write_bytes(b"no archive")
    (tmp_path / "short.npz").write_bytes(npz.read_bytes()[:-100])
    (tmp_path / "data.csv").touch()
    (tmp_path / "empty").mkdir()
    for name, domain, expected in [
        ("objects.npy", "signal", "holds Python objects, which are not loaded because that could run code"),
        ("two.npz", "signal", "must hold an array 'X', or a single one; it holds 'a', 'b'."),
        ("no.npy", "signal", "cannot be read as a NumPy array"),
        ("no.npz", "signal", "is not an .npz file, or is truncated"),
        ("short.npz", "signal", "is not an .npz file, or is truncated"),
        ("data.csv", "signal", "must be .npy, .npz or a folder of images for domain 'signal'; got 'data.csv'"),
        ("empty", "image", "holds no image; names must end in .png"),
        ("empty", "text", "is a folder. Folders are read as images, but the domain is 'text'"),
        ("absent.npy", "signal", "there is no "),
    ]:
        with pytest.raises(InvalidInputError, match=re.escape(expected)):
            read_data(tmp_path / name, domain)


def _header(shape: str) -> bytes:
    said = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(said).to_bytes(2, "little") + said


@pytest.mark.parametrize(
    "shape",
    [
        "(10**15,)",
        "(1000000000000000,)",
        "(99999999999999999999,)",
        "(3, ",
        "(3,) (",
        "'",
        "[" * 4000,
        "(-1,)",
        "()" * 9,
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_headers_that_lie_are_named(tmp_path: Path, shape: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        path.write_bytes(_header(shape))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X.npy", _header(shape))
    with pytest.raises(InvalidInputError, match=r"a\.np[yz] cannot be read as a NumPy array: .*\. Write it with"):
        read_data(path, "signal")


def test_pipes_and_folders_are_refused_and_links_are_followed(tmp_path: Path) -> None:
    for name, domain in (("a.npy", "signal"), ("a.npz", "signal"), ("a.txt", "text")):
        os.mkfifo(tmp_path / name)
        with pytest.raises(InvalidInputError, match=r"a\.(npy|npz|txt) .*(regular file|is not an \.npz file)"):
            read_data(tmp_path / name, domain)
    np.save(tmp_path / "b.npy", np.eye(3))
    (tmp_path / "link.npy").symlink_to(tmp_path / "b.npy")
    np.testing.assert_array_equal(read_data(tmp_path / "link.npy", "signal").X, np.eye(3))


@given(data=st.data())
def test_an_archive_with_flipped_bits_is_read_as_it_was_or_named(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "a.npz"
    np.savez(path, X=np.arange(6.0), y=np.arange(3))
    sound = bytearray(path.read_bytes())
    sound[data.draw(st.integers(0, len(sound) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(sound)
    try:
        read = read_data(path, "signal")
    except InvalidInputError:
        return
    assert read.X.tobytes() in (np.arange(6.0).tobytes(), np.arange(3).tobytes())


def test_objects_beside_the_inputs_are_refused_only_when_asked_for(npz: Path) -> None:
    data = read_data(npz, "signal")
    with pytest.raises(InvalidInputError, match=r"the array 'pickled' of .* holds Python objects"):
        data.columns(["pickled"])
    with pytest.raises(InvalidInputError, match=r"no array 'abent'; .* holds 'y', 'person', 'pickled' besides"):
        data.columns(["abent"])


def test_damaged_array_of_an_archive_is_named(npz: Path) -> None:
    content = bytearray(npz.read_bytes())
    content[400] ^= 255  # in the middle of X, whose checksum then differs
    npz.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"the array 'X' of .* cannot be read as a NumPy array: Bad CRC-32"):
        read_data(npz, "signal")
