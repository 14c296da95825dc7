"""Training with heads holds on every backend what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backend_models import FEW, TARGETS, X, Y, base, fit, same

import auxtasks
from auxtasks.batches.composition import Composition
from auxtasks.errors import AuxTasksWarning
from auxtasks.keras import attach_heads, strip_heads
from auxtasks.keras.weighting import WarmUp


@pytest.mark.feature("Heads, `fit`, `evaluate`, `predict`")
@pytest.mark.parametrize("how", [{}, pytest.param({"run_eagerly": False}, marks=pytest.mark.graph)])
def test_weight_0_trains_as_without_heads(how: dict[str, Any]) -> None:
    plain, wrapped = base(**how), base(**how)
    fit(plain, X, Y, epochs=1)
    model = attach_heads(wrapped, TARGETS, weights=0.0, seed=5)
    logs = fit(model, X, TARGETS.with_main(Y), epochs=1)
    assert same(plain, strip_heads(model))
    assert {"main_loss", "std_loss", "abs_sum_changes_loss", "accuracy"} < set(logs)
    assert model.evaluate(X, Y, verbose=0) == plain.evaluate(X, Y, verbose=0)


@pytest.mark.feature("Heads, `fit`, `evaluate`, `predict`")
def test_heads_learn_and_teach_the_trunk() -> None:
    plain, model = base(), attach_heads(base(), TARGETS, weights=1.0, at="conv", seed=5)
    fit(plain, X, Y)
    logs = fit(model, X, TARGETS.with_main(Y), epochs=4)
    assert len(model.heads) == 1  # fused
    assert logs["std_loss"][-1] < logs["std_loss"][0]
    assert not np.array_equal(plain.get_layer("conv").get_weights()[0], model.get_layer("conv").get_weights()[0])
    found = model.predict_auxiliary(X, verbose=0)
    assert list(found) == ["std", "abs_sum_changes"]
    assert {name: array.shape for name, array in found.items()} == {"std": (96, 2), "abs_sum_changes": (96, 2)}


@pytest.mark.feature("Missing main labels, composed batches")
def test_a_missing_label_adds_nothing_and_is_no_nan() -> None:
    model = attach_heads(base(), TARGETS, weights=1.0, seed=5)
    logs = fit(model, X, TARGETS.with_main(FEW), epochs=1, labelled_share=None, shuffle=False, batch_size=24)
    assert np.isfinite([values[0] for values in logs.values()]).all()  # three of four batches hold no label
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    nothing = model.evaluate(X, TARGETS.with_main(np.full(96, -1)), verbose=0, return_dict=True)
    assert np.isnan([nothing["main_loss"], nothing["accuracy"]]).all()
    assert np.isfinite(nothing["std_loss"])


class Batches(keras.layers.Layer):
    """Notes the first number of each sample that passes, where steps run eagerly."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def call(self, inputs: Any) -> Any:
        if self._notes:
            self.seen.append(np.asarray(keras.ops.convert_to_numpy(inputs))[:, 0])
        return inputs

    _notes = False


@pytest.mark.feature("Missing main labels, composed batches")
@pytest.mark.needs_backend("tensorflow", "torch", reason="JAX traces every step, and a layer cannot note what it sees")
def test_batches_hold_the_samples_that_are_planned() -> None:
    numbers, note = np.arange(40.0, dtype="float32")[:, None], Batches()
    network = keras.Sequential([keras.Input((1,)), note, keras.layers.Dense(4), keras.layers.Dense(2)])
    targets = auxtasks.make_aux_targets(numbers, "any", "reconstruction")
    model = attach_heads(network, targets)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    y = np.where(np.arange(40) < 4, np.arange(40) % 2, -1)
    note._notes = True
    model.fit(numbers, targets.with_main(y), batch_size=8, epochs=2, seed=9, verbose=0)
    plan = Composition(y >= 0, 8, 0.5, 9)
    wanted = np.concatenate([plan.epoch(0), plan.epoch(1)])
    seen = [rows for rows in note.seen if len(rows) == 8][-len(wanted) :]
    assert np.array_equal(np.asarray(seen, int), wanted)


