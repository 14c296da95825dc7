"""Tables: columns by name, of numbers and of categories, as inputs of domain "any"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auxtasks
from auxtasks.audit import audit
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError

N = 12
AGE = np.arange(N, dtype=np.float32) ** 2
SEX = (np.arange(N) % 2)[:, np.newaxis]
CITY = np.array(["Rome", "Oslo", "Rome"] * 4)
PLACE = np.stack([np.arange(N) % 3, np.arange(N) % 5], axis=1).astype(float)
TABLE: dict[str, Any] = {"age": AGE, "sex": SEX, "city": CITY, "place": PLACE}


def _make(X: Any = TABLE, **how: Any) -> auxtasks.AuxTargets:
    return auxtasks.make_aux_targets(X, "any", **how)


def test_every_column_is_reconstructed_and_categories_one_by_one() -> None:
    targets = _make(scale=False)
    assert targets.specs["reconstruction"].columns == ("age", "sex", "city=Oslo", "city=Rome", "place[0]", "place[1]")
    expected = np.column_stack([AGE, SEX, CITY == "Oslo", CITY == "Rome", PLACE])
    np.testing.assert_array_equal(targets["reconstruction"], expected.astype(np.float32))
    assert targets.n_samples == N


def test_the_model_reads_the_columns_themselves() -> None:
    inputs = _make().inputs
    assert list(inputs) == ["age", "sex", "city", "place"]
    assert inputs["age"] is AGE
    assert inputs["sex"] is SEX
    assert inputs["city"].tolist() == CITY.tolist()


@pytest.mark.parametrize(
    "X",
    [
        {**TABLE, "age": AGE.tolist(), "sex": pd.Series(SEX[:, 0]), "city": pd.Series(CITY, dtype="category")},
        {**TABLE, "city": CITY.astype(object)[:, np.newaxis], "sex": SEX == 1},
    ],
    ids=["columns of pandas", "one column wide"],
)
def test_columns_in_any_form(X: dict[str, Any]) -> None:
    np.testing.assert_array_equal(_make(X)["reconstruction"], _make()["reconstruction"])


def test_a_data_frame_with_texts_is_columns_by_name_and_one_of_numbers_an_array() -> None:
    frame = pd.DataFrame({"age": AGE, "city": CITY})
    assert list(_make(frame).inputs) == ["age", "city"]
    assert _make(frame[["age"]].assign(sex=SEX[:, 0])).inputs.shape == (N, 2)


def test_other_tables_in_another_order_and_with_other_categories() -> None:
    targets = _make(scale=False)
    other = targets.transform({name: TABLE[name][:2] for name in reversed(TABLE)} | {"city": ["Oslo", "Bonn"]})
    assert other["reconstruction"][:, 2:4].tolist() == [[1, 0], [0, 0]]
    assert list(other.inputs) == list(TABLE)
    assert targets.prepare({name: column[:2] for name, column in TABLE.items()})["age"].tolist() == [0, 1]


def test_saved_tables_come_back_whole(tmp_path: Path) -> None:
    targets = _make()
    targets.save(tmp_path / "saved")
    targets.save(tmp_path / "saved", overwrite=True)
    loaded = auxtasks.load_targets(tmp_path / "saved")
    for name, column in targets.inputs.items():
        np.testing.assert_array_equal(loaded.inputs[name], column)
    again = loaded.transform(TABLE)
    np.testing.assert_array_equal(again["reconstruction"], targets["reconstruction"])
    with pytest.raises(
        InvalidInputError, match=r"lacks the columns \['age', 'city', 'place'\]; the training inputs had \['age', 'sex'"
    ):
        loaded.transform({"sex": SEX})


def test_soft_labels_and_given_columns_of_tables() -> None:
    labels = np.where(np.arange(N) < 8, np.arange(N) % 2, -1)
    targets = _make(y=labels, label_columns={"kind": CITY})
    assert list(targets) == ["kind", "soft_labels"]
    # The label is one of the columns.
    assert (targets["soft_labels"][8:].argmax(axis=1) == SEX[8:, 0]).all()


def test_batches_hold_the_columns() -> None:
    x, labels = next(iter(_make().to_tf_dataset(np.arange(N), batch_size=5)))
    assert {name: tuple(column.shape) for name, column in x.items()} == {
        "age": (5,),
        "sex": (5, 1),
        "city": (5,),
        "place": (5, 2),
    }
    assert labels["reconstruction"].shape == (5, 6)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({}, InvalidTypeError, r"`X` must map names to columns"),
        ({1: AGE}, InvalidTypeError, r"`X` must map names to columns"),
        ({"age": AGE, "sex": SEX[:3]}, InvalidInputError, r"`X\['sex'\]` has 3 rows, and `X\['age'\]` has 12"),
        ({"age": [1.0, np.nan]}, InvalidInputError, "`X` holds NaN"),
        ({"age": [1, None]}, InvalidInputError, r"`X\['age'\]` has a missing value, first in row 1; fill such values"),
        ({"city": ["a", None]}, InvalidInputError, r"`X\['city'\]` has a missing value, first in row 1"),
        ({"image": np.zeros((4, 5, 5))}, InvalidInputError, r"`X\['image'\]` must have the shape.*attach_heads as"),
        ({"city": [["a", "b"], ["c", "d"]]}, InvalidInputError, r"`X\['city'\]` has texts of shape \(2, 2\)"),
        ({"day": np.array(["2020-01-01"], "M8[D]")}, InvalidTypeError, r"`X\['day'\]` must hold real numbers"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _make(X)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({**TABLE, "rate": AGE}, InvalidInputError, r"has the columns \['rate'\] too; the training inputs had"),
        ({**TABLE, "age": CITY}, InvalidTypeError, r"`X\['age'\]` holds texts, but held numbers in training"),
        ({**TABLE, "age": PLACE}, InvalidInputError, r"`X\['age'\]` has 2 numbers per row, but had 1 in training"),
        (PLACE, InvalidTypeError, r"of type ndarray, but the training inputs were the columns \['age', 'sex'"),
    ],
)
def test_other_columns_than_in_training_are_refused(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _make().transform(X)


def test_columns_by_name_where_an_array_was_fitted_are_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"of type dict, but the training inputs were one array"):
        _make(PLACE).transform(TABLE)


def test_a_column_of_too_many_texts_is_no_target() -> None:
    names = [f"name {i}" for i in range(101)]
    table = {"name": names, "age": np.arange(101.0)}
    with pytest.warns(AuxTasksWarning, match="the column 'name' has 101 different texts, more than 100"):
        targets = _make(table)
    assert targets.specs["reconstruction"].columns == ("age",)
    assert targets.inputs["name"].tolist() == names
    with (
        pytest.warns(AuxTasksWarning, match="101 different texts"),
        pytest.raises(InvalidInputError, match="no column has numbers, or at most 100 different categories"),
    ):
        _make({"name": names})


def test_what_cannot_take_tables_says_so() -> None:
    targets = _make()
    with pytest.raises(InvalidInputError, match="an audit does not take; pass one array of numbers"):
        audit(lambda: None, TABLE, np.arange(N) % 2, targets=targets)
    with pytest.raises(InvalidInputError, match="columns by name cannot be computed on tensors"):
        targets.generator.in_graph(PLACE)
    with pytest.raises(InvalidInputError, match=r"does not support columns by name.*targets\.to_tf_dataset\(y\)"):
        targets.generator.as_batch_map("age")
    with pytest.raises(InvalidTypeError, match=r"`X` is a mapping of 'age'.*domain 'signal' pass the one that"):
        auxtasks.make_aux_targets({"age": PLACE}, "signal")
