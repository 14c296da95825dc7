"""Label columns that exist at training time only."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import AuxTasksError, AuxTasksWarning, UnknownNameError
from auxtasks.typing import Array

GIVEN = {
    "speaker": ["ann", "bob", None] * 4,
    "age": np.linspace(20, 80, 12),
    "tags": np.eye(12, 3, dtype=int),
    "frame": pd.DataFrame({"height": np.arange(12.0), "same": np.ones(12), "twin": np.arange(12.0)}),
}


def test_each_column_becomes_a_target(signals: Array) -> None:
    targets = make_aux_targets(signals, "signal", "std", label_columns=GIVEN)
    assert list(targets) == ["std", *GIVEN]
    assert {name: targets.specs[name].kind for name in GIVEN} == {
        "speaker": "class", "age": "vector", "tags": "multilabel", "frame": "vector",
    }  # fmt: skip
    assert targets.specs["speaker"].classes == ("ann", "bob")
    np.testing.assert_array_equal(targets["speaker"], [0, 1, -1] * 4)
    np.testing.assert_allclose(targets["age"].std(), 1, rtol=1e-6)
    assert targets.specs["frame"].columns == ("height",)
    assert targets.specs["frame"].dropped == ("same (constant)", "twin (copy of height)")
    np.testing.assert_allclose(targets.unscale("frame", targets["frame"]), GIVEN["frame"].to_numpy(), atol=1e-5)
    assert all(targets.specs[name].task == "label_column" for name in GIVEN)


def test_labels_are_missing_where_they_are_not_given(signals: Array) -> None:
    targets = make_aux_targets(signals, "signal", "std", label_columns=GIVEN)
    other = targets.transform(signals[:3])
    assert (other["speaker"] == -1).all()
    assert (other["tags"] == -1).all()
    assert np.isnan(other["age"]).all()
    assert [other[name].shape[1:] for name in GIVEN] == [targets[name].shape[1:] for name in GIVEN]
    some = targets.transform(
        signals[:3], label_columns={"speaker": ["bob", "carl", "ann"], "age": [20.0, np.nan, 80.0]}
    )
    np.testing.assert_array_equal(some["speaker"], [1, -1, 0])
    np.testing.assert_allclose(some["age"][[0, 2]], targets["age"][[0, -1]], rtol=1e-6)


def test_given_labels_alone_are_enough() -> None:
    targets = make_aux_targets(np.ones((4, 2)), "any", [], label_columns={"label": [0, 1, 2, 0]})
    assert list(targets) == ["label"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"speaker": ["ann"]}, AuxTasksError, r"`speaker`.*12.*\(1,\)"),
        ({"std": np.arange(12)}, AuxTasksError, "'std' is named more than once"),
        ({"age": np.array([np.inf] * 12)}, AuxTasksError, "age"),
        ({"gone": [-1] * 12}, AuxTasksError, "`gone` has no label at all"),
    ],
)
def test_refused(signals: Array, given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_aux_targets(signals, "signal", "std", label_columns=given)


def test_refused_at_transform(signals: Array) -> None:
    targets = make_aux_targets(signals, "signal", "std", label_columns=GIVEN)
    with pytest.raises(
        UnknownNameError, match=r"`label_columns`: there is no label column named 'aeg'. Did you mean 'age'"
    ):
        targets.transform(signals, label_columns={"aeg": np.ones(12)})
    with pytest.raises(AuxTasksError, match=r"`age`.*3.*\(12,\)"):
        targets.transform(signals[:3], label_columns={"age": np.ones(12)})


def test_labels_too_large_for_the_dtype_are_missing() -> None:
    with pytest.warns(AuxTasksWarning, match="1 values of the targets a are too large for float32 and count as miss"):
        targets = make_aux_targets(np.ones((3, 2)), "any", [], label_columns={"a": [1e300, 1.0, 2.0]}, scale=False)
    np.testing.assert_array_equal(targets["a"][:, 0], [np.nan, 1, 2])


def test_given_columns_may_be_a_data_frame_whose_names_are_kept():
    frame = pd.DataFrame({"who": ["a", "b", "a"], "height": [1.5, np.nan, 2.0]}, index=[7, 8, 9])
    X = np.arange(6.0).reshape(3, 2)
    targets = make_aux_targets(X, "any", [], label_columns=frame)
    assert {name: spec.kind for name, spec in targets.specs.items()} == {"who": "class", "height": "vector"}
    assert targets["who"].tolist() == [0, 1, 0]
    assert targets.transform(X[:1], label_columns=frame[:1])["who"].tolist() == [0]


def test_given_columns_stand_beside_the_defaults_in_every_domain():
    X = np.arange(6.0).reshape(3, 2) ** 2
    assert list(make_aux_targets(X, "any", label_columns={"who": [0, 1, 0]})) == ["reconstruction", "who"]
    assert list(make_aux_targets(X, "any", [], label_columns={"who": [0, 1, 0]})) == ["who"]
