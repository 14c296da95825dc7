"""``auxtasks make``: targets as the options say, or nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from skimage.io import imsave

import auxtasks
from auxtasks.cli.make import Wanted
from auxtasks.typing import Array

Status = Callable[..., int]


def test_targets_are_those_of_the_function(
    status: Status, capsys: pytest.CaptureFixture[str], npz: Path, arrays: dict[str, Array], tmp_path: Path
) -> None:
    tasks = ["--task", "std", "--task", 'low:{"task": "fft", "n_coefficients": 3}']
    options = ["--option", "scale=false", "--option", "dtype=float64", "--label-column", "person"]
    assert status("make", npz, "--domain", "signal", *tasks, *options, "--output", tmp_path / "new" / "targets") == 0
    shown = capsys.readouterr().out
    assert "std " in shown
    assert shown.splitlines()[-1] == f"Targets: {tmp_path / 'new' / 'targets'}"
    found = auxtasks.load_targets(tmp_path / "new" / "targets")
    expected = auxtasks.make_aux_targets(
        arrays["X"],
        "signal",
        ["std", {"low": {"task": "fft", "n_coefficients": 3}}],
        label_columns={"person": ["anna", "ben", None] * 20},
        scale=False,
        dtype="float64",
    )
    assert list(found) == ["std", "low", "person"]
    for name, target in expected.items():
        np.testing.assert_array_equal(found[name], target)
    np.testing.assert_array_equal(found.inputs, arrays["X"])


def test_images_and_texts(status: Status, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(4):
        image = np.random.default_rng(number).integers(0, 256, (16, 16), dtype=np.uint8)
        imsave(tmp_path / "images" / f"{number}.png", image, check_contrast=False)
    (tmp_path / "texts.txt").write_text("an old dog\na river, a bridge\n")
    assert status("make", tmp_path / "images", "--domain", "image", "--output", tmp_path / "a") == 0
    texts = ["make", tmp_path / "texts.txt", "--domain", "text", "--task", "text_statistics"]
    assert status(*texts, "--output", tmp_path / "b") == 0
    assert list(auxtasks.load_targets(tmp_path / "a")) == ["hog"]
    assert auxtasks.load_targets(tmp_path / "b").n_samples == 2


def test_overwrites_its_own_alone_and_when_told(
    status: Status, capsys: pytest.CaptureFixture[str], npz: Path, tmp_path: Path
) -> None:
    command = ["make", npz, "--domain", "signal", "--task", "std", "--output"]
    assert status(*command, tmp_path / "targets") == 0
    assert status(*command, tmp_path / "targets") == 1
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    assert status(*command, tmp_path / "targets", "--overwrite") == 0
    assert status(*command, tmp_path, "--overwrite") == 1
    assert "was not written by auxtasks" in capsys.readouterr().err
    assert npz.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ([], 2, "--domain"),
        (["--domain", "signal", "--task", "fft:{50}"], 2, "is not JSON"),
        (["--domain", "signal", "--task", "fft:50"], 2, "must be option=value"),
        (["--domain", "signal", "--task", ":{}"], 2, "names no task"),
        (["--domain", "signal", "--option", "scale"], 2, "must be name=value"),
        (["--domain", "signal", "--option", "seed=1", "--option", "seed=2"], 2, "'seed' is given twice"),
        (["--domain", "signal", "--option", "sale=1"], 1, "there is no argument named 'sale'. Did you mean 'scale'"),
        (["--domain", "signal", "--option", "save_to=a"], 2, "'save_to' is not available here"),
        (["--domain", "signal", "--option", "overwrite=true"], 2, "'overwrite' is not available here"),
        (["--domain", "signal", "--option", "label_columns=1"], 1, "there is no argument named 'label_columns'"),
        (["--domain", "signal", "--option", "scale=maybe"], 1, "`scale` must be"),
        (["--domain", "signal", "--option", "seed=" + "[" * 100_000], 1, "`seed` must be an integer"),
        (["--domain", "signal", "--task", "fft:n_coefficients=" + "[" * 100_000], 1, "n_coefficients"),
        (["--domain", "signal", "--task", 'fft:{"task": {}}'], 1, "there is no task of domain 'signal' named {}"),
        (["--domain", "signl"], 1, "`--domain`: there is no domain named 'signl'. Did you mean 'signal'"),
        (
            ["--domain", "signal", "--task", "sdt"],
            1,
            "there is no task of domain 'signal' named 'sdt'. Did you mean 'std'",
        ),
        (["--domain", "signal", "--label-column", "pickled"], 1, "holds Python objects"),
    ],
)
def test_wrong_calls_write_nothing(
    status: Status,
    capsys: pytest.CaptureFixture[str],
    npz: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    assert status("make", npz, *arguments, "--output", tmp_path / "targets") == code
    assert expected in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == [npz]


def test_output_below_a_file_is_refused_before_reading(
    status: Status, capsys: pytest.CaptureFixture[str], npz: Path
) -> None:
    assert status("make", "absent.npy", "--domain", "signal", "--output", npz / "targets") == 1
    assert "is a file, not a folder" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_warnings_are_shown_without_the_line_of_code(
    status: Status, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.arange(8.0).reshape(4, 2) // 2 * [1, 1])
    arguments = ["--task", "std", "--task", "mean", "--output", tmp_path / "targets"]
    assert status("make", tmp_path / "a.npy", "--domain", "signal", *arguments) == 0
    shown = capsys.readouterr().err
    assert shown.startswith("auxtasks: ")
    assert "std" in shown
    assert ".py:" not in shown


def test_a_folder_of_classes_of_several_sizes(
    status: Status, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, side in {"cat/a.png": 12, "dog/a.png": 20, "new.png": 16}.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
        imsave(tmp_path / "photos" / name, pixels, check_contrast=False)
    command = ["make", tmp_path / "photos", "--domain", "image", "--task", "hog", "--labels", "class"]
    assert status(*command, "--output", tmp_path / "targets") == 1
    assert "a.png is 20×20 uint8, and a.png is 12×12 uint8" in capsys.readouterr().err
    assert status(*command, "--image-size", "12x10", "--output", tmp_path / "targets") == 0
    targets = auxtasks.load_targets(tmp_path / "targets")
    assert targets.inputs.shape == (3, 12, 10)
    assert (targets.with_main()["main"].tolist(), targets.class_names) == ([0, 1, -1], {"main": ("cat", "dog")})


def test_saved_targets_may_be_zarr_arrays(tmp_path: Path) -> None:
    lazy: Any = auxtasks.make_aux_targets(
        da.from_array(np.arange(64.0).reshape(8, 8) ** 2, chunks=(4, 8)), "signal", "std"
    )
    lazy.to_zarr(tmp_path / "targets")
    assert type(Wanted(None, saved=tmp_path / "targets").make(None)) is auxtasks.AuxTargets
