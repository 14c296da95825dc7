"""Changed copies: what each named set does, by random numbers that follow from a seed."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from scipy import ndimage

from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import show_changes
from auxtasks.keras.changes import SETS, changed, crop_and_stretch, distort, drop_and_swap, erase, listed_changes

RNG = np.random.default_rng(0)
SAMPLES = {
    "images": RNG.uniform(size=(6, 12, 10, 3)).astype("float32"),
    "signals": RNG.normal(size=(6, 20, 3)).astype("float32"),
    "tokens": np.where(np.arange(9) < RNG.integers(3, 9, (6, 1)), RNG.integers(1, 30, (6, 9)), 0),
}


def seeded(seed: int = 3) -> keras.random.SeedGenerator:
    return keras.random.SeedGenerator(seed)


def copies(name: str, inputs: np.ndarray, *, strong: bool = True, seed: int = 3) -> np.ndarray:
    tensor = keras.ops.convert_to_tensor(inputs)
    return keras.ops.convert_to_numpy(changed(tensor, [name], seeded(seed), strong=strong))


@pytest.mark.parametrize("name", SETS)
def test_a_set_keeps_shape_and_dtype_and_follows_from_its_seed(name: str) -> None:
    inputs = SAMPLES[SETS[name].what]
    first, again, other = (copies(name, inputs, seed=seed) for seed in (3, 3, 4))
    assert first.shape == inputs.shape
    assert first.dtype == inputs.dtype
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", [name for name in SETS if SETS[name].what != "tokens"])
def test_a_strong_change_is_stronger(name: str) -> None:
    inputs = SAMPLES[SETS[name].what]
    weak, strong = (np.abs(copies(name, inputs, strong=strong) - inputs).mean() for strong in (False, True))
    assert strong > 1.5 * weak


def test_images_without_channels_change_as_those_with_one() -> None:
    images = SAMPLES["images"][..., 0]
    np.testing.assert_array_equal(
        copies("shifts_and_turns", images), copies("shifts_and_turns", images[..., None])[..., 0]
    )


def test_bytes_stay_bytes() -> None:
    images = (SAMPLES["images"] * 255).astype("uint8")
    found = copies("colour", images)
    assert found.dtype == np.uint8
    assert (np.abs(found.astype(int) - copies("colour", images.astype("float32"))) <= 255).all()
    inside = np.clip(copies("colour", images.astype("float32")), 0, 255)
    np.testing.assert_allclose(found, inside, atol=0.51)


def test_a_turn_is_that_of_scipy() -> None:
    image = ndimage.gaussian_filter(RNG.uniform(size=(25, 25)), 2).astype("float32")
    tensor = keras.ops.convert_to_tensor(image[None])
    found = keras.ops.convert_to_numpy(distort(tensor, seeded(), degrees=30.0))[0]
    drawn = keras.ops.convert_to_numpy(keras.random.uniform((1, 3), -1.0, 1.0, seed=seeded()))[0]
    expected = ndimage.rotate(image, float(drawn[2]) * 30.0, reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(found[6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-3)


def test_a_shift_is_that_of_scipy() -> None:
    image = RNG.uniform(size=(16, 12)).astype("float32")
    found = copies("shifts", image[None])[0]
    x, y, _ = keras.ops.convert_to_numpy(keras.random.uniform((1, 3), -1.0, 1.0, seed=seeded()))[0]
    expected = ndimage.shift(image, (-y * 0.12 * 16, -x * 0.12 * 12), order=1, mode="nearest")
    np.testing.assert_allclose(found[3:-3, 3:-3], expected[3:-3, 3:-3], atol=1e-4)


def test_a_stretch_with_shear_is_the_affine_transform_of_scipy() -> None:
    image = ndimage.gaussian_filter(RNG.uniform(size=(21, 27)), 2).astype("float32")
    tensor = keras.ops.convert_to_tensor(image[None])
    found = keras.ops.convert_to_numpy(distort(tensor, seeded(), shift=0.1, degrees=20.0, stretch=0.3))[0]
    seed = seeded()
    x, y, angle = keras.ops.convert_to_numpy(keras.random.uniform((1, 3), -1.0, 1.0, seed=seed))[0]
    wide, high, shear = keras.ops.convert_to_numpy(keras.random.uniform((1, 3), -0.3, 0.3, seed=seed))[0]
    turned = np.deg2rad(20.0 * angle)
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    matrix = turn @ [[1 + wide, shear], [0, 1 + high]]  # of (x, y); SciPy reads (row, column)
    matrix, middle, moved = matrix[::-1, ::-1], np.array([10.0, 13.0]), np.array([2.1 * y, 2.7 * x])
    expected = ndimage.affine_transform(image, matrix, middle - matrix @ middle + moved, order=1, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_rectangle_of_each_image_is_set_to_the_mean() -> None:
    images = RNG.uniform(size=(300, 20, 12, 2)).astype("float32")
    tensor = keras.ops.convert_to_tensor(images)
    found = keras.ops.convert_to_numpy(erase(tensor, seeded(), most=0.5))
    erased = (found != images).all(axis=-1)
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    np.testing.assert_array_equal(erased, rows[:, :, None] & columns[:, None])
    assert rows.sum(axis=1).max() == 10
    assert columns.sum(axis=1).max() == 6
    assert (np.abs(np.diff(rows, axis=1)).sum(axis=1) <= 2).all()
    assert 0.03 < erased.mean() < 0.09  # a sixteenth, less what lies outside
    np.testing.assert_allclose(
        found, np.where(erased[..., None], images.mean(axis=(1, 2), keepdims=True), images), rtol=1e-6
    )
    grey = keras.ops.convert_to_numpy(erase(tensor[..., 0], seeded(), most=0.5))
    np.testing.assert_allclose(grey, found[..., 0], rtol=1e-5)


def test_a_stretch_reads_between_the_steps() -> None:
    ramp = np.broadcast_to(np.arange(20.0, dtype="float32")[:, None], (4, 20, 2))
    found = keras.ops.convert_to_numpy(crop_and_stretch(keras.ops.convert_to_tensor(ramp), seeded(), most=0.4))
    slopes = np.diff(found, axis=1)
    np.testing.assert_allclose(slopes, np.broadcast_to(slopes[:, :1, :1], slopes.shape), atol=1e-4)
    assert ((slopes > 0.59) & (slopes < 1.0)).all()
    assert ((found >= 0) & (found <= 19)).all()
    flat = keras.ops.convert_to_numpy(crop_and_stretch(keras.ops.convert_to_tensor(ramp[..., 0]), seeded(), most=0.4))
    np.testing.assert_allclose(flat, found[..., 0], atol=1e-5)


def test_channels_are_dropped_whole_and_never_all() -> None:
    signals = RNG.normal(size=(200, 5, 2)).astype("float32")
    found = copies("channel_dropout", signals)
    kept = (found != 0).all(axis=1)
    assert ((found == 0).all(axis=1) | kept).all()
    assert kept.any(axis=1).all()
    np.testing.assert_array_equal(found, signals * kept[:, None])
    assert 0.1 < 1 - kept.mean() < 0.4
    with pytest.raises(InvalidInputError, match=r"'channel_dropout' needs signals of two channels .* shape \(5, 1\)"):
        copies("channel_dropout", signals[..., :1])


def test_tokens_are_left_out_and_change_places_nearby() -> None:
    tokens = np.arange(1, 401).reshape(4, 100)
    tokens[:, 80:] = 0
    found = keras.ops.convert_to_numpy(
        drop_and_swap(keras.ops.convert_to_tensor(tokens), seeded(), drop=0.2, reach=3.0)
    )
    for before, after in zip(tokens, found, strict=True):
        n_left = int((after != 0).sum())
        assert 50 < n_left < 78
        assert (after[n_left:] == 0).all()  # what became free is at the end
        assert set(after[:n_left]) <= set(before[:80])
        assert len(set(after[:n_left])) == n_left
        order = after[:n_left] - before[0]
        assert (np.diff(np.maximum.accumulate(order)) >= 0).all()
        assert (np.maximum.accumulate(order) - order <= 3).all()  # none is passed by one from farther away
        assert not np.array_equal(order, np.sort(order))


def test_weak_changes_of_tokens_keep_their_order() -> None:
    tokens = np.tile(np.arange(1, 21), (50, 1))
    found = copies("dropout_and_swap", tokens, strong=False)
    for after in found:
        left = after[after != 0]
        assert (np.diff(left) > 0).all()
        assert len(left) >= 14


def test_one_token_stays_of_each_text() -> None:
    alone = np.array([[7, 0, 0]] * 100)
    np.testing.assert_array_equal(copies("dropout_and_swap", alone), alone)


def test_layers_and_functions_of_users() -> None:
    tensor = keras.ops.convert_to_tensor(SAMPLES["signals"])
    noise = keras.layers.GaussianNoise(0.5, seed=1)
    states = [keras.ops.convert_to_numpy(noise.seed_generator.state)]
    first, again = (changed(tensor, [noise], seeded(), strong=True) for _ in range(2))
    np.testing.assert_array_equal(first, again)  # by the seed of the agreement, not by the layer's own
    np.testing.assert_array_equal(states[0], keras.ops.convert_to_numpy(noise.seed_generator.state))
    both = changed(tensor, [lambda x: x + 1, partial(_times, by=2.0)], seeded(), strong=True)
    np.testing.assert_allclose(both, 2 * (SAMPLES["signals"] + 1), rtol=1e-6)
    drawn = changed(tensor, [_noisy], seeded(), strong=True)
    np.testing.assert_array_equal(drawn, changed(tensor, [_noisy], seeded(), strong=True))
    assert not np.array_equal(drawn, changed(tensor, [_noisy], seeded(4), strong=True))


def _times(inputs: Any, by: float) -> Any:
    return inputs * by


def _noisy(inputs: Any, seed: Any) -> Any:
    return inputs + keras.random.normal(keras.ops.shape(inputs), seed=seed)


def test_layers_of_keras_change_images() -> None:
    layer = keras.layers.RandomTranslation(0.2, 0.2)
    tensor = keras.ops.convert_to_tensor(SAMPLES["images"])
    first, again = (changed(tensor, [layer], seeded(), strong=True) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, SAMPLES["images"])


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="`changes`: there is no set of changes named 'shift'"):
        listed_changes("changes", "shift")
    with pytest.raises(InvalidTypeError, match=r"`changes`: a change must be the name of a set.* got 3"):
        listed_changes("changes", ["shifts", 3])
    with pytest.raises(InvalidInputError, match=r"'shifts' changes images, of 3 or 4 axes, .* inputs of shape \(10,\)"):
        copies("shifts", np.zeros((4, 10), "float32"))
    with pytest.raises(InvalidInputError, match=r"'jitter' changes signals, .* found several inputs"):
        changed([keras.ops.zeros((4, 10))] * 2, ["jitter"], seeded(), strong=True)


@pytest.mark.parametrize(
    ("name", "what"), [("colour", "images"), ("scaling", "signals"), ("dropout_and_swap", "tokens")]
)
def test_a_picture_of_changes(name: str, what: str) -> None:
    figure = show_changes(SAMPLES[what], name, n=2)
    assert [axes.get_title() for axes in figure.axes[:6]] == ["as it is", "weak", "weak", "strong", "strong", "strong"]
    assert len(figure.axes) == 12
    drawn = figure.axes[0]
    if what == "tokens":
        assert drawn.texts[0].get_text() == " ".join(map(str, SAMPLES[what][0]))
    elif what == "images":
        shown = drawn.images[0].get_array()
        np.testing.assert_allclose((shown - shown.min()) / np.ptp(shown), _unit(SAMPLES[what][0]), atol=1e-5)
    else:
        np.testing.assert_array_equal(drawn.lines[1].get_ydata(), SAMPLES[what][0][:, 1])


def _unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"`X` must hold images, signals or .* found <U1 of shape \(2,\)"):
        show_changes(np.array(["a", "b"]), "shifts")
    with pytest.raises(InvalidInputError, match="`agreement` must name changes to show; got None"):
        show_changes(SAMPLES["images"], None)
