"""The model's own answer on a changed copy as a target: what a step learns, when, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, Batches, X, assert_same, aux_targets, dense_base
from keras import layers

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import AuxModel, attach_heads, strip_heads
from auxtasks.specs import TargetSpec

N_LABELLED = 12
RNG = np.random.default_rng(5)
CLASSES = RNG.integers(0, 3, 48)


@keras.saving.register_keras_serializable("test_agreement")
def smaller(inputs: Any) -> Any:
    return 0.9 * inputs


@keras.saving.register_keras_serializable("test_agreement")
def mirrored(inputs: Any) -> Any:
    return keras.ops.flip(inputs, axis=1)


PLAIN = {"weak": smaller, "strong": mirrored, "rise": 0, "weight": 1.0}


def hidden(y: np.ndarray) -> np.ndarray:
    y = y.copy()
    y[N_LABELLED:] = -1 if y.dtype.kind == "i" else np.nan
    return y


def model_of(
    agreement: Any = PLAIN, *, base: keras.Model | None = None, loss: Any = LOSS, rate: float = 0.1, **arguments: Any
) -> AuxModel:
    model = attach_heads(base or dense_base(dropout=0.0), None, samples=X, agreement=agreement, seed=3, **arguments)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def cross_entropy(targets: np.ndarray, said: np.ndarray) -> np.ndarray:
    return -(targets * np.log(said)).sum(axis=-1)


def hard(said: np.ndarray) -> np.ndarray:
    return np.eye(said.shape[-1])[said.argmax(axis=-1)]


def expected_of_classes(base: keras.Model, threshold: float) -> tuple[float, float, float]:
    """Return the loss of the labelled copies, that of agreement, and the share of sure answers."""
    weak, strong = (base.predict(change, verbose=0) for change in (0.9 * X, X[:, ::-1]))
    of_labelled, of_others = weak[:N_LABELLED], weak[N_LABELLED:]
    targets = of_others * of_labelled.mean(axis=0) / of_others.mean(axis=0)
    targets /= targets.sum(axis=1, keepdims=True)
    sure = targets.max(axis=1) >= threshold * of_labelled.max(axis=1).mean()
    own = cross_entropy(np.eye(3)[CLASSES[:N_LABELLED]], strong[:N_LABELLED]).mean()
    return own, float((cross_entropy(hard(targets), strong[N_LABELLED:]) * sure).mean()), float(sure.mean())


def test_a_step_learns_labels_on_copies_and_answers_that_are_sure() -> None:
    model = model_of({**PLAIN, "threshold": 1.0, "weight": 0.5})
    main = cross_entropy(np.eye(3)[CLASSES[:N_LABELLED]], model.base.predict(X[:N_LABELLED], verbose=0)).mean()
    own, agreement, share = expected_of_classes(model.base, 1.0)
    logs = model.train_on_batch(X, hidden(CLASSES), return_dict=True)
    assert 0.1 < share < 0.9
    assert logs["main_loss"] == pytest.approx(main, rel=1e-4)
    assert logs["agreement_loss"] == pytest.approx(agreement, rel=1e-3)
    assert logs["agreement_share"] == pytest.approx(share)
    assert logs["changed_copies_loss"] == pytest.approx(own, rel=1e-4)
    assert logs["loss"] == pytest.approx(main + own + 0.5 * agreement, rel=1e-3)


def test_with_weight_0_labels_alone_are_learned_on_samples_and_copies() -> None:
    model, plain = model_of({**PLAIN, "weight": 0.0}), dense_base(dropout=0.0)
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    logs = model.train_on_batch(X, hidden(CLASSES), return_dict=True)
    both = np.concatenate([X[:N_LABELLED], X[:N_LABELLED, ::-1]])
    plain.train_on_batch(both, np.tile(CLASSES[:N_LABELLED], 2), sample_weight=np.full(2 * N_LABELLED, 2.0))
    for one, other in zip(strip_heads(model).get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert set(logs) == {"loss", "main_loss", "changed_copies_loss"}
    assert logs["loss"] == pytest.approx(logs["main_loss"] + logs["changed_copies_loss"], rel=1e-5)


def test_sample_weights_and_weights_of_classes_hold_for_copies() -> None:
    plain, weighed = (model_of({**PLAIN, "weight": 0.0}) for _ in range(2))
    plain.train_on_batch(X, hidden(np.where(CLASSES == 1, -1, CLASSES)))
    weights = np.where(CLASSES == 1, 0.0, N_LABELLED / (CLASSES[:N_LABELLED] != 1).sum())
    weighed.train_on_batch(X, hidden(CLASSES), sample_weight=weights)
    for one, other in zip(plain.base.get_weights(), weighed.base.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES),
        (3, "softmax", "categorical_crossentropy", np.eye(3, dtype="float32")[CLASSES]),
        (1, "sigmoid", "binary_crossentropy", (CLASSES > 0).astype("float32")),
        (4, "sigmoid", "binary_crossentropy", RNG.integers(0, 2, (48, 4)).astype("float32")),
        (2, None, "mse", X[:, :2]),
    ],
    ids=["logits", "one-hot", "binary", "labels", "numbers"],
)
def test_kinds_of_outputs_learn_from_samples_without_a_label(
    units: int, activation: str | None, loss: Any, y: np.ndarray
) -> None:
    with_others, alone = (
        model_of({**PLAIN, "threshold": 0.0, "weight": weight}, base=dense_base(units, activation, 0.0), loss=loss)
        for weight in (1.0, 0.0)
    )
    logs = with_others.train_on_batch(X, hidden(y), return_dict=True)
    alone.train_on_batch(X, hidden(y))
    assert logs["agreement_loss"] > 0
    # Numbers are no surer or less sure; what has no value is left out of the logs, or NaN in those of a graph.
    share = logs.get("agreement_share", np.nan)
    assert np.isnan(share) if loss == "mse" else share == 1.0
    first, second = (model.base.get_weights()[0] for model in (with_others, alone))
    assert np.isfinite(first).all()
    assert not np.allclose(first, second, atol=1e-6)


def test_a_perfect_agreement_of_numbers_costs_nothing() -> None:
    model = model_of({"weak": None, "strong": layers.Identity(), "rise": 0}, base=dense_base(2, None, 0.0), loss="mse")
    logs = model.train_on_batch(X, hidden(X[:, :2]), return_dict=True)
    assert logs["agreement_loss"] == pytest.approx(0.0, abs=1e-9)
    assert logs["loss"] == pytest.approx(2 * logs["main_loss"], rel=1e-5)


def test_several_outputs_agree_each_by_its_own_labels() -> None:
    def made(outputs: Any) -> AuxModel:
        keras.utils.set_random_seed(2)
        inputs = keras.Input((10,))
        inner = layers.Dense(6, "relu")(inputs)
        kind, size = layers.Dense(3, "softmax", name="kind")(inner), layers.Dense(1, name="size")(inner)
        base = keras.Model(inputs, {"kind": kind, "size": size})
        model = attach_heads(base, None, samples=X, agreement={**PLAIN, "threshold": 0.0, "outputs": outputs})
        model.compile("sgd", {"kind": LOSS, "size": "mse"}, loss_weights={"kind": 1.0, "size": 3.0})
        return model

    y = {"kind": hidden(CLASSES), "size": np.where(np.arange(48) < 30, X[:, 0], np.nan)}
    models = [made(outputs) for outputs in (None, ["kind"], ["size"])]
    weak, strong = (models[0].base.predict(change, verbose=0)["size"][30:, 0] for change in (0.9 * X, X[:, ::-1]))
    both, kind, size = (model.train_on_batch(X, y, return_dict=True) for model in models)
    assert size["agreement_loss"] == pytest.approx(((weak - strong) ** 2).mean(), rel=1e-4)
    assert both["loss"] - kind["loss"] == pytest.approx(3 * size["agreement_loss"], rel=1e-3)
    assert both["agreement_share"] == kind["agreement_share"] == 1.0
    assert both["size_loss"] == kind["size_loss"]  # of the samples as they are, not of their copies
    with pytest.raises(UnknownNameError, match=r"`agreement\['outputs'\]`: there is no output .* named 'sise'"):
        made(["sise"]).train_on_batch(X, y)


def test_the_weight_rises_over_half_of_the_steps_of_the_first_fit() -> None:
    model = model_of({**PLAIN, "rise": "auto"}, rate=0.0)
    agreement = model.agreement
    assert agreement is not None
    risen = []
    every = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: risen.append(float(keras.ops.convert_to_numpy(agreement.risen())))
    )
    model.fit(X, hidden(CLASSES), batch_size=12, labelled_share=None, epochs=2, verbose=0, callbacks=[every])
    steps = np.arange(8)
    np.testing.assert_allclose(risen, 0.5 - 0.5 * np.cos(np.pi * np.minimum(steps / 4, 1)), atol=1e-6)
    # Half of these steps would be more than there were.
    stop = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True))
    model.fit(X, hidden(CLASSES), batch_size=12, epochs=50, steps_per_epoch=2, verbose=0, callbacks=[every, stop])
    assert risen[8:] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("data", "arguments", "steps"),
    [
        ("arrays", {"batch_size": 48, "labelled_share": 0.25, "epochs": 2}, 2),
        ("arrays", {"batch_size": 24, "shuffle": False}, 2),
        ("arrays", {"batch_size": 12, "labelled_share": 0.5, "steps_per_epoch": 2}, 2),
        ("PyDataset", {"epochs": 3, "initial_epoch": 1}, 4),
    ],
)
def test_the_steps_are_known_of_each_form_of_data(data: str, arguments: dict[str, Any], steps: int) -> None:
    model = model_of({**PLAIN, "rise": "auto"}, rate=0.0)
    y = hidden(CLASSES)
    model.fit(*((X, y) if data == "arrays" else (Batches(X, y, 24),)), verbose=0, **arguments)
    assert model.agreement is not None
    assert int(model.agreement.steps) == steps
    assert float(model.agreement._rise) == steps // 2


def test_where_the_steps_are_not_known_they_are_asked_for() -> None:
    model = model_of({**PLAIN, "rise": "auto"})
    with pytest.raises(InvalidInputError, match=r"the number of steps is unknown here\. Set the steps"):
        model.train_on_batch(X, hidden(CLASSES))
    endless = ((X, hidden(CLASSES)) for _ in iter(int, 1))
    with pytest.raises(InvalidInputError, match="the number of steps is unknown here"):
        model.fit(endless, verbose=0)
    model_of({**PLAIN, "rise": "auto", "weight": 0.0}).train_on_batch(X, hidden(CLASSES))  # nothing rises


def test_soft_labels_give_way() -> None:
    options = {"output": "main", "error": 0.1, "guess": 0.6, "surprise": 0.4, "seed": 0}
    specs = {"soft_labels": TargetSpec("soft_labels", "soft_labels", "distribution", (3,), options=options)}
    soft = np.where(np.arange(48)[:, None] < N_LABELLED, np.nan, np.eye(3)[CLASSES]).astype("float32")
    y = {"main": hidden(CLASSES), "soft_labels": soft}

    def logs_of(rise: int) -> dict[str, float]:
        agreement = {**PLAIN, "rise": rise, "threshold": 0.0}
        model = attach_heads(dense_base(dropout=0.0), specs, weights=1.0, samples=X, agreement=agreement)
        model.compile(keras.optimizers.SGD(0.0), LOSS)
        logs: dict[str, float] = model.train_on_batch(X, y, return_dict=True)
        return logs

    own, agreement, _ = expected_of_classes(dense_base(dropout=0.0), 0.0)
    first, last = logs_of(10), logs_of(0)
    assert first["loss"] == pytest.approx(first["main_loss"] + own + first["soft_labels_loss"], rel=1e-4)
    assert last["loss"] == pytest.approx(last["main_loss"] + own + agreement, rel=1e-4)


def test_heads_read_the_samples_as_they_are() -> None:
    y = {"main": hidden(CLASSES), **aux_targets()}
    found = []
    for agreement in (PLAIN, None):
        model = attach_heads(dense_base(dropout=0.0), SPECS, samples=X, agreement=agreement, seed=3)
        model.compile(keras.optimizers.SGD(0.1), LOSS)
        found.append(model.train_on_batch(X, y, return_dict=True))
    for name in ("numbers_loss", "kind_loss", "main_loss"):
        assert found[0][name] == found[1][name]
    assert found[0]["loss"] > found[1]["loss"]


def test_weightings_work_beside_it() -> None:
    every: Any = ["uncertainty", "dwa", "cosine_gate", {"warm_up": {"steps": 2}}]
    model = attach_heads(dense_base(), SPECS, samples=X, agreement=PLAIN, weighting=every)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    history = model.fit(X, {"main": hidden(CLASSES), **aux_targets()}, batch_size=24, verbose=0).history
    assert np.isfinite([history[name] for name in ("loss", "agreement_loss", "numbers_weight")]).all()


def test_the_base_draws_the_random_numbers_that_it_would_without() -> None:
    states = []
    for agreement in ({**PLAIN, "strong": [mirrored, layers.GaussianNoise(0.5)]}, None):
        base = dense_base(dropout=0.5)
        model = attach_heads(base, SPECS, samples=X, agreement=agreement, seed=3)
        model.compile(keras.optimizers.SGD(0.0), LOSS)
        logs = [
            model.train_on_batch(X, {"main": hidden(CLASSES), **aux_targets()}, return_dict=True)["numbers_loss"]
            for _ in range(2)
        ]
        states.append((logs, keras.ops.convert_to_numpy(base.layers[1].seed_generator.state).tolist()))
    assert states[0] == states[1]


def with_norm() -> keras.Model:
    keras.utils.set_random_seed(4)
    inner = [layers.Dense(8), layers.BatchNormalization(momentum=0.5), layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((10,)), *inner])


def test_moving_averages_of_batch_normalisation_are_those_of_the_samples_as_they_are() -> None:
    model, plain = model_of({**PLAIN, "strong": lambda x: 7 * x}, base=with_norm()), with_norm()
    model.train_on_batch(X, hidden(CLASSES))
    plain(X, training=True)
    for one, other in zip(model.base.layers[1].variables[2:], plain.layers[1].variables[2:], strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_batch_normalisation_normalises_weak_and_strong_copies_each_by_themselves() -> None:
    agreement = {"weak": lambda x: 5 * x, "strong": lambda x: 70 * x + 3, "rise": 0, "threshold": 0.0, "align": False}
    model = model_of(agreement, base=with_norm())
    said = np.asarray(with_norm()(X, training=True))
    logs = model.train_on_batch(X, hidden(CLASSES), return_dict=True)
    # All copies are the same to a network that begins with a linear layer and a normalisation.
    assert logs["agreement_loss"] == pytest.approx(cross_entropy(hard(said), said)[N_LABELLED:].mean(), rel=1e-2)


def test_losses_of_layers_are_counted_once() -> None:
    def base_of() -> keras.Model:
        keras.utils.set_random_seed(4)
        inner = layers.Dense(8, activity_regularizer="l2")
        return keras.Sequential([keras.Input((10,)), inner, layers.Dense(3, "softmax")])

    plain = base_of()
    plain.compile("sgd", LOSS)
    expected = plain.evaluate(X[:N_LABELLED], CLASSES[:N_LABELLED], verbose=0)
    model = model_of({"weak": None, "strong": layers.Identity(), "weight": 0.0}, base=base_of())
    logs = model.train_on_batch(X[:N_LABELLED], CLASSES[:N_LABELLED], return_dict=True)
    without = cross_entropy(np.eye(3)[CLASSES[:N_LABELLED]], plain.predict(X[:N_LABELLED], verbose=0)).mean()
    assert logs["loss"] == pytest.approx(expected + without, rel=1e-4)


def test_an_average_of_the_weights_gives_the_answers() -> None:
    model = model_of({**PLAIN, "ema": 0.5, "threshold": 0.0, "align": False})
    average = [weight.copy() for weight in model.base.get_weights()]
    for step in range(3):
        decay = min(0.5, step / (step + 9))
        average = [
            decay * mean + (1 - decay) * weight for mean, weight in zip(average, model.base.get_weights(), strict=True)
        ]
        teacher = dense_base(dropout=0.0)
        teacher.set_weights(average)
        weak, strong = teacher.predict(0.9 * X, verbose=0), model.base.predict(X[:, ::-1], verbose=0)
        model.reset_metrics()
        logs = model.train_on_batch(X, hidden(CLASSES), return_dict=True)
        assert logs["agreement_loss"] == pytest.approx(cross_entropy(hard(weak), strong)[N_LABELLED:].mean(), rel=1e-4)


def test_an_average_of_decay_0_is_the_model_itself() -> None:
    averaged, plain = model_of({**PLAIN, "ema": 0.0}), model_of()
    for model in (averaged, plain):
        model.fit(X, hidden(CLASSES), batch_size=24, verbose=0)
    for one, other in zip(averaged.base.get_weights(), plain.base.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


DRAWN = {"weak": layers.GaussianNoise(0.1), "strong": [layers.GaussianNoise(0.5), mirrored], "rise": 6, "ema": 0.9}


def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    fit: dict[str, Any] = {"batch_size": 16, "labelled_share": 0.25, "verbose": 0}
    whole, first = (model_of(DRAWN, base=dense_base()) for _ in range(2))
    whole.fit(X, hidden(CLASSES), epochs=2, **fit)
    first.fit(X, hidden(CLASSES), epochs=1, **fit)
    first.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert float(loaded.agreement.steps) == 3.0
    loaded.fit(X, hidden(CLASSES), epochs=2, initial_epoch=1, **fit)
    assert_same(whole, loaded)
    assert not np.array_equal(first.base.get_weights()[0], whole.base.get_weights()[0])


def weights_of(seed: int) -> list[np.ndarray]:
    model = attach_heads(dense_base(), None, samples=X, agreement=DRAWN, seed=seed)
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    model.fit(X, hidden(CLASSES), batch_size=16, verbose=0)
    return list(model.base.get_weights())


@pytest.mark.graph
def test_one_seed_ends_in_the_same_bits() -> None:
    for first, second in zip(weights_of(1), weights_of(1), strict=True):
        np.testing.assert_array_equal(first, second)


def test_another_seed_ends_in_other_bits() -> None:
    assert not np.array_equal(weights_of(1)[0], weights_of(2)[0])


def test_nothing_is_left_on_the_base(tmp_path: Path) -> None:
    base = dense_base()
    model = attach_heads(base, None, samples=X, agreement=DRAWN)
    model.compile("sgd", LOSS)
    model.fit(X, hidden(CLASSES), batch_size=24, verbose=0)
    model.base.save(tmp_path / "base.keras")
    before = base.predict(X, verbose=0)
    assert strip_heads(model) is base
    assert len(base.variables) == len(dense_base().variables)
    np.testing.assert_array_equal(base.predict(X, verbose=0), before)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "base.keras").predict(X, verbose=0), before)


def test_evaluation_knows_nothing_of_it() -> None:
    model = model_of()
    model.fit(X, hidden(CLASSES), batch_size=24, validation_data=(X, CLASSES), verbose=0)
    found = model.evaluate(X, CLASSES, return_dict=True, verbose=0)
    expected = cross_entropy(np.eye(3)[CLASSES], model.predict(X, verbose=0)).mean()
    assert found == {"loss": pytest.approx(expected, rel=1e-4)}
    partly = model.evaluate(X, hidden(CLASSES), return_dict=True, verbose=0)
    of_labelled = cross_entropy(np.eye(3)[CLASSES], model.predict(X, verbose=0))[:N_LABELLED].mean()
    assert partly["loss"] == pytest.approx(of_labelled, rel=1e-4)


def test_mixed_precision() -> None:
    base = dense_base()
    for layer in base.layers:
        layer.dtype_policy = "mixed_float16"
    model = model_of({**PLAIN, "ema": 0.9}, base=base)
    history = model.fit(X, hidden(CLASSES), batch_size=24, verbose=0).history
    assert np.isfinite([history["loss"], history["agreement_loss"]]).all()


def test_names_stand_for_sets_of_changes() -> None:
    images = RNG.uniform(size=(48, 8, 8, 1)).astype("float32")
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    model = attach_heads(base, None, samples=images, agreement=["shifts_and_turns", "colour"])
    model.compile("sgd", LOSS)
    history = model.fit(images, hidden(CLASSES), batch_size=24, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.agreement is not None
    assert model.agreement.weak == model.agreement.strong == ("shifts_and_turns", "colour")


def test_what_cannot_be_asked_is_refused() -> None:
    base = dense_base()

    def attach(agreement: Any, **arguments: Any) -> AuxModel:
        return attach_heads(base, arguments.pop("targets", None), samples=X, agreement=agreement, **arguments)

    with pytest.raises(UnknownNameError, match="there is no set of changes named 'shift'"):
        attach("shift")
    with pytest.raises(InvalidInputError, match=r"'shifts' changes images, .* found inputs of shape \(10,\)"):
        attach("shifts")
    with pytest.raises(
        InvalidTypeError, match=r"`agreement` must be the name of a set of changes .*; got 3 of type int"
    ):
        attach(3)
    with pytest.raises(InvalidInputError, match="`agreement`: 'weak' is missing"):
        attach({"strong": mirrored})
    with pytest.raises(InvalidInputError, match="`agreement`: 'strong' names no change"):
        attach({"weak": mirrored, "strong": []})
    with pytest.raises(UnknownNameError, match="there is no option named 'tau'"):
        attach({**PLAIN, "tau": 0.9})
    with pytest.raises(
        InvalidInputError, match=r"'rise'\] must be|'rise' must be a number of steps or 'auto'; got 'slow'"
    ):
        attach({**PLAIN, "rise": "slow"})
    with pytest.raises(InvalidInputError, match=r"`agreement\['threshold'\]` must be .* got 1.5"):
        attach({**PLAIN, "threshold": 1.5})
    with pytest.raises(
        InvalidInputError, match=r"'strong' must return copies of the same shape; from \(2, 10\) it made"
    ):
        attach({**PLAIN, "strong": lambda x: x[:, :5]})
    with pytest.raises(InvalidInputError, match="trains the main output in every step"):
        attach(PLAIN, targets=SPECS, schedule="alternating")
    with pytest.raises(InvalidInputError, match="a target named 'agreement', a name that agreement uses"):
        attach(PLAIN, targets={"agreement": TargetSpec("agreement", "test", "vector", (2,))})


def test_what_cannot_be_learned_is_refused() -> None:
    without_loss = attach_heads(dense_base(), SPECS, samples=X, agreement=PLAIN)
    without_loss.compile("sgd")
    with pytest.raises(InvalidInputError, match="`agreement` trains the main output: it needs main labels"):
        without_loss.train_on_batch(X, aux_targets())
    with pytest.raises(InvalidInputError, match="the loss of the output 'main', 'hinge', does not determine"):
        model_of(base=dense_base(1, None), loss="hinge").train_on_batch(X, np.where(CLASSES > 0, 1.0, -1.0))
    with pytest.raises(InvalidInputError, match="`agreement`: changed copies are learned only in fit"):
        model_of().auxiliary_loss(X, {})


def test_transformed_copies_are_no_samples_to_be_labelled() -> None:
    images = RNG.uniform(size=(8, 8, 8, 1)).astype("float32")
    targets = auxtasks.make_aux_targets(images, "image", ["rotation"])
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    with pytest.raises(InvalidInputError, match="`targets` holds transformed copies of the samples"):
        attach_heads(base, targets, agreement="shifts")


def test_several_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    two = SimpleNamespace(num_replicas_in_sync=2)  # a second device would have to be there before TensorFlow is used
    monkeypatch.setattr(AuxModel, "distribute_strategy", two)
    with pytest.raises(InvalidInputError, match=r"`agreement`: .* on one device only; got a strategy with 2 replicas"):
        model.compile("sgd", LOSS)
