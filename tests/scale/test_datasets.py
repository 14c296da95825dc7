"""Targets batch by batch hold each sample once, in orders that a seed repeats, read from where they are."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from sklearn.naive_bayes import GaussianNB

import auxtasks
from auxtasks.batches.composition import Composition
from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.keras import attach_heads
from auxtasks.typing import Array

X = np.random.default_rng(0).normal(size=(37, 16, 2)).cumsum(axis=1).astype("float32")
Y = np.arange(37) % 3
TARGETS = auxtasks.make_aux_targets(X, "signal", ["std", {"fft": {"n_coefficients": 4}}])
SOME = np.where(np.arange(37) < 7, Y, -1)
# Both forms of the same batches.
FORMS = {"tf.data": TARGETS.to_tf_dataset, "PyDataset": TARGETS.to_py_dataset}
EVERY = pytest.mark.parametrize("form", FORMS)


def epoch(batches: Any) -> list[Any]:
    """Read one pass as arrays, and go on to the next."""
    if isinstance(batches, tf.data.Dataset):
        return list(batches.as_numpy_iterator())
    found = [batches[index] for index in range(len(batches))]
    batches.on_epoch_end()
    return found


def joined(batches: list[Any]) -> Any:
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *batches)


def assert_equal(found: Any, expected: Any) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@EVERY
@settings(max_examples=3)
@given(size=st.integers(1, 40), shuffle=st.booleans(), drop=st.booleans(), seed=st.integers(0, 2**40))
def test_each_sample_is_in_one_batch_with_all_that_belongs_to_it(
    form: str, size: int, shuffle: bool, drop: bool, seed: int
) -> None:
    size = min(size, 37) if drop else size
    how = {"shuffle": shuffle, "seed": seed, "drop_remainder": drop}
    batches = FORMS[form](np.arange(37), size, **how, sample_weight=Y)
    expected = TARGETS.with_main(np.arange(37))
    first = epoch(batches)
    assert [len(x) for x, *_ in first] == [size] * (37 // size) + ([37 % size] if 37 % size and not drop else [])
    assert len(batches) == len(first)
    x, y, weights = joined(first)
    rows = y["main"]
    assert len(set(rows)) == len(rows)
    assert_equal((x, y, weights), (X[rows], {name: array[rows] for name, array in expected.items()}, Y[rows]))
    assert shuffle or (rows == np.arange(len(rows))).all()
    again = FORMS[form](np.arange(37), size, **how, sample_weight=Y)
    for number in range(2):
        assert_equal(epoch(again), first if number == 0 else epoch(batches))


@EVERY
def test_epochs_differ_and_unseeded_orders_too(form: str) -> None:
    orders = []
    for seed in (1, None, None):
        batches = FORMS[form](np.arange(37), 8, True, seed)
        orders += [tuple(joined(epoch(batches))[1]["main"]) for _ in range(2)]
    assert len(set(orders)) == 6
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(37))}


def test_shapes_and_dtypes_are_static() -> None:
    found = TARGETS.to_tf_dataset(Y.astype("int32"), 8, drop_remainder=True).element_spec
    assert found[0] == tf.TensorSpec((8, 16, 2), tf.float32)
    assert found[1]["main"] == tf.TensorSpec((8,), tf.int32)
    assert found[1]["fft"] == tf.TensorSpec((8, *TARGETS.specs["fft"].shape), tf.float32)
    assert TARGETS.to_tf_dataset(batch_size=None).element_spec[0] == tf.TensorSpec((16, 2), tf.float32)
    assert TARGETS.to_tf_dataset().element_spec[1].keys() == {"std", "fft"}


def test_single_samples_are_those_of_batches() -> None:
    samples = TARGETS.to_tf_dataset(np.arange(37), None, shuffle=True, seed=3)
    assert len(samples) == 37
    batches = TARGETS.to_tf_dataset(np.arange(37), 37, shuffle=True, seed=3)
    assert_equal(epoch(samples.batch(37)), epoch(batches))


@EVERY
@pytest.mark.parametrize(("share", "n_labelled"), [(0.25, 2), ("auto", 4)])
def test_each_batch_holds_a_share_of_labels_and_a_pass_all_others_once(
    form: str, share: float | str, n_labelled: int
) -> None:
    batches = FORMS[form](SOME[:7], 8, seed=3, labelled_share=share)
    plan = Composition(SOME >= 0, 8, n_labelled / 8, seed=3)
    assert len(batches) == plan.n_batches
    for number in range(2):
        found, rows = epoch(batches), plan.epoch(number)
        assert_equal(joined(found), (X[rows.ravel()], {k: v[rows.ravel()] for k, v in TARGETS.with_main(SOME).items()}))
        assert all((y["main"] >= 0).sum() == n_labelled for _, y in found)


def test_with_soft_labels_a_batch_holds_fewer_labels() -> None:
    how = {"soft_labels": {"teacher": GaussianNB(), "features": lambda samples: samples.mean(axis=1)}}
    taught = auxtasks.make_aux_targets(X, "signal", how, y=SOME)
    assert (taught.to_py_dataset(batch_size=10, labelled_share="auto")[0][1]["main"] >= 0).sum() == 2


def test_a_label_of_one_output_makes_a_sample_a_labelled_one() -> None:
    y = {"a": np.where(np.arange(37) < 3, 2, -1), "b": np.where(np.arange(37) == 5, 2.0, np.nan)}
    _, found = TARGETS.to_py_dataset(y, 8, labelled_share=0.5)[0]
    assert ((found["a"] >= 0) | ~np.isnan(found["b"])).sum() == 4


@EVERY
@pytest.mark.parametrize("share", ["auto", 0.5])
@pytest.mark.parametrize("y", [Y, np.where(np.arange(37) < 30, Y, -1), np.full(37, -1), None])
def test_where_there_is_nothing_to_compose_batches_are_shuffled_ones(form: str, share: float | str, y: Any) -> None:
    found = epoch(FORMS[form](y, 8, seed=3, labelled_share=share))
    assert_equal(found, epoch(FORMS[form](y, 8, True, seed=3)))
    assert not np.array_equal(joined(found)[0], X)


def test_texts_and_several_inputs_and_outputs_go_through() -> None:
    texts = ["a dog", "größer", "it saw a dog"]
    targets = auxtasks.make_aux_targets(texts, "text", "next_word", model_inputs="texts")
    both = {"a": targets.inputs, "b": np.arange(3)}
    ((x, y),) = targets.to_tf_dataset({"one": Y[:3], "two": Y[:2]}, inputs=both).as_numpy_iterator()
    assert [text.decode() for text in x["a"]] == texts
    assert_equal((x["b"], y["two"], y["next_word"]), (np.arange(3), np.array([0, 1, -1]), targets["next_word"]))


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("targets") / "saved"
    TARGETS.save(folder)
    return folder


@EVERY
def test_memory_maps_are_read_batch_by_batch(form: str, on_disk: Path) -> None:
    targets = auxtasks.load_targets(on_disk)
    batches = {"tf.data": targets.to_tf_dataset, "PyDataset": targets.to_py_dataset}[form](Y, 8)
    assert_equal(joined(epoch(batches)), (X, TARGETS.with_main(Y)))
    writable = np.load(targets.inputs.filename, mmap_mode="r+")
    writable[20:] = 7  # what was read beforehand, into a graph, say, would not see this
    try:
        x, _ = joined(epoch(batches))
        assert_equal(x[:20], X[:20])
        assert (x[20:] == 7).all()
    finally:
        writable[20:] = X[20:]
        writable.flush()


def test_memory_maps_are_sent_to_processes_by_name(on_disk: Path) -> None:
    targets = auxtasks.load_targets(on_disk)
    batches = targets.to_py_dataset(Y, 8, True, 3)
    small, whole = (len(pickle.dumps(each)) for each in (batches, TARGETS.to_py_dataset(Y, 8, True, 3)))
    assert small < whole / 3
    copy = pickle.loads(pickle.dumps(batches))  # noqa: S301
    assert isinstance(copy._data[0], np.memmap)
    assert_equal(epoch(copy), epoch(batches))
    part = targets.to_py_dataset(Y[:5], 8, inputs=np.concatenate([X, X])[37:])
    assert_equal(epoch(pickle.loads(pickle.dumps(part))), epoch(part))  # noqa: S301


def fitted(
    data: Any, y: Any = None, *, shuffle: bool = False, **how: Any
) -> tuple[dict[str, list[float]], list[Array]]:
    keras.utils.set_random_seed(5)
    base = keras.Sequential([layers.Conv1D(6, 3), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")])
    model = attach_heads(base, TARGETS, seed=0, weights=1.0)
    model.compile(keras.optimizers.SGD(0.02), "sparse_categorical_crossentropy")
    return model.fit(data, y, verbose=0, shuffle=shuffle, **how).history, model.get_weights()


@cache
def of_arrays() -> tuple[dict[str, list[float]], list[Array]]:
    y = TARGETS.with_main(Y)
    return fitted(X, y, batch_size=20, validation_data=(X, y))


PROCESSES = {"workers": 2, "use_multiprocessing": True}  # threads share what processes are sent


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")  # as Keras does
@pytest.mark.parametrize(("form", "how"), [("tf.data", {}), ("PyDataset", PROCESSES)])
def test_training_is_that_of_the_arrays(form: str, how: dict[str, Any]) -> None:
    found, others = fitted(FORMS[form](Y, 20, **how), validation_data=FORMS[form](Y, 20))
    expected, weights = of_arrays()
    assert found == expected
    assert_equal(others, weights)


def test_fit_composes_arrays_and_trains_composed_data_sets_as_they_come() -> None:
    expected, weights = fitted(X, TARGETS.with_main(SOME), batch_size=8, seed=5, shuffle=True)
    # Not a PyDataset, of which Keras ends an epoch before the first one.
    found, others = fitted(TARGETS.to_tf_dataset(SOME, 8, seed=5, labelled_share="auto"))
    assert found == {name: pytest.approx(values, rel=1e-5) for name, values in expected.items()}
    for one, other in zip(others, weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_automatic_weight_of_a_py_dataset_is_that_of_its_labels() -> None:
    base = keras.Sequential([layers.Conv1D(6, 3), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")])
    model = attach_heads(base, TARGETS)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(TARGETS.to_py_dataset(SOME, 64), verbose=0)
    assert model.loss_weights["fft"] == pytest.approx(30 / 7 / 10)


REFUSED: dict[str, dict[str, Any]] = {
    "`batch_size` must be at least 1; got 0": {"batch_size": 0},
    "`batch_size` is 40, so drop_remainder=True leaves no batch": {"batch_size": 40, "drop_remainder": True},
    "`shuffle` must be True or False": {"shuffle": 3},
    "`seed` must be an integer": {"seed": 0.5},
    "`seed` must be at least 0": {"seed": -1},
    "`labelled_share` must be a number, 'auto' or None; got 'half'": {"labelled_share": "half", "y": SOME},
    "`y` holds only -1 and 1": {"labelled_share": 0.5, "y": np.where(Y > 0, 1, -1)},
    "`labelled_share` must be from 0.0 to 1.0": {"labelled_share": 2.0, "y": SOME},
    r"`sample_weight` must have one row for each of the 37 samples; found shape \(3,\)": {"sample_weight": [1, 2, 3]},
    r"`inputs` must have one row for each of the 37 samples; found shape \(5, 16, 2\)": {"inputs": X[:5]},
    "from 1 to 37 entries": {"y": np.zeros(38, int)},
}  # fmt: skip


@EVERY
@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_used_is_refused(form: str, message: str) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError), match=message):
        FORMS[form](**REFUSED[message])


def test_inputs_that_were_not_saved_are_asked_for(tmp_path: Path) -> None:
    TARGETS.save(tmp_path / "no inputs", include_inputs=False)
    targets = auxtasks.load_targets(tmp_path / "no inputs")
    with pytest.raises(InvalidInputError, match="`inputs` were not saved"):
        targets.to_tf_dataset(Y)
    assert_equal(joined(epoch(targets.to_tf_dataset(Y, inputs=X))), (X, TARGETS.with_main(Y)))
