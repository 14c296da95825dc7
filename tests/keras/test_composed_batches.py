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
from auxtasks.keras import LabelledBatches, labelled_dataset

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


def _rows(batches: Any) -> np.ndarray:
    return np.concatenate([np.asarray(x) for x, _ in batches])


def _partly(n: int = N, n_labelled: int = 7) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(float(n)), some_missing(labels(n), n_labelled)


def test_epochs_differ_and_seeds_repeat() -> None:
    x, y = _partly()
    batches = LabelledBatches(x, y, batch_size=8, seed=3)
    first = _rows(batches[index] for index in range(len(batches)))
    batches.on_epoch_end()
    second = _rows(batches[index] for index in range(len(batches)))
    assert not np.array_equal(first, second)
    data = labelled_dataset(x, y, batch_size=8, seed=3)
    assert len(data) == len(batches) == batches.num_batches
    np.testing.assert_array_equal(_rows(data), first)
    np.testing.assert_array_equal(_rows(data), second)
    assert not np.array_equal(_rows(labelled_dataset(x, y, batch_size=8, seed=4)), first)


def test_structures_are_indexed_together() -> None:
    x, y = _partly()
    inputs, targets = LabelledBatches({"a": x, "b": 2 * x}, {"main": y, "fft": 3 * x}, batch_size=8)[1]
    np.testing.assert_array_equal(inputs["b"], 2 * inputs["a"])
    np.testing.assert_array_equal(targets["fft"], 3 * inputs["a"])
    assert (targets["main"] >= 0).sum() == 4


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
    y = _partly()[1]
    seen = _watched_fit(dense_model(run_eagerly=True), y, batch_size=8, epochs=2)
    assert all((rows < 7).sum() == 4 for rows in seen)
    first, second = np.split(np.concatenate(seen), 2)
    for epoch in (first, second):
        assert set(range(7, N)) <= set(epoch)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(
        np.concatenate(_watched_fit(dense_model(run_eagerly=True), y, batch_size=8, epochs=2)), [*first, *second]
    )


def test_fit_epoch_by_epoch_does_not_repeat_the_first_epoch() -> None:
    model, y = dense_model(run_eagerly=True), _partly()[1]
    first, second = (np.concatenate(_watched_fit(model, y, batch_size=8)) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("arguments", [{"labelled_share": None, "shuffle": False}, {"shuffle": False}])
def test_batches_come_as_they_are_where_asked(arguments: dict[str, Any]) -> None:
    seen = _watched_fit(dense_model(run_eagerly=True), _partly()[1], batch_size=8, **arguments)
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(N))


def test_fit_takes_composed_data_sets() -> None:
    x = np.random.default_rng(0).normal(size=(N, 10)).astype("float32")
    y = {"main": _partly()[1], **aux_targets(N)}
    expected = dense_model().fit(x, y, batch_size=8, epochs=2, seed=5, verbose=0).history
    logs = dense_model().fit(labelled_dataset(x, y, 8, seed=5), epochs=2, verbose=0).history
    assert logs.keys() == expected.keys()
    for name in logs:
        assert logs[name] == pytest.approx(expected[name], rel=1e-4), name
    # Keras may end an epoch before the first one, so that the order of a PyDataset is another epoch's.
    model = dense_model()
    assert model.fit(LabelledBatches(x, y, 8, seed=5), verbose=0).history.keys() == expected.keys()
    assert model.optimizer.iterations == len(LabelledBatches(x, y, 8))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": np.zeros(N, int)}, InvalidInputError, "60 of 60 samples have a main label"),
        ({"y": np.full(N, -1)}, InvalidInputError, "0 of 60 samples have a main label"),
        ({"batch_size": 1}, InvalidInputError, "`batch_size` must be at least 2; got 1"),
        ({"batch_size": 2.5}, InvalidTypeError, "`batch_size` must be an integer; got 2.5"),
        ({"labelled_share": 1.5}, InvalidInputError, "`labelled_share` must be from 0.0 to 1.0; got 1.5"),
    ],
)
@pytest.mark.parametrize("make", [LabelledBatches, labelled_dataset])
def test_what_cannot_be_composed_is_refused(make: Any, arguments: Any, error: type[Exception], message: str) -> None:
    x, y = _partly()
    with pytest.raises(error, match=message):
        make(**{"x": x, "y": y, **arguments})


def test_the_share_in_fit_is_checked() -> None:
    with pytest.raises(InvalidInputError, match=r"`labelled_share` must be from 0.0 to 1.0; got 2"):
        dense_model().fit(X, {"main": some_missing(labels()), **aux_targets()}, labelled_share=2)
