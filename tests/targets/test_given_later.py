"""Labels of other samples are encoded as those that the column was fitted on."""

import numpy as np
import pandas as pd
import pytest

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.label_columns import encode, fit_given

NAN = float("nan")


@pytest.mark.parametrize(
    ("training", "later", "expected"),
    [
        (["a", "c"], ["c", "b", None], [1, -1, -1]),
        (["a", "c"], [None, NAN], [-1, -1]),
        ([1, 2], [2, 3, -5], [1, -1, -1]),
        ([1, 2], pd.Series([2, None, 1]), [1, -1, 0]),
        ([[0, 1]], [[None, 1]], [[-1, 1]]),
        ([0.5], [1, 2], [[1], [2]]),
        ([[0.5, 1]], [[2, None]], [[2, NAN]]),
        ([2, 1], [[None]], [-1]),
    ],
)
def test_later_labels_are_encoded_by_the_training_ones(training, later, expected):
    column = fit_given("label", training, len(training))
    np.testing.assert_array_equal(encode(column, later), expected)


@pytest.mark.parametrize(
    ("training", "later", "error", "message"),
    [
        (["a"], [1], InvalidTypeError, "`label` was fitted on labels of type string; found integer"),
        ([1], ["a"], InvalidTypeError, "`label` was fitted on labels of type integer; found string"),
        ([1], [1.5], InvalidTypeError, "`label` was fitted on labels of type integer; found float"),
        ([1.5], ["a"], InvalidTypeError, "`label` was fitted on labels of type float; found string"),
        ([[1.5, 2]], [[1.5]], InvalidInputError, r"fitted on labels of shape \('n', 2\); found \(1, 1\)"),
        ([[0, 1]], [[0, 2]], InvalidInputError, r"fitted on labels of 0, 1 and -1 \(missing\); found 2"),
    ],
)
def test_later_labels_unlike_the_training_ones_are_refused(training, later, error, message):
    column = fit_given("label", training, 1)
    with pytest.raises(error, match=message):
        encode(column, later)
