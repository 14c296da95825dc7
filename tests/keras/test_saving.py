"""Heads off, files, exports and copies."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import LOSS, SPECS, X, aux_targets, dense_base, dense_model, labels
from keras import layers
from kinds import BY_NAME

from auxtasks.errors import InvalidInputError
from auxtasks.keras import AuxModel, attach_heads, strip_heads

Y = {"main": labels(), **aux_targets()}
# Further ones of other layers are saved as the functional one is, only slower.
SAVED = (
    "sequential",
    "unbuilt_sequential",
    "subclassed",
    "shared_encoder",
    "masked_rnn",
    "transformer",
    "shared_layer",
)


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_is_the_same_model(name: str, tmp_path: Path) -> None:
    kind = BY_NAME[name]
    x, tap = kind.data(8), kind.tap
    y = {name: values[:8] for name, values in Y.items()}
    model = attach_heads(kind.build(), SPECS, at={"numbers": tap}, weights={"numbers": 1.0, "kind": 0.5}, samples=x)
    model.compile(keras.optimizers.SGD(0.1), LOSS, metrics=["accuracy"])
    model.fit(x, y, batch_size=8, verbose=0)
    answers = model.predict_on_batch(x)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, AuxModel)
    assert (loaded.loss_weights, loaded.specs) == ({"numbers": 1.0, "kind": 0.5}, SPECS)
    assert loaded.taps["numbers"] == model.taps["numbers"]
    np.testing.assert_allclose(loaded.predict_on_batch(x), answers, atol=1e-6)
    found, expected = (each.evaluate(x, y, return_dict=True, verbose=0) for each in (loaded, model))
    assert found == pytest.approx(expected, rel=1e-5)
    strip_heads(loaded).save(tmp_path / "base.keras")
    base = keras.models.load_model(tmp_path / "base.keras")
    np.testing.assert_allclose(base.predict_on_batch(x), answers, atol=1e-6)


def test_a_loaded_model_trains_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    model = dense_model(base=dense_base(dropout=0.0), run_eagerly=False, metrics=["accuracy"])
    model.compile(keras.optimizers.Adam(0.01), LOSS, metrics=["accuracy"])
    model.fit(X, Y, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    logs, expected = (each.fit(X, Y, shuffle=False, verbose=0).history for each in (loaded, model))
    assert logs.keys() == expected.keys()
    for name in logs:
        assert logs[name] == pytest.approx(expected[name], rel=1e-5), name


def test_weights_alone_can_be_saved(tmp_path: Path) -> None:
    model, other = dense_model({"kind": 0.25}), dense_model()
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "all.weights.h5")
    other.load_weights(tmp_path / "all.weights.h5")
    assert other.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert other.loss_weights == {"numbers": 1.0, "kind": 0.25}
    strip_heads(model).save_weights(tmp_path / "base.weights.h5")
    fresh = dense_base()
    fresh.load_weights(tmp_path / "base.weights.h5")
    np.testing.assert_array_equal(fresh.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "clone"])
def test_copies_are_whole_models(copied: str) -> None:
    model = dense_model()
    twin = {
        "pickle": lambda: pickle.loads(pickle.dumps(model)),  # noqa: S301 - what was just written
        "deepcopy": lambda: copy.deepcopy(model),
        "clone": lambda: keras.models.clone_model(model),
    }[copied]()
    assert isinstance(twin, AuxModel)
    assert twin.base is not model.base
    assert twin.taps == model.taps
    if copied != "clone":
        np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    twin.compile("sgd", LOSS)
    assert "kind_loss" in twin.fit(X, Y, verbose=0).history


@pytest.mark.needs_backend("tensorflow", reason="a saved model is TensorFlow's")
@pytest.mark.parametrize("compiled_base", [False, True])
def test_an_export_computes_the_main_output(tmp_path: Path, compiled_base: bool) -> None:
    import tensorflow as tf

    model = dense_model()
    if compiled_base:
        model.fit(X, Y, verbose=0)
    for name, each in {"heads": model, "base": strip_heads(model)}.items():
        each.export(tmp_path / name, verbose=False)
        exported = tf.saved_model.load(tmp_path / name)
        np.testing.assert_allclose(exported.serve(X), model.predict(X, verbose=0), atol=1e-6)


def test_stripping_gives_the_very_object_back_ready_for_use() -> None:
    base = dense_base()
    base.compile("sgd", LOSS)
    model = attach_heads(base, SPECS, samples=X, weights=1.0)
    model.compile("adam", LOSS)
    model.fit(X, Y, verbose=0)
    found = strip_heads(model)
    assert found is base
    assert not [layer for layer in base._flatten_layers() if layer.name.startswith("aux_")]
    np.testing.assert_array_equal(base.predict(X, verbose=0), model.predict(X, verbose=0))
    base.compile("adam", LOSS)
    base.fit(X, labels(), verbose=0)
    again = attach_heads(base, {"kind": SPECS["kind"]}, samples=X, weights=1.0)
    again.compile("adam", LOSS)
    assert set(again.fit(X, {"main": labels(), "kind": Y["kind"]}, verbose=0).history) == {
        "loss", "main_loss", "kind_loss"
    }  # fmt: skip


def test_the_old_format_is_refused_and_what_is_there_kept(tmp_path: Path) -> None:
    model = dense_model()
    (tmp_path / "w.h5").write_text("old")
    with pytest.raises(InvalidInputError, match=r"`filepath`: .* old format, \.h5; end the name in \.keras"):
        model.save(tmp_path / "w.h5")
    assert (tmp_path / "w.h5").read_text() == "old"
    with pytest.raises(InvalidInputError, match=r"or save the base alone: strip_heads\(model\)\.save"):
        keras.saving.save_model(model, tmp_path / "w.h5")


def test_checkpoints_of_the_whole_model_can_be_loaded(tmp_path: Path) -> None:
    model = dense_model(run_eagerly=False)
    save = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    model.fit(X, Y, callbacks=[save], epochs=2, verbose=0)
    loaded = keras.models.load_model(tmp_path / "2.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_the_usual_views_of_a_model_work(capsys: Any) -> None:
    model = dense_model()
    model.summary()
    assert "numbers + kind at 'dropout" in capsys.readouterr().out
    assert model.get_layer(model.base.name) is model.base
    assert model.count_params() == model.base.count_params() + sum(head.count_params() for head in model.heads) + 2
    inputs = keras.Input((10,))
    outer = keras.Model(inputs, layers.Dense(2)(model(inputs)))
    assert outer(X).shape == (48, 2)
