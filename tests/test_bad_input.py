"""Malformed input is refused at the door, with words that help."""

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import (
    AuxTasksError,
    AuxTasksWarning,
    InvalidInputError,
    InvalidTypeError,
    UnknownNameError,
    unknown_name,
)

NAN = np.ones((3, 4, 2))
NAN[1, 2, 0] = np.nan
OBJECTS = np.array([[1, 2], [3, "x"]], dtype=object)

REFUSED: dict[str, tuple[Any, str, type[Exception], str]] = {
    "domain": (np.ones((2, 3)), "signals", UnknownNameError, r"`domain`: .*named 'signals'. Did you mean 'signal'"),
    "domain type": (np.ones((2, 3)), 3, UnknownNameError, "`domain`: there is no domain named 3"),
    "too few axes": (np.ones(5), "signal", InvalidInputError, r"`X` must have the shape \(n, time\).*got shape \(5,\)"),
    "too many axes": (np.ones((2, 3, 4, 5)), "signal", InvalidInputError, r"got shape \(2, 3, 4, 5\)"),
    "image axes": (np.ones((2, 3)), "image", InvalidInputError, r"\(n, height, width\).*got shape \(2, 3\)"),
    "video axes": (
        np.ones((2, 3, 4)),
        "video",
        InvalidInputError,
        r"\(n, time, height, width\).*got shape \(2, 3, 4\)",
    ),
    "numbers only": ([1.0, 2.0], "signal", InvalidInputError, r"got shape \(2,\): `X\[0\]` is a single number"),
    "no samples": (np.ones((0, 4)), "signal", InvalidInputError, r"holds no samples; its shape is \(0, 4\)"),
    "empty list": ([], "image", InvalidInputError, "holds no samples"),
    "empty axis": (np.ones((4, 0)), "any", InvalidInputError, r"an axis of length 0: its shape is \(4, 0\)"),
    "empty series": ([[1.0], []], "signal", InvalidInputError, r"`X\[1\]` is empty"),
    "strings": (np.array([["a", "b"]]), "signal", InvalidTypeError, "real numbers; found strings"),
    "string": ("abc", "signal", InvalidTypeError, "found strings"),
    "bytes": (np.array([[b"a"]]), "signal", InvalidTypeError, "found byte strings"),
    "complex": (np.ones((2, 3), complex), "signal", InvalidTypeError, "found complex numbers"),
    "dates": (np.zeros((2, 3), "M8[s]"), "signal", InvalidTypeError, "found dates"),
    "records": (np.zeros((2, 3), [("a", int)]), "signal", InvalidTypeError, "found records"),
    "types of ml_dtypes": (
        np.ones((2, 3)).astype(ml_dtypes.bfloat16),
        "signal",
        InvalidTypeError,
        r"`X` holds bfloat16, .* pass X\.astype\(\"float32\"\)",
    ),
    "objects": (OBJECTS, "signal", InvalidTypeError, r"`X\[1, 1\]` is 'x' of type str"),
    "none in a list": (
        [[1.0, None], [2.0, 3.0]],
        "signal",
        InvalidInputError,
        r"`X\[0\]` has a missing value, first at `X\[0\]\[1\]`",
    ),
    "word in a series": (pd.Series([[1.0], "b"]), "signal", InvalidTypeError, r"`X\[1\]` must hold real numbers"),
    "none": (None, "signal", InvalidTypeError, "got a NoneType"),
    "dict": ({"a": [1]}, "signal", InvalidTypeError, "is a mapping of"),
    "masked": (np.ma.masked_less(np.ones((2, 3)), 2), "signal", InvalidTypeError, "masked array"),
    "huge integer": ([[10**400, 1]], "signal", InvalidInputError, "too large for float64"),
    "uneven lists": ([[[1.0], [2.0, 3.0]]], "signal", InvalidTypeError, r"`X\[0\]` cannot be read as an array"),
    "NaN": (NAN, "signal", InvalidInputError, r"NaN, first at `X\[1\]\[2, 0\]`.*Impute.*list of the unpadded series"),
    "NaN, no channels": (NAN[:, :, 0], "signal", InvalidInputError, r"first at `X\[1\]\[2\]`"),
    "NaN in a series": ([[1.0], [2.0, np.nan]], "signal", InvalidInputError, r"first at `X\[1\]\[1\]`"),
    "infinity": (np.where(np.isnan(NAN), -np.inf, 1), "signal", InvalidInputError, r"infinite value, first at `X\[1\]"),
    "channels": (
        [np.ones((3, 2)), np.ones((4, 3))],
        "signal",
        InvalidInputError,
        r"`X\[1\]` has shape \(4, 3\) and `X\[0\]` has shape \(3, 2\); only the lengths of signals may differ",
    ),
    "image sizes": (
        [np.ones((3, 2)), np.ones((4, 2))],
        "image",
        InvalidInputError,
        r"`X\[1\]` has shape \(4, 2\) .* all samples need the same shape",
    ),
    "ragged and deep": (
        [np.ones((3, 2, 1)), np.ones((4, 2, 1))],
        "signal",
        InvalidInputError,
        r"`X\[0\]` must be a series",
    ),
    "beyond float32": ([[1e300], [1.0, 2.0]], "signal", InvalidInputError, "beyond the range of float32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_words_that_help(case: str) -> None:
    X, domain, error, message = REFUSED[case]
    tasks = "std" if domain == "signal" else "reconstruction"
    with pytest.raises(error, match=message):
        make_aux_targets(X, domain, tasks)


def test_infinity_is_not_mistaken_for_a_large_sum() -> None:
    large = np.full((2, 8), 3e38, np.float32)
    large[0, ::2] *= -1
    assert make_aux_targets(large, "any", "reconstruction").inputs is large


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("dtype", "float16", "`dtype` must be 'float32' or 'float64'; got 'float16'"),
        ("dtype", "flt", "`dtype` must be 'float32' or 'float64'; got 'flt'"),
        ("dtype", None, "`dtype` must be 'float32' or 'float64'; got None"),
        ("padding", "left", "`padding`: there is no choice named 'left'"),
        ("padding_value", np.nan, "`padding_value` must be from"),
        ("seed", -1, "`seed` must be at least 0; got -1"),
        ("seed", None, "`seed` must be an integer; got None"),
        ("n_jobs", 0, "`n_jobs` must be positive, or -1"),
        ("n_jobs", 1.5, "`n_jobs` must be an integer"),
        ("scale", "yes", "`scale` must be True or False; got 'yes'"),
        ("progress", 1, "`progress` must be True or False; got 1"),
        ("label_columns", [1, 2], r"`label_columns` must map names to columns.*got list \[1, 2\]"),
        ("label_columns", {1: [1, 2]}, "`label_columns` must map names to columns"),
    ],
)
def test_parameters_are_checked(parameter: str, value: Any, message: str) -> None:
    with pytest.raises(AuxTasksError, match=message):
        make_aux_targets(np.ones((2, 4)), "signal", "std", **{parameter: value})


BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def fuzzer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module that makes malformed calls, in an empty folder."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.chdir(tmp_path)
    return import_module("fuzz")


def test_malformed_calls_are_computed_or_refused_with_words_that_help(fuzzer: Any) -> None:
    valid = import_module("fuzz_calls")
    calls = {**valid.of_targets(), **valid.of_predictions(), **valid.of_heads()}
    calls.pop("make_aux_targets y")  # fits teachers, for a second
    assert {fuzzer.try_out(call, call.arguments(), []).kind for call in calls.values()} == {"computed"}
    counts, failures = fuzzer.fuzz(calls, 0, range(400))
    assert failures == []
    assert sum(counts.values()) == 400


def warns(value: float) -> float:
    warnings.warn("careful", UserWarning, stacklevel=2)
    return value


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda where: where, "computed"),
        (lambda where: make_aux_targets(where, "signal"), "refused"),
        (lambda where: float("inf"), "not finite"),
        (lambda where: {"a": [np.array([1.0, -np.inf])]}, "not finite"),
        (warns, "foreign warning"),
        (lambda where: unknown_name("where", where, 5, "name"), "foreign exception"),  # type: ignore[arg-type]
    ],
)
def test_the_fuzzer_tells_failures(fuzzer: Any, function: Any, kind: str) -> None:
    call = import_module("fuzz_calls").Call(function, dict)
    assert fuzzer.try_out(call, {"value" if function is warns else "where": 1.0}, ["where"]).kind == kind


def test_last_steps_too_large_for_the_dtype_are_missing_and_said_to_be() -> None:
    X = np.random.default_rng(0).normal(size=(3, 9))
    X[1, -1] = 1e100
    for signals in (X, [*X, np.ones(12)]):
        with pytest.warns(AuxTasksWarning, match="1 values of the targets next_steps are too large for float32"):
            make_aux_targets(signals, "signal", {"next_steps": {"horizon": 1}}, scale=False)


def test_values_too_large_for_the_dtype_are_missing_and_said_to_be() -> None:
    X = np.array([[1.0, 2.0], [3.0, 1e300]])
    with pytest.warns(AuxTasksWarning, match="1 values of the targets reconstruction are too large for float32"):
        targets = make_aux_targets(X, "any", "reconstruction", scale=False)
    np.testing.assert_array_equal(targets["reconstruction"], [[1, 2], [3, np.nan]])
    kept = make_aux_targets(np.array([[1.0, 2.0], [3.0, 1e100]]), "any", "reconstruction", scale=False, dtype="float64")
    assert kept["reconstruction"][1, 1] == 1e100
