"""Whether a model listens to its teacher: decided from the labelled samples alone, before training begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from auxtasks.batches.composition import rounds
from auxtasks.batches.forms import AuxBatch
from auxtasks.errors import InvalidInputError
from auxtasks.keras.compiling import optimizer_like
from auxtasks.keras.outputs import by_label
from auxtasks.keras.private import restore_seed_state, seed_state
from auxtasks.keras.seeds import states_of
from auxtasks.keras.taught import is_taught, losses_by_output, opinions
from auxtasks.specs import TargetSpec
from auxtasks.teacher.choice import Evidence, evidence_of, folds_of, shares_by
from auxtasks.teacher.labels import MainLabels, read_main
from auxtasks.typing import Array, Floats

MOST_STEPS = 100
"""A network is cross-validated in so many steps at most, and in no more in all folds than it will be trained."""
FEWEST_UNLABELLED = 32
"""Fewer samples without a label teach nothing that the labels do not."""


class Outcome(NamedTuple):
    """What became of soft labels: the weight of each task, what it is to learn, and why."""

    weights: dict[str, float]
    targets: dict[str, Array]
    sentences: list[str]


class Opinion(NamedTuple):
    """What the network, trained on the labelled samples alone, says of all samples, and how well it predicts."""

    evidence: Evidence
    said: Floats


def listen(
    model: Any, batch: AuxBatch, main: Any, batch_size: int, steps: int, make_plain: Callable[..., Any]
) -> Outcome:
    """Decide for each task of soft labels whose weight was left open."""
    weights: dict[str, float] = {}
    targets: dict[str, Array] = {}
    sentences = []
    for name in model._weights.left_open:
        spec = model.specs[name]
        if is_taught(spec) and name in batch.targets:
            labels = labels_of(spec, main, model.label_names)
            found = np.asarray(batch.targets[name])
            weights[name], mixed, sentence = _decide(
                model, spec, labels, found, batch.inputs, main, batch_size, steps, make_plain
            )
            sentences.append(f"{name}: {sentence}")
            if mixed is not None:
                targets[name] = mixed
    return Outcome(weights, targets, sentences)


def labels_of(spec: TargetSpec, main: Any, names: list[str] | None) -> MainLabels:
    """Return the main labels of the output that learns some soft labels."""
    labels = by_label(main, names)
    output = spec.options["output"]
    if output not in labels:
        raise InvalidInputError(f"`y` has no labels of output {output!r}, which learns {spec.name!r}.")
    array = np.asarray(labels[output])
    (found,) = read_main({output: array}, len(array), len(array))
    return found


def _decide(
    model: Any,
    spec: TargetSpec,
    labels: MainLabels,
    soft: Array,
    inputs: Any,
    main: Any,
    batch_size: int,
    steps: int,
    make_plain: Callable[..., Any],
) -> tuple[float, Array | None, str]:
    """Return the weight, soft labels of teacher and network together, and the reason."""
    taught = ~np.isnan(soft).any(axis=1)
    options, rows = spec.options, labels.rows
    error, guess = options["error"], options["guess"]
    if taught.sum() < FEWEST_UNLABELLED:
        return 0.0, None, f"not learned: only {taught.sum()} samples have no label, and a teacher needs more."
    if not _better_than_guessing(error, guess, len(rows), spec):
        return (
            0.0,
            None,
            f"not learned: the teacher {_rate(spec, error)}, guessing {_rate(spec, guess)}.",
        )
    if labels.kind != spec.kind or labels.width > spec.shape[0] or model.distribute_strategy.num_replicas_in_sync > 1:
        return 1.0, None, f"learned: the teacher {_rate(spec, error)}; the network was not compared with it."
    opinion = cross_validated(model, spec, labels, inputs, main, batch_size, steps, make_plain)
    if not np.isfinite(opinion.said).all():
        return 1.0, None, f"learned: the teacher {_rate(spec, error)}; this network predicts no numbers."
    of_network = opinion.evidence.error
    against = f"the teacher {_rate(spec, error)}, this network {_rate(spec, of_network)}"
    if of_network < error - 1e-9 and opinion.evidence.surprise < options["surprise"]:
        return 0.0, None, f"not learned: {against}."
    shares = shares_by([options["surprise"], opinion.evidence.surprise], len(rows))
    mixed = soft.copy()
    mixed[taught] = shares[0] * soft[taught] + shares[1] * opinion.said[taught]
    return 1.0, mixed, f"learned ({100 * shares[0]:.0f} % the teacher's): {against}."


def _rate(spec: TargetSpec, error: float) -> str:
    if spec.kind == "vector":
        return f"explains {100 * (1 - error):.0f} % of the variance"
    return f"gets {100 * (1 - error):.0f} % of the labels right"


def _better_than_guessing(error: float, guess: float, n: int, spec: TargetSpec) -> bool:
    """Tell whether so few errors among n labels would be rare by guessing."""
    if spec.kind == "vector":
        return error < 1.0
    from scipy.stats import binom

    return bool(binom.cdf(round(error * n), n, guess) < 0.1)


def cross_validated(
    model: Any,
    spec: TargetSpec,
    labels: MainLabels,
    inputs: Any,
    main: Any,
    batch_size: int,
    steps: int,
    make_plain: Callable[..., Any],
) -> Opinion:
    """Train the network, from the weights that it has, without each fold of the labelled samples in turn.

    Weights, and the states of random generators, are afterwards what they were.
    """
    rows = labels.rows
    folds = folds_of(labels, rows, spec.options["seed"])
    steps = max(1, min(MOST_STEPS, steps // len(folds)))
    n = len(keras.tree.flatten(inputs)[0])
    predicted, said = np.zeros((len(rows), spec.shape[0])), np.zeros((n, spec.shape[0]))
    loss = losses_by_output(model.loss, model.label_names).get(labels.output)
    with _unchanged(model.base):
        plain = make_plain(optimizer_like(model.optimizer))
        plain.optimizer.build(plain.trainable_variables)
        start = [(variable, variable.numpy()) for variable in (*model.base.variables, *plain.optimizer.variables)]
        for number, (train, test) in enumerate(folds):
            for variable, value in start:
                variable.assign(value)
            order = rounds(rows[train], steps * batch_size, np.random.default_rng([spec.options["seed"], number]))
            plain.fit(_batches(inputs, main, order.reshape(steps, batch_size)), shuffle=False, verbose=0)
            outputs = by_label(plain.predict(inputs, batch_size=max(batch_size, 256), verbose=0), model.label_names)
            found = opinions(spec, outputs[labels.output], loss)
            predicted[test] = found[rows[test]]
            said += found / len(folds)
    return Opinion(evidence_of(labels, rows, predicted), said)


def _batches(inputs: Any, main: Any, rows: Array) -> tf.data.Dataset:
    chosen = tf.data.Dataset.from_tensor_slices(rows)
    with tf.device("CPU:0"):
        data = keras.tree.map_structure(tf.convert_to_tensor, (inputs, main))
    return chosen.map(lambda some: tf.nest.map_structure(lambda array: tf.gather(array, some), data))


@contextmanager
def _unchanged(base: keras.Model) -> Iterator[None]:
    """Give a model its variables, and Keras its random state, back afterwards."""
    before = [(variable, variable.numpy()) for variable in (*base.variables, *states_of(base))]
    of_keras: Mapping[str, Any] = seed_state()
    before += [(each.state, each.state.numpy()) for each in of_keras.values() if hasattr(each, "state")]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
        restore_seed_state(of_keras)
