"""Runs share models that are alike, and what they find is that of fresh models, bit for bit."""

from __future__ import annotations

import gc
import itertools
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import FAST, TARGETS, X, Y, build_model
from test_soft_labels import FEW, SIMPLE

import auxtasks
from auxtasks.audit import audit, select_tasks
from auxtasks.audit.audit import experiment_of
from auxtasks.audit.experiment import Arm, Experiment
from auxtasks.audit.reuse import Models, took_over, variables_of
from auxtasks.keras import PruneOpposed
from auxtasks.keras.alike import likeness_of
from auxtasks.keras.compiling import compile_like
from auxtasks.keras.listening import Opinion, Training
from auxtasks.keras.model import AuxModel
from auxtasks.keras.private import is_state_in

pytestmark = pytest.mark.graph
layers = keras.layers
SOFT = auxtasks.make_aux_targets(X, "signal", ["std", SIMPLE], y=FEW)
ARMS = [Arm(("std",), 0.5), Arm(("std",), 2.0, shuffled=True)]
"""Which share a model: neither the number of a weight nor the order of the targets is traced."""


def network(*inner: Any, optimizer: Any = "sgd", **compiled: Any) -> keras.Model:
    """Make a model with some layers in it, in a graph without XLA, which takes long to compile and holds no state."""
    ends = [layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((12, 1)), layers.Conv1D(3, 3, activation="relu"), *inner, *ends])
    model.compile(optimizer, "sparse_categorical_crossentropy", **{"jit_compile": False, **compiled})
    return model


def falling() -> Any:
    return keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The model of each run, the same one where it was used again."""
    seen: list[keras.Model] = []
    measured = Experiment._measured

    def noted(self: Experiment, model: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(model)
        return measured(self, model, *args, **kwargs)

    monkeypatch.setattr(Experiment, "_measured", noted)
    return seen


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """The model that each run would have trained; the more tasks it has, the better it does."""
    seen: list[keras.Model] = []

    def measured(self: Experiment, model: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(model)
        score = 0.5 + 0.1 * len(model.specs) + 0.001 * (len(seen) % 3)
        return {"accuracy": score}, dict.fromkeys(model.specs, 1.0), 1.0, {"main": [1.0]}

    monkeypatch.setattr(Experiment, "_measured", measured)
    return seen


def experiment(build: Callable[[], keras.Model] = network, targets: Any = TARGETS, **settings: Any) -> Experiment:
    plain = {"epochs": 2, "batch_size": 64, **settings}
    y = FEW if targets is SOFT else Y[:40]
    return experiment_of(build, X, y, targets, None, None, "auto", plain)[0]


def found(experiment: Experiment, arms: list[Arm] = ARMS, first_seed: int = 3) -> list[dict[str, Any]]:
    """Run each arm with a seed of its own."""
    splits = experiment.splits(None, None, range(first_seed, first_seed + len(arms)))
    runs = [experiment.run(arm, split) for arm, split in zip(arms, splits, strict=True)]
    return [{**vars(run), "seconds": 0.0} for run in runs]


def check(made: Experiment, trained: list[keras.Model], arms: list[Arm] = ARMS) -> None:
    """Compare what the last run finds with a model that was shared and with one of its own."""
    with Models() as models:
        *_, reused = found(replace(made, models=models), arms)
    assert len({id(model) for model in trained}) == 1
    trained.clear()
    assert [reused] == found(made, arms[-1:], first_seed=2 + len(arms))


@keras.saving.register_keras_serializable("tests")
class Noise(layers.Layer):
    """A layer of a user's."""

    def __init__(self, size: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.generator = size, keras.random.SeedGenerator()

    def call(self, x: Any, training: bool = False) -> Any:
        return x + self.size * keras.random.normal(keras.ops.shape(x), seed=self.generator) if training else x


def with_all_kinds_of_state() -> keras.Model:
    inner = [layers.Dropout(0.4), layers.BatchNormalization(), Noise(0.1), layers.Lambda(lambda x: x * 2)]
    optimizer = keras.optimizers.SGD(falling(), momentum=0.9)
    return network(
        *inner,
        optimizer=optimizer,
        metrics=["accuracy"],
        weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy()],
    )


