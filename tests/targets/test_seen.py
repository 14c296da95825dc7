"""What parts of the samples tell, merged in any order, is what all of them tell."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.errors import InvalidInputError
from auxtasks.registry import Extractor
from auxtasks.targets.computing import RawTarget
from auxtasks.targets.scaling import fit_target
from auxtasks.targets.statistics import TargetStatistics, see
from auxtasks.targets.tasks import Task
from auxtasks.typing import Array

RNG = np.random.default_rng(0)
N = 40


def numbers(*shape: int) -> Array:
    values = RNG.lognormal(3, 2, size=(N, *shape))
    values[RNG.random(values.shape) < 0.1] = np.nan
    return values


def vector() -> Array:
    """Columns: a, constant, b, a copy of a, never present, equal to a in the first half only."""
    a, b = numbers(2).T
    half = np.where(np.arange(N) < N // 2, a, b)
    return np.stack([a, np.full(N, 7.0), b, a, np.full(N, np.nan), half], axis=1)


def made(kind: Any, *names: str, log1p: bool = False) -> Task:
    return Task("a", Extractor("a", "any", np.asarray, kind, log1p=log1p), names=names)


TARGETS: dict[str, tuple[Task, Array]] = {
    "vector": (made("vector", log1p=True), vector()),
    "step_vector": (made("step_vector"), numbers(5, 3)),
    "image": (made("image"), numbers(3, 4, 2)),
    "class": (made("class", "x", "y", "z"), RNG.integers(-1, 3, N)),
    "step_class": (made("step_class", "x", "y"), RNG.integers(-1, 2, (N, 4))),
    "multilabel": (made("multilabel"), RNG.integers(-1, 2, (N, 3))),
    "distribution": (made("distribution"), RNG.dirichlet(np.ones(4), N)),
}


def seen_of(kind: Any, values: Array) -> TargetStatistics:
    task = TARGETS[kind][0]
    return see(task, RawTarget("a", kind, values.shape[1:], values), scale=True)


def fitted(kind: str, seen: TargetStatistics) -> tuple[Any, Any]:
    found = fit_target(TARGETS[kind][0], seen, scale=True, compute=np.dtype("float64"))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", TARGETS)
@given(cuts=st.lists(st.integers(1, N - 1), unique=True, max_size=6), seed=st.integers(0, 9))
def test_parts_in_any_order_and_grouping_fit_like_the_whole(kind: str, cuts: list[int], seed: int) -> None:
    values = TARGETS[kind][1]
    rng = np.random.default_rng(seed)
    parts = [seen_of(kind, part) for part in np.split(values, sorted(cuts))]
    while len(parts) > 1:
        parts.append(parts.pop(rng.integers(len(parts))).merged(parts.pop(rng.integers(len(parts)))))
    spec, scaling = fitted(kind, parts[0])
    expected, whole = fitted(kind, seen_of(kind, values))
    assert spec.baseline_loss == pytest.approx(expected.baseline_loss, rel=1e-12)
    assert {**spec.to_dict(), "baseline_loss": 0} == {**expected.to_dict(), "baseline_loss": 0}
    if whole is not None:
        assert (scaling.kept, scaling.origin) == (whole.kept, whole.origin)
        np.testing.assert_allclose(scaling.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(scaling.std, whole.std, rtol=1e-12)


def test_columns_equal_in_some_rows_only_are_no_copies() -> None:
    spec, scaling = fitted("vector", seen_of("vector", TARGETS["vector"][1]))
    assert spec.dropped == ("value 1 (constant)", "value 3 (copy of value 0)", "value 4 (without any value)")
    assert scaling.kept == (0, 2, 5)


def test_series_of_different_lengths_merge_to_the_longest() -> None:
    values = numbers(5, 3)
    shorter = seen_of("step_vector", values[:, :2])
    assert shorter.merged(seen_of("step_vector", values)).shape == (5, 3)
    assert seen_of("step_vector", values).merged(shorter).shape == (5, 3)


def test_parts_of_different_shape_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"shape \(6,\) in one part.*vector and \(2,\) in another"):
        seen_of("vector", vector()).merged(seen_of("vector", vector()[:, :2]))
