from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import keras
import numpy as np
import pytest
from small import FAST, TARGETS, X, Y, build_model, told

import auxtasks
from auxtasks.audit import audit
from auxtasks.audit.audit import experiment_of
from auxtasks.audit.experiment import Arm, _for_arm
from auxtasks.audit.splits import Split
from auxtasks.checksums import fingerprint
from auxtasks.errors import AuxTasksError, InvalidInputError, InvalidTypeError, StorageError, UnknownNameError
from auxtasks.keras.compiling import described_model


@pytest.fixture(scope="module")
def report() -> Any:
    return audit(build_model, X, Y, TARGETS, **FAST)


def test_every_arm_is_trained_for_every_seed(report: Any) -> None:
    labels = [run.arm.label for run in report.runs if run.seed == 0]
    assert labels == [
        "baseline",
        "std",
        "std, shuffled",
        "abs_sum_changes",
        "abs_sum_changes, shuffled",
        "std + abs_sum_changes",
        "std + abs_sum_changes, shuffled",
    ]
    assert len(report.runs) == 14
    assert [finding.arm.tasks for finding in report.findings] == [("std",), ("abs_sum_changes",), tuple(TARGETS)]
    assert all(0 <= finding.aux_loss < 10 for finding in report.findings)
    assert report.relevance["std"] > 0.5  # the classes are those of the standard deviation
    assert {"accuracy", "f1", "log_loss"} == set(report.runs[0].scores)


def experiment(**settings: Any) -> Any:
    plain = {"epochs": 2, "batch_size": 32}
    found, _ = experiment_of(build_model, X, Y[:40], TARGETS, (X, Y), None, 1.0, {**plain, **settings})
    return found


WHOLE = Split(3, 0, np.arange(60), np.arange(0))


def test_the_baseline_is_the_model_itself_on_the_same_batches() -> None:
    """An arm whose tasks have no weight takes the very steps of the arm without tasks."""
    nothing = experiment()
    idle = experiment()
    idle.settings.weights.update(dict.fromkeys(TARGETS, 0.0))
    plain, idled = nothing.run(Arm(), WHOLE), idle.run(Arm(("std",)), WHOLE)
    assert plain.scores == idled.scores
    assert plain.curves["main"] == idled.curves["main"]


def test_a_run_follows_from_its_seed_alone() -> None:
    arm = Arm(("std",), shuffled=True)
    first = experiment().run(arm, WHOLE)
    keras.utils.set_random_seed(99)
    again = experiment().run(arm, WHOLE)
    assert (first.scores, first.curves, first.learned) == (again.scores, again.curves, again.learned)
    other = experiment().run(arm, Split(4, 0, WHOLE.train, WHOLE.test))
    assert first.curves != other.curves


def test_a_control_has_the_targets_of_other_samples() -> None:
    target = np.arange(20, dtype="float32").reshape(10, 2)
    target[3] = np.nan
    for kind in (target, np.where(np.isnan(target), -1, target).astype("int64")):
        found = _for_arm(kind, "a", Arm(("a",), shuffled=True), 0)
        assert (found != kind).any()
        np.testing.assert_array_equal(found[3], kind[3])  # missing stays missing
        np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(kind, axis=0))
        assert _for_arm(kind, "a", Arm(("a",)), 0) is kind


