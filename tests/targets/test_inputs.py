"""What counts as inputs, and what a model is given of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks import make_aux_targets
from auxtasks.targets.samples import read_inputs
from auxtasks.typing import Array

X = np.random.default_rng(1).normal(size=(6, 20, 3))
WAYS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "big-endian": X.astype(">f8"),
    "non-contiguous": np.asfortranarray(X),
    "reversed": X[:, ::-1][:, ::-1],
    "nested lists": X.tolist(),
    "list of arrays": list(X),
    "tuple of lists": tuple(X.tolist()),
    "series of arrays": pd.Series(list(X)),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_giving_inputs_gives_the_same_targets(way: str) -> None:
    expected = make_aux_targets(X, "signal", ["std", "fft"], scale=False)
    found = make_aux_targets(WAYS[way], "signal", ["std", "fft"], scale=False)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-5, atol=1e-5)


def test_integers_booleans_and_frames_are_read_exactly() -> None:
    whole = np.arange(24).reshape(4, 6) % 7
    expected = make_aux_targets(whole.astype(float), "signal", "std", scale=False)["std"]
    for given in (whole, whole.astype(np.uint8), pd.DataFrame(whole), whole.astype(object)):
        np.testing.assert_array_equal(make_aux_targets(given, "signal", "std", scale=False)["std"], expected)
    halves = make_aux_targets(whole.astype(np.float16), "signal", "std", scale=False)["std"]
    np.testing.assert_allclose(halves, expected, rtol=1e-6)
    flags = whole > 3
    np.testing.assert_array_equal(
        make_aux_targets(flags, "signal", "std", scale=False)["std"],
        make_aux_targets(flags.astype(float), "signal", "std", scale=False)["std"],
    )


@pytest.mark.parametrize("array", [X, X.astype(np.float16), X[:, :, 0], np.asfortranarray(X), (X * 9).astype(np.int16)])
def test_inputs_are_the_very_array_given(array: Array) -> None:
    before = array.copy()
    assert make_aux_targets(array, "signal").inputs is array
    np.testing.assert_array_equal(array, before)


def test_memory_map_stays_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    targets = make_aux_targets(mapped, "signal", "std", scale=False)
    assert targets.inputs is mapped
    np.testing.assert_allclose(targets["std"], X.std(axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "domain", "expected"),
    [
        ("float16", "signal", "float32"),
        ("float32", "any", "float32"),
        ("float64", "image", "float64"),
        ("longdouble", "any", "float64"),
        ("int16", "signal", "float64"),
        ("bool", "any", "float64"),
        ("uint8", "image", "float32"),
        ("int16", "video", "float32"),
        ("int32", "image", "float64"),
    ],
)
def test_dtype_computed_in_holds_every_value(dtype: str, domain: str, expected: str) -> None:
    shape = {"signal": (2, 3), "any": (2, 3), "image": (2, 3, 3), "video": (2, 3, 3, 3)}[domain]
    samples = read_inputs(np.ones(shape, dtype), domain)
    assert samples.compute == expected
    assert samples.read(samples.chunks()[0]).dtype == expected


@pytest.mark.parametrize(("domain", "shape"), [("signal", (2, 5)), ("image", (2, 5, 4)), ("video", (2, 3, 5, 4))])
def test_extractors_see_a_channel_axis(domain: str, shape: tuple[int, ...]) -> None:
    samples = read_inputs(np.ones(shape), domain)
    assert samples.read(slice(0, 2)).shape == (*shape, 1)
    assert samples.inputs.shape == shape


def test_an_extractor_cannot_change_the_inputs(temporary_task: Any) -> None:
    def careless(X: Array) -> Array:
        X -= X.mean()
        return X[:, 0]

    temporary_task("careless", careless)
    with pytest.raises(ValueError, match="read-only"):
        make_aux_targets(X, "signal", "careless")
