"""Batches that hold enough labelled samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import X, aux_targets, dense_model, labels, some_missing
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.batches.composition import compose
from auxtasks.errors import InvalidInputError, InvalidTypeError

N = 60


@given(
    n_labelled=st.integers(1, 40),
    n_unlabelled=st.integers(1, 60),
    batch_size=st.integers(2, 33),
    share=st.floats(0.05, 0.95),
    epoch=st.integers(0, 5),
)
def test_every_batch_has_its_share_and_every_sample_its_turn(
    n_labelled: int, n_unlabelled: int, batch_size: int, share: float, epoch: int
) -> None:
    labelled = np.random.default_rng(0).permutation(np.arange(n_labelled + n_unlabelled) < n_labelled)
    plan = compose(labelled, batch_size, share, seed=0)
    if plan is None:
        assert labelled.mean() >= share
        return
    rows = plan.epoch(epoch)
    assert rows.shape == (plan.n_batches, batch_size)
    per_batch = labelled[rows].sum(axis=1)
    assert set(per_batch) == {min(max(1, round(share * batch_size)), batch_size - 1)}
    times = np.bincount(rows.ravel(), minlength=len(labelled))
    assert times[~labelled].min() == 1
    assert times[~labelled].sum() - n_unlabelled < batch_size  # but for what fills the last batch
    assert np.ptp(times[labelled]) <= 1


PARTLY = some_missing(labels(N), 7)


def _watched_fit(model: Any, y: np.ndarray, **arguments: Any) -> list[np.ndarray]:
    """Train, and return the numbers of the samples of each batch."""
    seen: list[np.ndarray] = []
    plain = model.base.call

    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(np.asarray(inputs)[:, 0].astype(int))
        return plain(inputs, *args, **kwargs)

    x = np.zeros((len(y), 10), "float32")
    x[:, 0] = np.arange(len(y))
    model.base.__dict__["call"] = call
    try:
        model.fit(x, {"main": y, **aux_targets(len(y))}, verbose=0, **arguments)
    finally:
        del model.base.__dict__["call"]
    return seen


def test_fit_composes_batches_of_arrays_by_itself() -> None:
    seen = _watched_fit(dense_model(run_eagerly=True), PARTLY, batch_size=20, epochs=2)
    assert all((rows < 7).sum() == 10 for rows in seen)
    first, second = np.split(np.concatenate(seen), 2)
    for epoch in (first, second):
        assert set(range(7, N)) <= set(epoch)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(
        np.concatenate(_watched_fit(dense_model(run_eagerly=True), PARTLY, batch_size=20, epochs=2)), [*first, *second]
    )


def test_fit_epoch_by_epoch_does_not_repeat_the_first_epoch() -> None:
    model = dense_model(run_eagerly=True)
    first, second = (np.concatenate(_watched_fit(model, PARTLY, batch_size=20)) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("arguments", [{"labelled_share": None, "shuffle": False}, {"shuffle": False}])
def test_batches_come_as_they_are_where_asked(arguments: dict[str, Any]) -> None:
    seen = _watched_fit(dense_model(run_eagerly=True), PARTLY, batch_size=20, **arguments)
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(N))


@pytest.mark.parametrize(
    ("share", "error", "message"),
    [
        (2, InvalidInputError, r"must be from 0.0 to 1.0; got 2"),
        ("all", InvalidTypeError, "must be a number, 'auto' or None; got 'all'"),
    ],
)
def test_the_share_in_fit_is_checked(share: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"`labelled_share` {message}"):
        dense_model().fit(X, {"main": some_missing(labels()), **aux_targets()}, labelled_share=share)
