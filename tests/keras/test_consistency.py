"""Agreement in numbers: thresholds, frequencies of classes and losses, against an implementation in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from auxtasks.errors import InvalidInputError
from auxtasks.keras.taught import Kind, agreed, aligned, kind_of

RNG = np.random.default_rng(4)
N = 40
LABELLED = (np.arange(N) < 12).astype("float32")
SPARSE = "sparse_categorical_crossentropy"


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def adamatch(weak: np.ndarray, strong: np.ndarray, tau: float, align: bool) -> tuple[float, float]:
    """Return the loss and the share of sure answers for probabilities of classes, sample by sample."""
    others = [row for row in range(N) if not LABELLED[row]]
    source = [weak[row] for row in range(N) if LABELLED[row]]
    ratio = np.mean(source, axis=0) / np.mean([weak[row] for row in others], axis=0) if align else np.ones(len(weak[0]))
    limit = tau * np.mean([row.max() for row in source])
    losses, sure = [], []
    for row in others:
        target = weak[row] * ratio
        target = target / target.sum()
        sure.append(bool(target.max() >= limit))
        losses.append(-np.log(strong[row][target.argmax()]) if sure[-1] else 0.0)
    return float(np.mean(losses)), float(np.mean(sure))


def found(kind: Kind, loss: Any, weak: Any, strong: Any, tau: float = 0.9, align: bool = True) -> tuple[float, float]:
    tensors = (keras.ops.convert_to_tensor(part.astype("float32")) for part in (weak, strong))
    totals = agreed(kind, loss, *tensors, keras.ops.convert_to_tensor(LABELLED), tau, align=align)
    values = [float(total.loss) / max(float(total.count), 1.0) for total in totals]
    return values[0], values[1]


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("tau", [0.0, 0.9, 1.0])
def test_classes(tau: float, align: bool) -> None:
    weak, strong = RNG.normal(size=(2, N, 4)) * 2 + np.array([1.0, 0.0, 0.0, -1.0])
    expected = adamatch(softmax(weak), softmax(strong), tau, align)
    assert found("classes", SPARSE, softmax(weak), softmax(strong), tau, align) == pytest.approx(expected, rel=1e-4)
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert found("classes", logits, weak, strong, tau, align) == pytest.approx(expected, rel=1e-4)
    if tau == 0.9:
        assert 0.1 < expected[1] < 0.9
    if tau == 0.0:
        assert expected[1] == 1.0


@pytest.mark.parametrize("align", [True, False])
def test_each_of_several_labels_is_a_question_of_its_own(align: bool) -> None:
    weak, strong = 1 / (1 + np.exp(-2 * RNG.normal(size=(2, N, 3))))
    each = [
        adamatch(*(np.stack([1 - part[:, k], part[:, k]], axis=1) for part in (weak, strong)), 0.9, align)
        for k in range(3)
    ]
    expected = tuple(np.mean(each, axis=0))
    assert 0.1 < expected[1] < 0.9
    assert found("labels", "binary_crossentropy", weak, strong, align=align) == pytest.approx(expected, rel=1e-4)
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    weak, strong = (np.log(part / (1 - part)) for part in (weak, strong))
    assert found("labels", logits, weak, strong, align=align) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_numbers_are_asked_for_as_they_are(shape: tuple[int, ...]) -> None:
    weak, strong = RNG.normal(size=(2, *shape))
    expected = ((weak - strong) ** 2)[12:].mean()
    assert found("numbers", "mse", weak, strong) == pytest.approx((expected, 0.0), rel=1e-5)


def test_one_unit_is_one_label_with_and_without_an_axis() -> None:
    weak, strong = 1 / (1 + np.exp(-RNG.normal(size=(2, N, 1))))
    wide = found("labels", "binary_crossentropy", weak, strong)
    assert wide[0] > 0
    # Two classes of one unit, as a softmax of two units would say them.
    expected = adamatch(*(np.concatenate([1 - part, part], axis=1) for part in (weak, strong)), 0.9, True)
    assert wide == pytest.approx(expected, rel=1e-4)


def test_without_a_labelled_sample_nothing_is_sure() -> None:
    weak = keras.ops.convert_to_tensor(softmax(RNG.normal(size=(N, 3))).astype("float32"))
    none = keras.ops.zeros(N)
    assert [
        float(part) for total in agreed("classes", SPARSE, weak, weak, none, 0.0, align=True) for part in total
    ] == [
        0.0,
        N,
        0.0,
        N,
    ]


def test_classes_become_as_frequent_as_among_the_labelled() -> None:
    known = softmax(RNG.normal(size=(N, 1, 4)) * 0.01 + np.array([0.0, 1.0, 2.0, 3.0]))
    known[12:] = known[12:, :, ::-1]
    rows = keras.ops.convert_to_tensor(LABELLED)
    means = keras.ops.convert_to_numpy(aligned(keras.ops.convert_to_tensor(known.astype("float32")), rows))
    np.testing.assert_allclose(means[12:].mean(axis=0), known[:12].mean(axis=0), atol=1e-3)


def test_no_gradient_reaches_the_answers() -> None:
    weight = keras.Variable(np.array([[0.4, 0.1, -0.3]], "float32"))
    inputs = keras.ops.convert_to_tensor(RNG.normal(size=(N, 1)).astype("float32"))
    strong = keras.ops.softmax(keras.ops.convert_to_tensor(RNG.normal(size=(N, 3)).astype("float32")))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        weak = keras.ops.softmax(keras.ops.matmul(inputs, weight))
        loss = agreed("classes", SPARSE, weak, strong, keras.ops.convert_to_tensor(LABELLED), 0.0, align=True).loss.loss
    assert float(loss) > 0
    assert tape.gradient(loss, [weight.value])[0] is None


@pytest.mark.parametrize(
    ("loss", "units", "kind"),
    [
        (SPARSE, 3, "classes"),
        ("categorical_focal_crossentropy", 3, "classes"),
        (keras.losses.KLDivergence(), 3, "classes"),
        ("binary_crossentropy", 1, "labels"),
        (keras.losses.BinaryFocalCrossentropy(), 4, "labels"),
        ("mae", 2, "numbers"),
        (keras.losses.Huber(), 1, "numbers"),
    ],
)
def test_what_a_loss_says_of_an_output(loss: Any, units: int, kind: Kind) -> None:
    assert kind_of("main", loss, keras.ops.zeros((2, units))) == kind


def test_losses_and_outputs_without_agreement_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"the loss of the output 'side', 'Hinge', does not determine what"):
        kind_of("side", keras.losses.Hinge(), keras.ops.zeros((2, 1)))
    with pytest.raises(InvalidInputError, match="the loss of the output 'main', '_own', does not determine what"):
        kind_of("main", _own, keras.ops.zeros((2, 3)))
    with pytest.raises(InvalidInputError, match="'main', 'sparse_categorical_crossentropy', does not determine"):
        kind_of("main", SPARSE, keras.ops.zeros((2, 1)))
    with pytest.raises(
        InvalidInputError, match=r"the output 'main' has shape \(5, 3\) for each sample, one prediction"
    ):
        kind_of("main", SPARSE, layers.Dense(3)(keras.ops.zeros((2, 5, 2))))


def _own(y: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y - y_pred), axis=-1)