def test_copies_go_with_their_originals() -> None:
    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype("float32")
    targets = auxtasks.make_aux_targets(images, "image", ["rotation"])
    labels = np.arange(12) % 2

    def build() -> keras.Model:
        hidden = [keras.layers.Conv2D(2, 3), keras.layers.Flatten()]
        model = keras.Sequential([keras.Input((8, 8, 1)), *hidden, keras.layers.Dense(2)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    found, _ = experiment_of(build, images, labels, targets, None, None, 1.0, {"epochs": 1, "batch_size": 4})
    train, test = found.parts(Split(0, 0, np.array([0, 2, 5]), np.array([1, 3])))
    copies = len(targets.inputs) // 12
    assert copies > 1
    np.testing.assert_array_equal(train.inputs[:3], images[[0, 2, 5]])
    np.testing.assert_array_equal(train.inputs[3:6], targets.inputs[[12, 14, 17]])
    assert len(train.inputs) == 3 * copies
    np.testing.assert_array_equal(test.inputs, images[[1, 3]])


class Killed(BaseException):
    """As if the process had been killed."""


def dying(after: int) -> Callable[[], keras.Model]:
    models = iter(range(after))

    def build() -> keras.Model:
        if next(models, None) is None:
            raise Killed
        return build_model()

    return build


FEW: dict[str, Any] = {**FAST, "together": False, "controls": False}
"""Of the arms of the report the baseline and each task alone."""


def test_an_interrupted_audit_goes_on_to_the_same_report(tmp_path: Path, report: Any) -> None:
    path = tmp_path / "runs.jsonl"
    asked: dict[str, Any] = {**FEW, "results": path}
    for after in (3, 5):  # two models a call are made before the first run
        with pytest.raises(Killed):
            audit(dying(after), X, Y, TARGETS, **asked)
    path.write_bytes(path.read_bytes()[:-9])  # killed while it wrote
    resumed = told(audit(build_model, X, Y, TARGETS, **asked))
    assert len(resumed) == 6
    assert resumed == {key: run for key, run in told(report).items() if key in resumed}
    size = path.stat().st_size
    audit(dying(2), X, Y, TARGETS, **asked)
    assert path.stat().st_size == size  # nothing was left to train
    with pytest.raises(StorageError, match=r"differences: the setting epochs 1 → 2\. Choose"):
        audit(build_model, X, Y, TARGETS, **{**asked, "epochs": 2})
    with pytest.raises(StorageError, match="differences: the main labels"):
        audit(build_model, X, 1 - Y, TARGETS, **asked)


@pytest.mark.usefixtures("untrained")
def test_folds_weights_and_a_generator(tmp_path: Path) -> None:
    generator = auxtasks.AuxTargetGenerator("signal", ["std"])
    found = audit(
        build_model, X, Y, generator, cv=2, weights=[0.5, 2.0], controls=False, metrics=["f1", "recall[1]"],
        margin=0.01, **FAST,
    )  # fmt: skip
    assert [finding.arm.weight for finding in found.findings] == [0.5, 2.0]
    assert found.settings["n_pairs"] == 4
    assert found.settings["overlap"] == pytest.approx(1.0, abs=0.1)
    assert set(found.runs[0].scores) == {"f1", "recall[1]"}
    found.save(tmp_path / "report")
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"report.json", "report.html", "weights.png"}


@pytest.mark.usefixtures("untrained")
def test_numbers_are_judged_by_their_error(capsys: pytest.CaptureFixture[str]) -> None:
    def build() -> keras.Model:
        hidden = [keras.layers.Flatten(), keras.layers.Dense(4, activation="relu")]
        model = keras.Sequential([keras.Input((12, 1)), *hidden, keras.layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    labels = X.std(axis=1)[:, 0].astype("float64")
    labels[40:] = np.nan
    found = audit(build, X, labels, TARGETS, **{**FEW, "progress": True})
    said = capsys.readouterr().err.splitlines()[0]
    score = np.mean([run.scores["rmse"] for run in found.runs if not run.arm.tasks])
    assert found.settings["smallest_effect"] == pytest.approx(0.02 * score)
    share = found.settings["detectable_effect"] / score
    # Known before the first training, and said in the unit that is known by then.
    assert said.startswith(f"audit: {len(found.runs)} trainings, 2 pairs, each tested on about 10 samples.")
    assert f"is about {100 * share:.2g} % of the baseline's rmse" in said
    assert (found.settings["metric"], found.settings["higher_is_better"]) == ("rmse", False)
    assert (found.settings["n_labelled"], found.settings["n_test"], found.settings["n_train"]) == (30, 10, 50)


def no_loss() -> keras.Model:
    return keras.Sequential([keras.Input((12, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])


USED = build_model()
USED.run_eagerly = True
USED.train_on_batch(X, Y)


def several() -> keras.Model:
    inputs = keras.Input((12, 1))
    hidden = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, {"one": keras.layers.Dense(2)(hidden), "two": keras.layers.Dense(2)(hidden)})
    model.compile("adam", {"one": "mse", "two": "mse"})
    return model


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"build_model": build_model()},
            InvalidTypeError,
            "must be a function that returns a compiled model; got Sequential",
        ),
        ({"build_model": 3}, InvalidTypeError, "must be a function that returns a compiled model; got int"),
        ({"build_model": dict}, InvalidTypeError, "it returned dict"),
        ({"build_model": no_loss}, InvalidInputError, "compiled with an optimizer and a loss"),
        ({"targets": "signal"}, InvalidTypeError, "`targets` must be AuxTargets.*got str"),
        ({"X": X[:50]}, InvalidInputError, "`X` has 50 samples and `targets` were made of 60"),
        ({"seeds": 1}, InvalidInputError, "`seeds` must be from 2 to"),
        ({"seeds": [0, 2**32]}, InvalidInputError, "`seeds` must be from 0 to 4294967295; got 4294967296"),
        ({"seeds": [1, 1]}, InvalidInputError, "`seeds` must be two or more different"),
        ({"weights": 0.0}, InvalidInputError, "an arm with weight 0 equals the baseline"),
        ({"weights": {"sdt": 1.0}}, UnknownNameError, "'sdt'"),
        ({"weights": [1.0, 1.0]}, InvalidInputError, "different numbers"),
        ({"metrics": "acuracy"}, UnknownNameError, "accuracy"),
        ({"metrics": "rmse"}, InvalidInputError, "not defined for a"),
        ({"test": X}, InvalidTypeError, r"`test` must be \(X_test, y_test\)"),
        ({"test": (X, Y[:9])}, InvalidInputError, "`test`: labels must be shaped like those of `y`"),
        ({"groups": [1, 2]}, InvalidInputError, "`groups` must have one entry for each of the 60 samples"),
        ({"margin": -1.0}, InvalidInputError, "`margin`"),
        ({"adjust": "hochberg"}, AuxTasksError, "`adjust`"),
        ({"at": {"std": "convv"}}, UnknownNameError, "convv"),
        ({"epochs": 0}, InvalidInputError, "`epochs`"),
        ({"build_model": lambda: USED}, InvalidInputError, "must make a new model with a new optimizer each time"),
        ({"build_model": several}, InvalidInputError, "a model of one output, a tensor; found a dict"),
        ({"fit_options": {"epochs": 3}}, InvalidInputError, "`fit_options` must not hold 'epochs'"),
        ({"fit_options": {"callback": []}}, UnknownNameError, "callbacks"),
        ({"fit_options": {"callbacks": [Lock()]}}, InvalidTypeError, "'callbacks' cannot be copied"),
        ({"test": (X, Y), "cv": 3}, InvalidInputError, "pass one or the other"),
        ({"test": (X, np.full(60, np.nan))}, InvalidInputError, "`test` holds no label"),
        ({"n_jobs": 0}, InvalidInputError, "`n_jobs`"),
        ({"seeds": float("nan")}, InvalidTypeError, "`seeds` must be an integer; got nan"),
        ({"fit_options": 1000}, InvalidTypeError, "`fit_options` must map arguments of fit to values.*got 1000"),
        ({"confidence": 5}, InvalidInputError, "`confidence` must be from 0.5 to 0.9999; got 5"),
        ({"margin": float("inf")}, InvalidInputError, "`margin`"),
        ({"weights": 1e39}, InvalidInputError, "`weights` must be from 0.0 to 3.4.*; got 1e.39"),
        ({"controls": "no"}, InvalidTypeError, "`controls` must be True or False; got 'no'"),
        ({"y": np.where(Y > 0, 1, -1)}, InvalidInputError, "`y` holds one class only, 1, .*encode two classes as 0"),
        ({"y": np.zeros(60, int)}, InvalidInputError, "`y` holds one class only, 0; at least two"),
        ({"y": Y.astype("uint64") + np.uint64(2**63)}, InvalidInputError, "too large for int64"),
        ({"test": (X, np.full(60, -1))}, InvalidInputError, "`test` holds no label"),
        ({"groups": [None] + [1] * 59}, InvalidInputError, "`groups`: 1 samples have no group, the first .*number 0"),
    ],
)
def test_what_cannot_be_audited_is_refused_before_anything_is_written(
    tmp_path: Path, changed: dict[str, Any], error: Any, message: str
) -> None:
    asked = {"build_model": build_model, "X": X, "y": Y, "targets": TARGETS, **FAST, **changed}
    with pytest.raises(error, match=message):
        audit(**asked, results=tmp_path / "runs.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("untrained")
def test_a_metric_that_is_not_defined_is_said_when_all_has_been_trained(tmp_path: Path) -> None:
    test, path = (X[:8], np.zeros(8, dtype="int32")), tmp_path / "runs.jsonl"
    with pytest.raises(InvalidInputError, match="'roc_auc' is not defined for 14 of 14 runs, such as seed 0, fold 0"):
        audit(build_model, X, Y, TARGETS, test=test, metrics="roc_auc", results=path, **FAST)
    assert len(path.read_text().splitlines()) == 15


def test_minus_one_is_a_class_of_a_hinge_loss() -> None:
    def build() -> keras.Model:
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((12, 1)), *layers])
        model.compile("adam", "hinge")
        return model

    found, _ = experiment_of(build, X, 2 * Y[:40] - 1, TARGETS, None, None, 1.0, {"epochs": 1, "batch_size": 16})
    assert found.labelled.sum() == 40
    assert set(found.main[:40]) == {-1.0, 1.0}


