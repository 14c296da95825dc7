"""Whether a model listens to its teacher: decided from the labelled samples alone, before training begins."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np

from auxtasks.backend import n_replicas_of
from auxtasks.batches.composition import rounds
from auxtasks.batches.forms import AuxBatch
from auxtasks.batches.planned import reader_of
from auxtasks.checksums import fingerprint
from auxtasks.errors import InvalidInputError
from auxtasks.keras.apart import states_of
from auxtasks.keras.outputs import by_label
from auxtasks.keras.private import loss_container, restore_seed_state, seed_state
from auxtasks.keras.taught import losses_by_output, opinions
from auxtasks.specs import TargetSpec
from auxtasks.teacher.choice import Evidence, evidence_of, folds_of, shares_by
from auxtasks.teacher.labels import MainLabels, read_main
from auxtasks.typing import Array, Floats

_LOGGER = logging.getLogger("auxtasks")
MOST_STEPS = 100
"""A network is cross-validated in so many steps at most, and in no more in all folds than it will be trained."""
FEWEST_UNLABELLED = 32
"""Fewer samples without a label teach nothing that the labels do not."""
LUCK = 0.15
"""Fewer errors than guessing must be less probable than this, by chance: 2 of 8 in two classes are."""


class Outcome(NamedTuple):
    """What became of soft labels: the weight of each task, what it is to learn, and why."""

    weights: dict[str, float]
    targets: dict[str, Array]
    sentences: list[str]


class Opinion(NamedTuple):
    """What the network, trained on labelled samples alone, says: of these, not shown their labels, and of all."""

    unseen: Floats
    said: Floats


class Training(NamedTuple):
    """The samples of a ``fit``, how many labelled ones a step has, and how many steps there are."""

    inputs: Any
    main: Any
    batch_size: int
    steps: int


class Listening:
    """What a model made of its teachers, before its first step and from then on.

    A plain object, of which nothing is saved: a loaded model keeps the weights that were decided.
    """

    def __init__(self) -> None:
        self.unseen: dict[str, Floats] = {}
        """What teachers say of labelled samples when not shown their labels, by task; of a loaded model nothing."""
        self.heard: dict[str, Opinion] | None = None
        """What networks said that began alike and had the same labels, where runs share it."""
        self.told: list[str] = []
        self._mixed: dict[str, tuple[Array, Array]] = {}
        self._plain: tuple[Any, Any, list[tuple[Any, Array]]] | None = None

    def begin_anew(self, other: Listening | None = None) -> None:
        self.unseen, self.heard = (other.unseen, other.heard) if other else ({}, None)
        self.told, self._mixed = [], {}

    def plain(self, model: Any) -> tuple[Any, list[tuple[Any, Array]]]:
        """Return the model without tasks, traced once since it was compiled, and the first state of its optimizer."""
        compiled = loss_container(model)
        if self._plain is None or self._plain[0] is not compiled:
            plain = model.without_tasks()
            plain.optimizer.build(plain.trainable_variables)
            self._plain = compiled, plain, [(variable, variable.numpy()) for variable in plain.optimizer.variables]
        return self._plain[1:]

    def taught(self, model: Any, batch: AuxBatch, training: Training, *, verbose: Any) -> AuxBatch:
        """Return samples with what is to be learned: decided, and said, before the first step, and kept to later.

        By then the network has seen all labels.
        """
        if model._steps_done():
            return _with_targets(batch, self._known(batch))
        if not model._rules.needed:
            return batch
        outcome = listen(model, batch, training)
        if outcome.weights:
            model._weights.set_automatic(model._weights.automatic, outcome.weights)
            self.told = outcome.sentences
        for sentence in outcome.sentences:
            _LOGGER.info("%s", sentence)
            if verbose:
                print(sentence)
        self._mixed = {name: (batch.targets[name], mixed) for name, mixed in outcome.targets.items()}
        return _with_targets(batch, outcome.targets)

    def _known(self, batch: AuxBatch) -> dict[str, Array]:
        return {
            name: mixed
            for name, (soft, mixed) in self._mixed.items()
            if name in batch.targets and np.array_equal(batch.targets[name], soft, equal_nan=True)
        }


def _with_targets(batch: AuxBatch, targets: dict[str, Array]) -> AuxBatch:
    return batch._replace(targets={**batch.targets, **targets})


def listen(model: Any, batch: AuxBatch, training: Training) -> Outcome:
    """Decide for each task of soft labels whose weight was left open."""
    outcome = Outcome({}, {}, [])
    for name in model._weights.left_open:
        spec = model.specs[name]
        if spec.is_taught and name in batch.targets:
            labels = labels_of(spec, training.main, model.label_names)
            weight, mixed, sentence = _decide(model, spec, labels, np.asarray(batch.targets[name]), training)
            outcome.weights[name] = weight
            outcome.sentences.append(f"{name}: {sentence}")
            if mixed is not None:
                outcome.targets[name] = mixed
    return outcome


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
    model: Any, spec: TargetSpec, labels: MainLabels, soft: Array, training: Training
) -> tuple[float, Array | None, str]:
    """Return the weight, what teacher and network say together, and the reason."""
    taught, rows = ~np.isnan(soft).any(axis=1), labels.rows
    if taught.sum() < FEWEST_UNLABELLED:
        few = f"{taught.sum()} unlabelled samples are too few (fewer than {FEWEST_UNLABELLED})"
        return 0.0, None, f"not learned: {few}."
    unseen, right = model._listening.unseen.get(spec.name), _rate(spec, spec.options["error"])
    known = unseen is not None and labels.kind == spec.kind and unseen.shape == (len(rows), labels.width)
    if not known or n_replicas_of(model) > 1:
        return 1.0, None, f"learned: the teacher {right}, and was not compared with the network."
    opinion = _opinion(model, spec, labels, training)
    if not np.isfinite(opinion.said).all():
        return 1.0, None, f"learned: the teacher {right}; this network's predictions are not finite."
    teacher, network = (evidence_of(labels, rows, said) for said in (unseen, opinion.unseen))
    shares = shares_by([teacher.surprise, network.surprise])
    both = evidence_of(labels, rows, shares[0] * unseen + shares[1] * opinion.unseen)
    found = ", ".join(
        f"{who} {_rate(spec, each.error)}"
        for who, each in (("the teacher", teacher), ("this network", network), ("both together", both))
    )
    if not _better_than_guessing(both, spec):
        return 0.0, None, f"not learned: {found}, guessing {_rate(spec, both.guess)}."
    if (both.error, both.surprise) >= (network.error, network.surprise):
        return 0.0, None, f"not learned: {found}."
    mixed = soft.copy()
    mixed[taught] = shares[0] * soft[taught] + shares[1] * opinion.said[taught]
    return 1.0, mixed, f"learned: {found}."


def _rate(spec: TargetSpec, error: float) -> str:
    if spec.kind == "multilabel":
        return f"F1 {1 - error:.2f}"
    return f"explains {100 * (1 - error):.0f} %" if spec.kind == "vector" else f"{100 * (1 - error):.0f} %"


def _better_than_guessing(evidence: Evidence, spec: TargetSpec) -> bool:
    """Tell whether so few errors would be rare by guessing; numbers near the mean are no noise, and do no harm."""
    if spec.kind != "distribution":
        return spec.kind == "vector" or evidence.error < evidence.guess
    from scipy.stats import binom

    return bool(binom.cdf(round(evidence.error * evidence.n), evidence.n, evidence.guess) < LUCK)


def _opinion(model: Any, spec: TargetSpec, labels: MainLabels, training: Training) -> Opinion:
    """Ask the network, unless one was asked that begins alike."""
    heard: dict[str, Opinion] | None = model._listening.heard
    if heard is None:
        return cross_validated(model, spec, labels, training)
    begins = [variable.numpy() for variable in (*model.base.variables, *states_of(model.base))]
    key = fingerprint(spec.name, training.steps, training.batch_size, begins)
    if key not in heard:
        heard[key] = cross_validated(model, spec, labels, training)
    return heard[key]


def cross_validated(model: Any, spec: TargetSpec, labels: MainLabels, training: Training) -> Opinion:
    """Train the network, from the weights that it has, without each fold of the labelled samples in turn.

    Weights, and the states of random generators, are afterwards what they were.
    """
    inputs, main, batch_size, steps = training
    rows, seed = labels.rows, spec.options["seed"]
    folds = folds_of(labels, rows, seed)
    steps = max(1, min(MOST_STEPS, steps // len(folds)))
    n = len(keras.tree.flatten(inputs)[0])
    unseen, said = np.zeros((len(rows), labels.width)), np.zeros((n, labels.width))
    loss = losses_by_output(model.loss, model.label_names).get(labels.output)
    batches_of = reader_of((inputs, main))
    with _unchanged(model.base):
        plain, of_optimizer = model._listening.plain(model)
        start = [*((variable, variable.numpy()) for variable in model.base.variables), *of_optimizer]
        for number, (train, test) in enumerate(folds):
            for variable, value in start:
                variable.assign(value)
            order = rounds(rows[train], steps * batch_size, np.random.default_rng([seed, number]))
            plain.fit(batches_of(order.reshape(steps, batch_size)), verbose=0, shuffle=False)
            outputs = by_label(plain.predict(inputs, batch_size=max(batch_size, 256), verbose=0), model.label_names)
            found = opinions(spec, outputs[labels.output], loss)[:, : labels.width]
            unseen[test] = found[rows[test]]
            said += found / len(folds)
    return Opinion(unseen, said)


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