@pytest.mark.feature("Soft labels")
def test_soft_labels_are_compared_with_the_network_which_is_put_back() -> None:
    soft = auxtasks.make_aux_targets(X, "signal", ["soft_labels"], y=FEW)
    network = base()
    before, model = network.get_weights(), attach_heads(network, soft)
    fit(model, X, soft.with_main(FEW), epochs=1, steps_per_epoch=1)
    assert "this network" in model.told_of_soft_labels[0]
    moved = [np.abs(now - then).max() for now, then in zip(network.get_weights(), before, strict=True)]
    assert 0 < max(moved) < 0.05  # one step, from the weights that it had


@pytest.mark.feature("Saving, loading, resuming bit for bit")
def test_a_saved_model_goes_on_as_it_would_have(tmp_path: Path) -> None:
    model = attach_heads(base(), TARGETS, weights=1.0, weighting=[WarmUp(20), "uncertainty"], seed=5)
    fit(model, X, TARGETS.with_main(FEW), epochs=1, batch_size=64)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    for each in (model, loaded):
        fit(each, X, TARGETS.with_main(FEW), epochs=1, batch_size=64)
    assert same(model, loaded)
    strip_heads(loaded).save(tmp_path / "base.keras")
    stripped = keras.models.load_model(tmp_path / "base.keras")
    assert np.array_equal(stripped.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.feature("Deep supervision, metrics of tasks, class weights")
def test_deep_supervision_metrics_and_class_weights_go_together() -> None:
    model = attach_heads(base(), TARGETS, deep_supervision=["conv"], metrics="auto", weights=1.0)
    logs = fit(model, X, TARGETS.with_main(Y), class_weight={"main": {0: 1.0, 1: 3.0}}, epochs=1)
    assert {"std_mae", "main_at_conv_loss", "main_at_conv_accuracy"} < set(logs)
    assert np.isfinite([values[0] for values in logs.values()]).all()


@pytest.mark.feature("Data as a `PyDataset`")
def test_batches_of_a_data_set_train_as_arrays_do() -> None:
    one, other = (attach_heads(base(), TARGETS, weights=1.0, seed=5) for _ in range(2))
    fit(one, X, TARGETS.with_main(Y), shuffle=False)
    fit(other, TARGETS.to_py_dataset(Y), shuffle=False)
    # Graphs for batches of another form may round otherwise.
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.feature("`train_on_batch`, `auxiliary_loss`")
def test_one_batch_at_a_time() -> None:
    model = attach_heads(base(), TARGETS, weights=1.0)
    logs = model.train_on_batch(
        X[:8], {name: array[:8] for name, array in TARGETS.with_main(Y).items()}, None, None, True
    )
    assert np.isfinite(logs["std_loss"])
    loss = model.auxiliary_loss(X[:8], {name: TARGETS[name][:8] for name in TARGETS})
    assert float(keras.ops.convert_to_numpy(keras.ops.stop_gradient(loss))) > 0


@pytest.mark.feature("`train_on_batch`, `auxiliary_loss`")
def test_an_auxiliary_loss_is_of_the_values_that_a_step_gives_the_weights() -> None:
    """A step of JAX holds them in a scope of Keras, around what the user computes in it."""
    model = attach_heads(base(), TARGETS, weights=1.0)
    batch = X[:8], {name: TARGETS[name][:8] for name in TARGETS}

    def loss() -> float:
        return float(keras.ops.convert_to_numpy(keras.ops.stop_gradient(model.auxiliary_loss(*batch, training=False))))

    before, doubled = (
        loss(),
        [(weight, 2 * keras.ops.convert_to_tensor(weight)) for weight in model.trainable_variables],
    )
    with keras.StatelessScope(doubled):
        inside = loss()
    for weight, value in doubled:
        weight.assign(keras.ops.stop_gradient(value))
    assert inside == pytest.approx(loss(), rel=1e-5)
    assert inside != pytest.approx(before, rel=1e-2)


@pytest.mark.feature("Taps that learn are chosen, others named")
def test_a_tap_where_nothing_is_learned_is_seen() -> None:
    network = base()
    network.get_layer("conv").trainable = network.get_layer("norm").trainable = False
    with pytest.warns(AuxTasksWarning, match="all weights at and below 'conv' are frozen"):
        attach_heads(network, TARGETS, at="conv")


def test_one_seed_is_one_model() -> None:
    def weights() -> list[Any]:
        keras.utils.set_random_seed(4)
        return attach_heads(base(), TARGETS).get_weights()

    assert all(map(np.array_equal, weights(), weights()))
