"""Soft labels as targets: beside the main labels, in files and pipelines, and for new samples."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from auxtasks import AuxTargetGenerator, AuxTargets, load_targets, make_aux_targets
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, UnknownNameError

X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
FULL = (X[:, 0] > 0).astype(int)
Y = np.where(np.arange(40) < 12, FULL, -1)


def first_columns(inputs: Any) -> Any:
    return inputs[:, :3]


TASKS: Any = {"soft_labels": {"teacher": LogisticRegression(), "features": first_columns}}


@pytest.fixture
def targets() -> AuxTargets:
    return make_aux_targets(X, "any", TASKS, y=Y)


def test_labels_are_those_that_the_teacher_learned(targets: AuxTargets) -> None:
    found = targets.with_main()
    np.testing.assert_array_equal(found["main"], Y)
    np.testing.assert_array_equal(np.isnan(found["soft_labels"]).all(axis=1), Y >= 0)
    np.testing.assert_array_equal(targets.with_main(Y)["soft_labels"], found["soft_labels"])
    np.testing.assert_array_equal(targets.with_main(name="y")["y"], Y)
    with pytest.raises(InvalidInputError, match=r"differs from the labels .* Call with_main\(\) to use those labels"):
        targets.with_main(FULL)
    with pytest.raises(InvalidInputError, match="'soft_labels' is already the name of a target"):
        targets.with_main(name="soft_labels")


def test_strings_are_numbered() -> None:
    names = np.array(["cat", "dog"])[FULL[:12]]
    targets = make_aux_targets(X, "any", TASKS, y=names)
    np.testing.assert_array_equal(targets.with_main()["main"], Y)
    np.testing.assert_array_equal(targets.with_main(names)["main"], Y)
    assert targets.specs["soft_labels"].classes == ("cat", "dog")


def test_new_samples_with_labels_of_their_own(targets: AuxTargets) -> None:
    new = targets.transform(X)
    assert np.isfinite(new["soft_labels"]).all()
    np.testing.assert_array_equal(np.isnan(new.with_main(Y)["soft_labels"]).all(axis=1), Y >= 0)
    with pytest.raises(InvalidTypeError, match="`y` must hold the main labels; got None"):
        new.with_main()


def test_labels_of_other_targets_are_free() -> None:
    targets = make_aux_targets(X, "any", "reconstruction", y=FULL)
    assert "soft_labels" not in targets
    np.testing.assert_array_equal(targets.with_main()["main"], FULL)
    np.testing.assert_array_equal(targets.with_main(Y)["main"], Y)


def test_other_tasks_do_not_look_at_labels() -> None:
    per_step = np.arange(60).reshape(12, 5)
    targets = make_aux_targets(X[:12], "any", "reconstruction", y=per_step)
    np.testing.assert_array_equal(targets.with_main()["main"], per_step)


def test_a_label_of_every_sample() -> None:
    with pytest.warns(AuxTasksWarning, match="'soft_labels' is left out: every sample has a label, "):
        assert list(make_aux_targets(X, "any", ["reconstruction", TASKS], y=FULL)) == ["reconstruction"]
    with pytest.raises(InvalidInputError, match="`y` holds a label of every sample"):
        make_aux_targets(X, "any", TASKS, y=FULL)


def test_several_outputs() -> None:
    y = {"a": Y, "b": FULL, "c": np.array(["x", "y"])[FULL[:12]]}
    targets = make_aux_targets(X, "any", TASKS, y=y)
    assert list(targets) == ["soft_labels_a", "soft_labels_c"]
    assert list(targets.with_main()) == ["a", "b", "c", "soft_labels_a", "soft_labels_c"]
    np.testing.assert_array_equal(targets["soft_labels_a"], targets["soft_labels_c"])


@pytest.mark.parametrize(
    ("tasks", "y", "error", "message"),
    [
        ("soft_labels", None, InvalidInputError, "none were given; pass them as `y`"),
        ({"soft_labels": {"estimator": 1}}, Y, UnknownNameError, "no option of task 'soft_labels' named 'estimator'"),
        ({"soft_labels": None}, Y, InvalidTypeError, "the options of 'soft_labels' must be a mapping"),
    ],
)
def test_what_cannot_be_asked(tasks: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_aux_targets(X, "any", tasks, y=y)


def test_saved_and_loaded(targets: AuxTargets, tmp_path: Path) -> None:
    targets.save(tmp_path / "a")
    loaded = load_targets(tmp_path / "a")
    assert loaded.specs == targets.specs
    for name, array in targets.with_main().items():
        np.testing.assert_array_equal(loaded.with_main()[name], array)
    assert np.isnan(loaded.transform(X)["soft_labels"]).all()
    told = json.loads((tmp_path / "a" / "auxtasks.json").read_text())["generator"]["params"]["tasks"]["soft_labels"]
    assert told["teacher"][0] == "LogisticRegression"
    assert "first_columns" in str(told["features"])


@pytest.mark.parametrize("tasks", [TASKS, {"soft_labels": {"teacher": LogisticRegression()}}])
@pytest.mark.parametrize("domain", ["any", "signal"])
def test_pickled(tasks: Any, domain: str) -> None:
    targets = make_aux_targets(X, domain, tasks, y=Y)
    again = pickle.loads(pickle.dumps(targets))  # noqa: S301
    assert again.specs == targets.specs
    np.testing.assert_array_equal(again.with_main()["main"], Y)
    np.testing.assert_array_equal(again.transform(X)["soft_labels"], targets.transform(X)["soft_labels"])
    assert pickle.loads(pickle.dumps(targets.generator)).specs_ == targets.specs  # noqa: S301


def test_parameters_and_tables(targets: AuxTargets) -> None:
    generator = clone(AuxTargetGenerator("any", TASKS))
    assert generator.tasks["soft_labels"]["features"] is first_columns
    assert "LogisticRegression()" in repr(generator)
    np.testing.assert_array_equal(generator.fit_transform(X, Y)["soft_labels"], targets["soft_labels"])
    np.testing.assert_array_equal(generator.fit(X, Y).transform(X)["soft_labels"], targets.transform(X)["soft_labels"])
    assert "LogisticRegression on first_columns gets" in repr(targets)


def test_in_batches(targets: AuxTargets) -> None:
    x, labels = next(iter(targets.to_tf_dataset(batch_size=8)))
    np.testing.assert_array_equal(labels["main"], Y[:8])
    np.testing.assert_array_equal(labels["soft_labels"], targets["soft_labels"][:8])
    assert sorted(targets.to_py_dataset(batch_size=8)[0][1]) == ["main", "soft_labels"]
    assert x.shape == (8, 5)


@pytest.mark.parametrize("in_graph", [True, False])
def test_a_teacher_says_nothing_inside_a_pipeline(targets: AuxTargets, in_graph: bool) -> None:
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).map(targets.generator.as_map(in_graph=in_graph))
    labels = next(iter(batches))[1]
    assert labels["soft_labels"].shape == (8, 2)
    assert batches.element_spec[1]["soft_labels"].shape[1] == 2
    if in_graph:
        assert np.isnan(labels["soft_labels"]).all()