class Counting(keras.callbacks.Callback):
    """Stops a training after its third epoch, but counts those of earlier trainings too."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count."""
        self.epochs += 1
        self.model.stop_training = self.epochs >= 3


def test_each_run_has_callbacks_of_its_own() -> None:
    options = {"fit_options": {"callbacks": [Counting()]}, "epochs": 5}
    trained = experiment(**options)
    assert [len(trained.run(arm, WHOLE).curves["main"]) for arm in (Arm(), Arm(("std",)))] == [3, 3]


def test_the_metrics_of_the_model_can_be_watched() -> None:
    def build() -> keras.Model:
        model = build_model()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    stopping = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=0)
    options = {"validation_data": (X, Y), "callbacks": [stopping]}
    plain = {"epochs": 9, "batch_size": 64, "fit_options": options}
    trained, _ = experiment_of(build, X, Y, TARGETS, (X, Y), None, 1.0, plain)
    assert len(trained.run(Arm(("std",)), WHOLE).curves["main"]) < 9


@pytest.mark.graph
def test_models_that_are_not_built_can_be_audited() -> None:
    def build() -> keras.Model:
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="relu")]
        model = keras.Sequential([*layers, keras.layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        return model

    found, _ = experiment_of(build, X, Y, TARGETS, (X, Y), None, 1.0, {"epochs": 1, "batch_size": 64})
    assert found.settings.metrics.judged == "accuracy"
    assert found.run(Arm(("std",)), WHOLE).scores["accuracy"] >= 0


def test_what_decides_a_model_is_fingerprinted() -> None:
    def skipping(skip: bool) -> Callable[[], keras.Model]:
        def build() -> keras.Model:
            inputs = keras.Input((12, 1))
            first = keras.layers.Dense(1)(inputs)
            second = keras.layers.Dense(1)(first)
            joined = keras.layers.Add()([second, inputs if skip else first])
            model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(joined)))
            model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
            return model

        return build

    def weighing(weight: float) -> Callable[[], keras.Model]:
        def build() -> keras.Model:
            model = build_model()
            model.compile("adam", "sparse_categorical_crossentropy", loss_weights=weight)
            return model

        return build

    models = [build_model, skipping(True), skipping(False), weighing(1.0), weighing(5.0)]
    found = [fingerprint(described_model(build)) for build in models]
    assert len(set(found)) == len(models)
    keras.layers.Dense(1)  # the next one has another number
    assert [fingerprint(described_model(build)) for build in models] == found
