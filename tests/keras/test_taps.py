"""Where heads read: names, paths, indices, fractions and the rule for "auto"."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from kinds import BY_NAME, CLASSES

from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import Tap, attach_heads
from auxtasks.specs import TargetSpec

TASK = {"task": TargetSpec("task", "test", "vector", (2,))}


@pytest.fixture(scope="module")
def built() -> dict[str, keras.Model]:
    """One model of each kind, shared, since attaching changes nothing."""
    return {name: kind.build() for name, kind in BY_NAME.items()}


def _tap(built: Any, kind: str, at: Any, spec: TargetSpec = TASK["task"]) -> str:
    return attach_heads(built[kind], {"task": spec}, at=at, samples=BY_NAME[kind].data(4), weights=1.0).taps["task"]


@pytest.mark.parametrize(
    ("kind", "at", "path"),
    [
        ("functional", "left", "left"),
        ("pretrained_style", "backbone/block_6_expand_relu", "backbone/block_6_expand_relu"),
        ("pretrained_style", "block_6_expand_relu", "backbone/block_6_expand_relu"),
        ("pretrained_style", "backbone", "backbone"),
        ("transformer", "block/attention", "block/attention"),
        ("subclassed", "second", "second"),
        ("conv1d", 0, "conv"),
        ("conv1d", -3, "relu"),
        ("subclassed", 1, "second"),
        ("unbuilt_sequential", 0.0, "hidden"),
        ("conv1d", 0.0, "conv"),
        ("shared_layer", Tap("repeated", call=1), "repeated"),
        ("shared_encoder", Tap("encoder", call=1), "encoder"),
        ("shared_encoder", Tap("encoder/inner", call=0), "encoder/inner"),
    ],
)
def test_a_tap_is_found(built: Any, kind: str, at: Any, path: str) -> None:
    assert _tap(built, kind, at) == path


def test_fractions_count_the_stages_of_the_model(built: Any) -> None:
    names = [layer.name for layer in built["conv1d"].layers]
    assert _tap(built, "conv1d", 1.0) == names[-1]
    assert _tap(built, "conv1d", 0.6) == names[3]
    stages = [layer.name for layer in built["pretrained_style"].get_layer("backbone").layers[1:]]
    assert _tap(built, "pretrained_style", 0.0) == f"backbone/{stages[0]}"
    middle = _tap(built, "pretrained_style", 0.5).removeprefix("backbone/")
    assert stages.index(middle) == pytest.approx(len(stages) / 2, abs=2)


VECTOR, GRID = TASK["task"], TargetSpec("task", "test", "vector", (2,), spatial="grid")
IMAGE = TargetSpec("task", "test", "image", (4, 4, 1))


@pytest.mark.parametrize(
    ("kind", "spec", "rank"),
    [
        ("sequential", VECTOR, 1),
        ("sequential", GRID, 3),
        ("sequential", IMAGE, 3),
        ("pretrained_style", GRID, 3),
        ("pretrained_style", VECTOR, 1),
        ("masked_rnn", TargetSpec("task", "test", "step_class", (14,), n_classes=2), 2),
        ("masked_rnn", TargetSpec("task", "test", "step_vector", (5, 2)), 2),
        ("conv1d", VECTOR, 1),
        ("bilstm", TargetSpec("task", "test", "step_vector", (9, 2)), 2),
        ("functional", GRID, 1),
        ("functional", IMAGE, 1),
        ("functional", TargetSpec("task", "test", "step_vector", (9, 2)), 1),
        ("shared_encoder", VECTOR, 1),
        ("shared_layer", VECTOR, 1),
        ("transformer", VECTOR, 1),
    ],
)
def test_auto_takes_the_deepest_tensor_with_the_axes_the_target_needs(
    built: Any, kind: str, spec: TargetSpec, rank: int
) -> None:
    base = built[kind]
    model = attach_heads(base, {"task": spec}, samples=BY_NAME[kind].data(4), weights=1.0)
    (point,) = model._plan.taps.values()
    assert len(point.shape) == rank
    assert point.path != base.layers[-1].name
    if rank == 1 and kind != "shared_layer":  # whose last layer but one is called twice
        assert point.path == base.layers[-2].name


def test_auto_reads_a_series_at_the_steps_of_the_target(built: Any) -> None:
    spec = TargetSpec("task", "test", "step_class", (18,), n_classes=2)
    assert _tap(built, "conv1d", "auto", spec) == "conv"


def test_each_task_has_its_own_tap_and_the_rest_is_auto(built: Any) -> None:
    specs = {name: TargetSpec(name, "test", "vector", (2,)) for name in ("low", "high")}
    model = attach_heads(built["conv1d"], specs, at={"low": "conv"}, samples=BY_NAME["conv1d"].data(4), weights=1.0)
    assert model.taps["low"] == "conv"
    assert model.taps["high"] == built["conv1d"].layers[-2].name


@pytest.mark.parametrize(
    ("kind", "at", "error", "message"),
    [
        ("functional", "lefty", UnknownNameError, r"no layer named 'lefty'. Did you mean 'left'\?"),
        ("functional", {"tusk": "left"}, UnknownNameError, r"`at`: .*'tusk'. Did you mean 'task'\?"),
        ("functional", 99, InvalidInputError, "the model has 5 layers; got index 99"),
        ("functional", -6, InvalidInputError, "the model has 5 layers; got index -6"),
        ("functional", 1.01, InvalidInputError, "from 0.0 to 1.0; got 1.01"),
        ("functional", -0.1, InvalidInputError, "from 0.0 to 1.0; got -0.1"),
        ("functional", float("nan"), InvalidInputError, "from 0.0 to 1.0; got nan"),
        ("functional", None, InvalidTypeError, "got None of type NoneType"),
        ("functional", True, InvalidTypeError, "got True of type bool"),
        ("functional", ["left"], InvalidTypeError, r"got \['left'\] of type list"),
        ("functional", 0, InvalidInputError, "is not called when the model runs"),  # an input layer
        ("shared_layer", "repeated", InvalidInputError, r"called 2 times .* such as Tap\('repeated', call=0\)"),
        ("shared_encoder", "encoder/inner", InvalidInputError, r"Tap\('encoder/inner', call=0\)"),
        ("shared_layer", Tap("repeated", call=2), InvalidInputError, "called 2 times; got call=2"),
        ("shared_layer", Tap("first", call=-1), InvalidInputError, "`call` must be at least 0; got -1"),
    ],
)
def test_a_tap_that_cannot_be_is_refused(built: Any, kind: str, at: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _tap(built, kind, at)


def _model(*stack: layers.Layer, shape: tuple[int, ...] = (6,), dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *stack])


def test_an_output_that_is_no_feature_is_refused() -> None:
    rounding = layers.Lambda(lambda x: keras.ops.cast(x, "int32"), name="rounding")
    base = _model(layers.Dense(4, name="hidden"), rounding, layers.Embedding(9, 3), layers.Flatten(), layers.Dense(2))
    with pytest.raises(InvalidInputError, match=r"'rounding' does not return a float tensor .* such as .*'hidden'"):
        attach_heads(base, TASK, at="rounding", samples=np.ones((4, 6), "float32"), weights=1.0)


def test_an_ambiguous_name_is_refused_with_the_paths() -> None:
    towers = [_model(layers.Dense(4, name="inner")) for _ in range(2)]
    towers[0].name, towers[1].name = "one", "two"
    inputs = keras.Input((6,))
    hidden = layers.Concatenate()([tower(inputs) for tower in towers])
    base = keras.Model(inputs, layers.Dense(CLASSES)(hidden))
    with pytest.raises(InvalidInputError, match=r"2 layers are named 'inner'.*\['one/inner', 'two/inner'\]"):
        attach_heads(base, TASK, at="inner", samples=np.ones((4, 6), "float32"), weights=1.0)
    assert attach_heads(base, TASK, at="two/inner", samples=np.ones((4, 6), "float32"), weights=1.0).taps == {
        "task": "two/inner"
    }


def test_layers_of_one_path_are_refused() -> None:
    class Twins(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layers.Dense(4, name="twin"), layers.Dense(5, name="twin")

        def call(self, inputs: Any) -> Any:
            return self.second(self.first(inputs))

    with pytest.raises(InvalidInputError, match=r"2 layers have the path 'twin'.*different names"):
        attach_heads(Twins(), TASK, at=0, samples=np.ones((4, 6), "float32"), weights=1.0)


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer 'idle'")  # Keras, of a layer it cannot build
def test_a_layer_that_is_never_called_is_refused() -> None:
    class Idle(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.idle, self.hidden, self.top = (
                layers.Dense(4, name="idle"),
                layers.Dense(4, name="hidden"),
                layers.Dense(2),
            )

        def call(self, inputs: Any) -> Any:
            return self.top(self.hidden(inputs))

    with pytest.raises(InvalidInputError, match=r"'idle' is not called.*such as one of .*'hidden'"):
        attach_heads(Idle(), TASK, at="idle", samples=np.ones((4, 6), "float32"), weights=1.0)


def test_a_model_that_is_one_layer_has_nothing_to_share() -> None:
    with pytest.raises(InvalidInputError, match="below its last layer the model has no layer with weights"):
        attach_heads(_model(layers.Dense(2)), TASK, samples=np.ones((4, 6), "float32"), weights=1.0)


def test_classes_per_step_need_a_layer_that_keeps_the_steps(built: Any) -> None:
    with pytest.raises(InvalidInputError, match="a class for each of 9 steps, but no layer of the trunk"):
        _tap(built, "functional", "auto", TargetSpec("task", "test", "step_class", (9,), n_classes=2))


@pytest.mark.needs_backend("tensorflow", reason="a tf.function is in the model")
def test_layers_inside_a_compiled_function_cannot_be_read() -> None:
    import tensorflow as tf

    class Compiled(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.top = layers.Dense(4, name="hidden"), layers.Dense(2)

        @tf.function
        def call(self, inputs: Any) -> Any:
            return self.top(self.hidden(inputs))

    with pytest.raises(InvalidInputError, match=r"inside a tf\.function cannot be read"):
        attach_heads(Compiled(), TASK, samples=np.ones((4, 6), "float32"), weights=1.0)


LOW = TargetSpec("task", "test", "step_class", (6,), n_classes=2, level="low")


@pytest.mark.parametrize(
    ("first", "frozen", "path"),
    [
        (layers.Embedding(9, 4, name="embedding"), False, "embedding"),
        (layers.Embedding(9, 4, trainable=False), False, "first"),
        (layers.Normalization(), False, "first"),
        (layers.Embedding(9, 4), True, "second"),
    ],
    ids=["learnt", "frozen_embedding", "normalization", "all_frozen"],
)
def test_a_target_of_low_level_reads_the_first_tensor_that_is_learnt(
    first: layers.Layer, frozen: bool, path: str
) -> None:
    shape, dtype = ((6,), "int32") if isinstance(first, layers.Embedding) else ((6, 3), "float32")
    dense = [layers.Dense(4, name=name) for name in ("first", "second")]
    base = _model(first, *dense, layers.GlobalAveragePooling1D(), layers.Dense(2), shape=shape, dtype=dtype)
    base.trainable = not frozen
    if path == "first":
        first.trainable = False
    inputs = np.ones((4, *shape), dtype)
    said = pytest.warns(AuxTasksWarning, match="'second' are frozen") if frozen else nullcontext()
    with said:
        assert attach_heads(base, {"task": LOW}, samples=inputs, weights=1.0).taps == {"task": path}
