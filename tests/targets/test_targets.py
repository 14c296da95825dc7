"""The mapping of targets, and the main labels beside them."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks import AuxTargets, make_aux_targets
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError
from auxtasks.typing import Array

N = 12


@pytest.fixture
def targets(signals: Array) -> AuxTargets:
    return make_aux_targets(signals, "signal", ["std", {"fft": {"n_coefficients": 4}}])


def test_a_read_only_mapping_of_arrays(targets: AuxTargets) -> None:
    assert list(targets) == ["std", "fft"] == list(targets.specs)
    assert (len(targets), targets.n_samples, targets.n_original) == (2, N, N)
    assert "std" in targets
    assert "hog" not in targets
    assert targets.get("hog") is None
    assert (targets == targets, targets != dict(targets)) == (True, True)
    with pytest.raises(KeyError, match=r"no target named 'sdt'. Did you mean 'std'"):
        targets["sdt"]
    with pytest.raises(ValueError, match="read-only"):
        targets["std"][0] = 1


def test_specs_cannot_be_changed_through_the_targets(targets: AuxTargets) -> None:
    targets.specs.clear()
    assert list(targets.specs) == ["std", "fft"]


def test_pickle_keeps_everything(targets: AuxTargets, signals: Array) -> None:
    copied = pickle.loads(pickle.dumps(targets))  # noqa: S301
    assert copied.specs == targets.specs
    assert not copied["std"].flags.writeable
    np.testing.assert_array_equal(copied.inputs, signals)
    np.testing.assert_array_equal(copied.transform(signals)["fft"], targets["fft"])


def test_repr_is_a_table(targets: AuxTargets) -> None:
    lines = repr(targets).splitlines()
    assert lines[0] == "AuxTargets of 12 samples"
    assert lines[1].split() == ["name", "kind", "shape", "baseline", "missing", "left", "out"]
    assert lines[2].split() == ["std", "vector", "(2,)", "1", "0%"]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.arange(N), np.arange(N)),
        (list(range(N)), np.arange(N)),
        (pd.Series(range(N)), np.arange(N)),
        (np.arange(N) / 2, np.arange(N) / 2),
        ([3, 1], [3, 1] + 10 * [-1]),
        (np.array([3, 1], np.int8), np.array([3, 1] + 10 * [-1], np.int8)),
        (np.array([250, 1], np.uint8), np.array([250, 1] + 10 * [-1], np.int32)),
        (np.array([3, 1], np.uint32), np.array([3, 1] + 10 * [-1], np.int64)),
        (np.array([3, 1], np.float32), np.array([3, 1] + 10 * [np.nan], np.float32)),
        (pd.Series([3, None], dtype="Int8"), [3] + 11 * [-1]),
        (pd.Series([True, None], dtype="boolean"), [1] + 11 * [-1]),
        ([True, False], np.array([1, 0] + 10 * [-1], np.int32)),
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]] + 10 * [[-1, -1]]),
    ],
)
def test_main_labels_come_first_and_missing_ones_are_marked(targets: AuxTargets, y: Any, expected: Any) -> None:
    both = targets.with_main(y)
    assert list(both) == ["main", "std", "fft"]
    np.testing.assert_array_equal(both["main"], expected)
    assert both["main"].dtype == np.asarray(expected).dtype
    assert both["std"] is targets["std"]


def test_full_labels_are_not_copied(targets: AuxTargets) -> None:
    y = np.arange(N, dtype=np.uint8)
    assert targets.with_main(y, name="digit")["digit"] is y


def test_several_main_outputs(targets: AuxTargets) -> None:
    both = targets.with_main({"a": np.arange(N), "b": [0.5]})
    assert list(both) == ["a", "b", "std", "fft"]
    assert np.isnan(both["b"][1:]).all()


@pytest.mark.parametrize(
    ("y", "name", "error", "message"),
    [
        (np.arange(13), "main", InvalidInputError, r"from 1 to 12 entries.*got shape \(13,\)"),
        ([], "main", InvalidInputError, r"got shape \(0,\)"),
        (3, "main", InvalidInputError, "got the single number 3"),
        (["a"] * (N - 1) + [3], "main", InvalidTypeError, "must hold labels of one type; expected string labels"),
        ([None, None], "main", InvalidInputError, "holds no label at all among its 2 entries; give some, or .* of -1"),
        ([[1], [2, 3]], "main", InvalidTypeError, "found list. Entries of different lengths also look like this"),
        ([np.inf], "main", InvalidInputError, "holds infinite values"),
        (None, "main", InvalidTypeError, "`y` must hold the main labels; got None"),
        ({"a": [1], "fft": [1]}, "main", InvalidInputError, "'fft' is already the name of a target"),
        ([1], "std", InvalidInputError, "'std' is already the name of a target"),
        ([1], "", InvalidTypeError, "`name` must be a name; got ''"),
    ],
)
def test_main_labels_refused(targets: AuxTargets, y: Any, name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        targets.with_main(y, name)


def test_unscale_takes_predictions_of_any_leading_shape(targets: AuxTargets) -> None:
    back = targets.unscale("std", targets["std"])
    np.testing.assert_array_equal(targets.unscale("std", targets["std"][0]), back[0])
    np.testing.assert_array_equal(targets.unscale("std", targets["std"].reshape(3, 4, 2)), back.reshape(3, 4, 2))
    assert targets.unscale("std", targets["std"].tolist()).dtype == np.float64


@pytest.mark.parametrize(("name", "values", "message"), [
    ("sdt", np.zeros((2, 2)), "no target named 'sdt'"),
    ("std", np.zeros((2, 3)), r"must have the shape \(..., \(2,\)\) of 'std'; got \(2, 3\)"),
    ("std", 1.0, r"got \(\)"),
])  # fmt: skip
def test_unscale_refuses(targets: AuxTargets, name: str, values: Any, message: str) -> None:
    with pytest.raises(AuxTasksError, match=message):
        targets.unscale(name, values)