def with_means_of_weights() -> keras.Model:
    optimizer = keras.optimizers.AdamW(falling(), use_ema=True)
    return network(layers.SpatialDropout1D(0.3), optimizer=optimizer)


VALIDATED = {"class_weight": {"main": {0: 1.0, 1: 3.0}}, "validation_data": (X[:9], Y[:9])}
SETTINGS: dict[str, dict[str, Any]] = {
    "in turns": {"weighting": "dwa", "schedule": "alternating", "build": with_all_kinds_of_state},
    "learned weights and callbacks": {
        "fit_options": {"callbacks": [keras.callbacks.EarlyStopping(), PruneOpposed(verbose=0)], **VALIDATED},
        "weighting": ["uncertainty", "cosine_gate"],
        "build": with_means_of_weights,
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_runs_share_a_model_and_find_what_fresh_ones_find(name: str, trained: list[keras.Model]) -> None:
    check(experiment(**SETTINGS[name]), trained)


def test_what_splits_know_of_soft_labels_is_no_part_of_the_model(
    trained: list[keras.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecided(_model: Any, _spec: Any, labels: Any, training: Training) -> Opinion:
        return Opinion(*(np.full((n, labels.width), 0.5) for n in (len(labels.rows), len(training.inputs))))

    monkeypatch.setattr("auxtasks.keras.listening.cross_validated", undecided)
    check(experiment(network, targets=SOFT), trained, [Arm(("soft_labels",))] * 2)


def test_parts_of_another_size_have_a_model_of_their_own(used: list[keras.Model]) -> None:
    made = experiment()
    short, long = (
        replace(split, train=split.train[:size])
        for split, size in zip(made.splits(None, None, range(2)), (40, 41), strict=True)
    )
    with Models() as models:
        shared = replace(made, models=models)
        for split in (short, long, short):
            shared.run(Arm(), split)
    assert used[0] is used[2] is not used[1]


CALLS = itertools.count()


class Counted(layers.Layer):
    """A layer with a state that is no variable."""

    def __init__(self) -> None:
        super().__init__()
        self.number = next(CALLS)

    def call(self, x: Any) -> Any:
        return x * (1.0 + self.number % 7)


class DrawnFromNumpy(layers.Layer):
    """A layer that draws a number while it is traced."""

    def call(self, x: Any) -> Any:
        return x * np.random.uniform(1, 2)  # noqa: NPY002


class DrawnByTensorFlow(layers.Layer):
    """A layer that draws by TensorFlow's global seed."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


class DrawnByKeras(layers.Layer):
    """A layer that draws by Keras's global generator."""

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


def of_another_scale() -> keras.Model:
    scale = float(np.random.uniform())  # noqa: NPY002 - from the seed of the run
    return network(layers.Lambda(lambda x: x * scale))


def adapted() -> keras.Model:
    scaling = layers.Normalization()
    scaling.adapt(X[np.random.permutation(60)[:20]])  # noqa: NPY002
    return network(scaling)


class Looked(layers.Layer):
    """A layer with a table."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup = layers.IntegerLookup(vocabulary=[0, 1])

    def call(self, x: Any) -> Any:
        return x + keras.ops.cast(self.lookup(keras.ops.cast(x, "int64")), "float32")


def of_another_global() -> keras.Model:
    next_scale()
    return network(layers.Lambda(lambda x: x * SCALE))


SCALE = 1.0


def next_scale() -> None:
    global SCALE
    SCALE += 1


def excluded_from_decay() -> keras.Model:
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return network(optimizer=optimizer)


def wrapped(build: Callable[[], keras.Model], seed: int) -> AuxModel:
    """Make a wrapper without tasks."""
    keras.utils.set_random_seed(seed)
    base = build()
    model = AuxModel(base, {}, {}, {}, 0)
    compile_like(model, base)
    return model


UNLIKE: dict[str, Callable[[], keras.Model]] = {
    "another rate": lambda: network(layers.Dropout(float(np.random.uniform(0.1, 0.5)))),  # noqa: NPY002
    "a number that a function closes over": of_another_scale,
    "a number that a function reads": of_another_global,
    "a number in a layer": lambda: network(Counted()),
    "adapted to data": adapted,
    "with names of weights": excluded_from_decay,
    "eager": lambda: network(run_eagerly=True),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_models_that_are_not_known_to_be_alike(name: str) -> None:
    one, other = (likeness_of(wrapped(UNLIKE[name], seed), ()) for seed in (0, 1))
    assert one != other or one is None


@pytest.mark.parametrize("build", [build_model, with_all_kinds_of_state, with_means_of_weights])
def test_models_that_are_alike(build: Callable[[], keras.Model]) -> None:
    one, other = (likeness_of(wrapped(build, seed), ()) for seed in (0, 1))
    assert one == other is not None
    assert likeness_of(wrapped(build, 0), "other data") != one


def test_a_layer_in_common_cannot_be_given_other_weights() -> None:
    common = layers.Dense(3)
    one, other = (wrapped(lambda: network(common), seed) for seed in (0, 1))
    one.optimizer.build(one.trainable_variables)
    assert not took_over(one, other)


@pytest.mark.parametrize("layer", [DrawnByTensorFlow, DrawnByKeras, Looked])
def test_state_that_is_in_no_variable_of_the_model_is_seen(layer: type[layers.Layer]) -> None:
    model = wrapped(lambda: network(layer()), 0)
    model.predict(X[:4], verbose=0)
    assert not is_state_in(model, variables_of(model))
    plain = wrapped(build_model, 0)
    plain.predict(X[:4], verbose=0)
    assert is_state_in(plain, variables_of(plain))


def test_a_model_that_draws_while_it_is_traced_is_not_kept() -> None:
    models = Models()
    for seed in range(2):
        made = partial(wrapped, lambda: network(DrawnFromNumpy()), seed)
        models.use(made, lambda model: model.predict(X[:4], verbose=0), ())
    assert not models._kept


class OfUser(keras.callbacks.Callback):
    """A callback of a user's."""


@pytest.mark.parametrize("callback", [OfUser(), keras.callbacks.LambdaCallback()])
def test_callbacks_that_may_do_anything_have_models_of_their_own(callback: Any, used: list[keras.Model]) -> None:
    made = experiment(fit_options={"callbacks": [callback]}, epochs=1)
    found(replace(made, models=Models()), [Arm(), Arm()])
    assert used[0] is not used[1]


def test_an_audit_makes_few_models(used: list[keras.Model]) -> None:
    audit(build_model, X, Y, auxtasks.make_aux_targets(X, "signal", ["std"]), **FAST)
    assert len(used) == 6
    assert len({id(model) for model in used}) == 2


def test_a_search_uses_models_again(used: list[keras.Model]) -> None:
    nothing = {"weights": [], "depths": [], "warm_up": False}
    found = select_tasks(network, X, Y, TARGETS, **FAST, **nothing, confirm=2, validation=(X, Y))
    assert found.steps[-1].stage == "confirmation"
    assert len(used) > 8
    assert len({id(model) for model in used}) == len({tuple(model.specs) for model in used}) == 4


def models_alive() -> int:
    gc.collect()
    return sum(isinstance(each, keras.Model) for each in gc.get_objects())


def test_memory_does_not_grow_with_the_runs() -> None:
    """As models are compiled by default."""
    made = experiment(build_model, epochs=1)
    split = made.splits(None, None, [0, 1])[0]
    with Models() as models:
        shared = replace(made, models=models)
        shared.run(Arm(), split)
        before = models_alive()
        for seed in range(3):
            shared.run(Arm(), replace(split, seed=seed))
        assert models_alive() == before
        assert len(models._kept) == 1
    assert not models._kept


def test_another_process_keeps_models_of_its_own() -> None:
    models = Models()
    sent = pickle.dumps(models)
    first = pickle.loads(sent)  # noqa: S301
    assert first is pickle.loads(sent) is not models  # noqa: S301
    assert pickle.loads(pickle.dumps(Models())) is not first  # noqa: S301
