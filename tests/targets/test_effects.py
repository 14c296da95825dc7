"""Tasks that change the inputs come first, and every other target fits what results."""

from typing import Any

import numpy as np
import pytest

from auxtasks import make_aux_targets
from auxtasks.errors import InvalidInputError
from auxtasks.typing import Array

REVERSE = {"transform": {"transformations": ["time_reversal"]}}


@pytest.mark.parametrize("convert", [np.asarray, np.asfortranarray, lambda X: X.astype(np.float16)])
def test_next_steps_are_cut_off_the_inputs(signals: Array, convert: Any) -> None:
    X = convert(signals)
    targets = make_aux_targets(X, "signal", ["std", {"next_steps": {"horizon": 4}}], scale=False)
    assert list(targets) == ["std", "next_steps"]
    assert targets.inputs.dtype == X.dtype
    np.testing.assert_array_equal(targets.inputs, X[:, :-4])
    np.testing.assert_allclose(targets["next_steps"], X[:, -4:].reshape(12, -1), rtol=1e-6)
    alone = make_aux_targets(np.ascontiguousarray(X[:, :-4]), "signal", "std", scale=False)
    np.testing.assert_array_equal(targets["std"], alone["std"])


def test_shortened_inputs_are_a_view_where_they_can_be(signals: Array) -> None:
    assert np.shares_memory(make_aux_targets(signals, "signal", "next_steps").inputs, signals)


def test_integers_are_shortened_chunk_by_chunk() -> None:
    film = np.random.default_rng(0).integers(0, 255, size=(70, 4, 40, 40), dtype=np.uint8)
    targets = make_aux_targets(film, "video", "next_frame", scale=False)
    assert targets.inputs.dtype == np.uint8
    np.testing.assert_array_equal(targets.inputs, film[:, :-1])
    np.testing.assert_array_equal(targets["next_frame"][..., 0], film[:, -1])


def test_copies_follow_the_originals_and_have_no_main_label(signals: Array) -> None:
    targets = make_aux_targets(
        signals, "signal", ["std", REVERSE], label_columns={"speaker": np.arange(12) % 3}, scale=False
    )
    np.testing.assert_array_equal(targets.inputs, np.concatenate([signals, signals[:, ::-1]]))
    np.testing.assert_array_equal(targets["transform"], [0] * 12 + [1] * 12)
    np.testing.assert_allclose(targets["std"][12:], targets["std"][:12], rtol=1e-6)
    np.testing.assert_array_equal(targets["speaker"], [*(np.arange(12) % 3), *[-1] * 12])
    np.testing.assert_array_equal(targets.with_main(np.arange(12))["main"], [*range(12), *[-1] * 12])
    assert (targets.n_samples, targets.n_original) == (24, 12)
    assert "24 samples, 12 of them transformed copies" in repr(targets)
    assert targets.specs["transform"].classes == ("original", "time_reversal")
    with pytest.raises(InvalidInputError, match="from 1 to 12 entries"):
        targets.with_main(np.arange(24))


def test_copies_depend_on_the_seed_alone(signals: Array) -> None:
    made = [make_aux_targets(signals, "signal", "transform", seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(made[0].inputs, made[1].inputs)
    assert not np.array_equal(made[0].inputs, made[2].inputs)
    again = [made[0].transform(signals[:5]) for _ in range(2)]
    np.testing.assert_array_equal(again[0].inputs, again[1].inputs)
    np.testing.assert_array_equal(again[0]["transform"], again[1]["transform"])


@pytest.mark.parametrize(
    ("dtype", "tasks", "expected"),
    [
        (np.float32, "transform", np.float32),
        (np.float16, "transform", np.float16),
        (np.int16, REVERSE, np.int16),
        (np.int16, {"transform": {"transformations": ["jitter"]}}, np.float64),
    ],
)
def test_the_dtype_of_the_inputs_is_kept_where_it_holds_the_copies(dtype: Any, tasks: Any, expected: Any) -> None:
    X = (100 * np.random.default_rng(0).normal(size=(6, 20))).astype(dtype)
    inputs = make_aux_targets(X, "signal", tasks).inputs
    assert (inputs.dtype, inputs.shape) == (expected, (12, 20))
    np.testing.assert_array_equal(inputs[:6], X)


def test_images_are_rotated() -> None:
    images = np.random.default_rng(0).integers(0, 255, size=(30, 6, 6), dtype=np.uint8)
    targets = make_aux_targets(images, "image", "rotation")
    assert targets.inputs.dtype == np.uint8
    for image, copy, turns in zip(images, targets.inputs[30:], targets["rotation"][30:], strict=True):
        np.testing.assert_array_equal(copy, np.rot90(image, turns))


def test_given_labels_per_step_must_fit_the_shortened_inputs(signals: Array) -> None:
    steps = np.random.default_rng(0).integers(0, 3, size=(12, 32))
    with pytest.raises(
        InvalidInputError, match="'state' has 32 steps, one for each of the inputs, and only 27 are left"
    ):
        make_aux_targets(signals, "signal", "next_steps", label_columns={"state": steps})
    targets = make_aux_targets(signals, "signal", "next_steps", label_columns={"state": steps[:, :27]})
    assert targets.specs["state"].shape == (27,)
