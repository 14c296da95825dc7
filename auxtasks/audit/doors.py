"""The arguments of an audit, checked before anything is trained."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.experiment import Experiment
from auxtasks.audit.model import checked_model, output_shape
from auxtasks.audit.settings import Data, Settings
from auxtasks.audit.training import MAIN, attached
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.targets.mapping import AuxTargets
from auxtasks.typing import Array
from auxtasks.validation import check_int, check_number

if TYPE_CHECKING:
    import keras

_OWN_OPTIONS = {"self", "x", "y", "kwargs", "epochs", "batch_size", "verbose", "sample_weight", "initial_epoch"}
Weights = float | str | Sequence[float] | Mapping[str, float | str]


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return the seeds: as many as a number says, or those given.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        If there are fewer than two, or one is there twice.
    """
    if isinstance(seeds, (int, np.integer)):
        return tuple(range(check_int("seeds", seeds, low=2)))
    found = tuple(check_int("seeds", seed, low=0) for seed in seeds)
    if len(found) < 2 or len(set(found)) < len(found):
        raise InvalidInputError(f"`seeds` must be two or more different ones; got {list(found)}.")
    return found


def check_weights(weights: Weights, tasks: Sequence[str]) -> tuple[dict[str, float | str], tuple[float, ...]]:
    """Return the weight of each task, a number or ``"auto"``, and what the arms multiply these by.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If a weight is not a positive number, or of a task that does not exist.
    """
    from auxtasks.keras.weights import AUTO, checked_weights

    if isinstance(weights, (str, Mapping)):
        found_for_each = checked_weights(weights, dict.fromkeys(tasks, AUTO))
        return {task: weight if weight == AUTO else _positive(weight) for task, weight in found_for_each.items()}, (
            1.0,
        )
    several = tuple(weights) if isinstance(weights, (Sequence, np.ndarray)) else (weights,)
    found = tuple(_positive(weight) for weight in several)
    if not found or len(set(found)) < len(found):
        raise InvalidInputError(f"`weights` must be one or more different numbers; got {list(found)}.")
    return dict.fromkeys(tasks, 1.0), found


def _positive(weight: Any) -> float:
    number = check_number("weights", weight, low=0.0)
    if number == 0:
        raise InvalidInputError("`weights` must be positive: with 0 an arm is the baseline again.")
    return number


def check_groups(groups: Any, labelled: Array) -> Array | None:
    """Return the group of each sample; groups of the labelled samples alone leave the others without one.

    Raises
    ------
    InvalidInputError
        If there are neither as many as samples nor as labelled ones.
    """
    if groups is None:
        return None
    found = np.asarray(groups)
    if found.ndim == 1 and len(found) == len(labelled):
        return found
    if found.ndim == 1 and len(found) == labelled.sum():
        of_all = np.full(len(labelled), -1, dtype=np.int64)
        of_all[labelled] = np.unique(found, return_inverse=True)[1]
        return of_all
    raise InvalidInputError(
        f"`groups` must have one entry for each of the {len(labelled)} samples, or of the {labelled.sum()} labelled "
        f"ones; found shape {found.shape}."
    )


def experiment_of(
    build_model: Callable[[], keras.Model],
    X: Any,
    y: Any,
    targets: Any,
    test: tuple[Any, Any] | None,
    metrics: str | Sequence[str] | None,
    weights: Weights,
    settings: Mapping[str, Any],
) -> tuple[Experiment, tuple[float, ...]]:
    """Put an experiment together, and try whether heads can be attached.

    Parameters
    ----------
    build_model, X, y, targets, test, metrics, weights
        As for `auxtasks.audit.audit`.
    settings : mapping
        The other fields of `Settings`.

    Returns
    -------
    Experiment, tuple of float
        Checked, and what its weights are multiplied by.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If an argument cannot be used.
    """
    from auxtasks.audit.metrics import Metrics

    # A model is callable too, but it is one model and not a new one for each run.
    if not callable(build_model) or hasattr(build_model, "fit"):
        raise InvalidTypeError(
            f"`build_model` must be a function that returns a compiled model; got {type(build_model).__name__}. Pass "
            "lambda: make_model(...), so that each run has a new one."
        )
    made = made_targets(targets, X)
    of_tasks, factors = check_weights(weights, list(made.specs))
    check_fit_options(settings.get("fit_options", {}))
    model = checked_model(build_model())
    y, test = _with_floats(y, test, model.loss)
    samples = Data(made.inputs, made.with_main(y)[MAIN], dict(made))
    tested = None if test is None else _test_of(test, made, samples.main.shape[1:])
    labels = samples.main if tested is None else np.concatenate([samples.main, tested.main.astype(samples.main.dtype)])
    chosen = Metrics.of(metrics, labels, output_shape(model, made.inputs), loss=model.loss)
    experiment = Experiment(
        build_model,
        made.specs,
        samples,
        made.n_original,
        tested,
        Settings(metrics=chosen, weights=of_tasks, **settings),
    )
    attached(model, made.specs, samples, experiment.settings, tuple(made.specs))
    return experiment, factors


def check_fit_options(options: Any) -> None:
    """Refuse what `fit` does not take, what the audit says itself, and what cannot be copied for each run.

    Parameters
    ----------
    options : mapping
        Further arguments of ``fit``.

    Raises
    ------
    InvalidInputError, InvalidTypeError, UnknownNameError
        If it holds any of these.
    """
    import keras

    from auxtasks.keras.fitting import Fitting

    known = {*inspect.signature(Fitting.fit).parameters, *inspect.signature(keras.Model.fit).parameters}
    for name, value in options.items():
        if name in _OWN_OPTIONS:
            raise InvalidInputError(f"`fit_options` must not hold {name!r}, which the audit decides; leave it out.")
        if name not in known:
            raise unknown_name("fit_options", name, known - _OWN_OPTIONS, "argument of fit")
        try:
            copy.deepcopy(value)
        except TypeError as error:
            raise InvalidTypeError(
                f"`fit_options`: {name!r} cannot be copied, and each run needs one of its own: {error}."
            ) from error


def _with_floats(y: Any, test: Any, loss: Any) -> tuple[Any, Any]:
    """Turn integer labels of hinge losses into floats: -1 is a class there, and only NaN can stand for none."""
    from auxtasks.audit.metrics.loss import about_loss

    if about_loss(loss).scale != "margins":
        return y, test
    y = np.asarray(y, dtype=np.float32)
    return y, (test[0], np.asarray(test[1], dtype=np.float32)) if isinstance(test, tuple) and len(test) == 2 else test


def made_targets(targets: Any, X: Any) -> AuxTargets:
    """Return the targets of the samples, computed if need be.

    Parameters
    ----------
    targets : AuxTargets or AuxTargetGenerator
        The targets, or what computes them.
    X : array-like
        The samples.

    Returns
    -------
    AuxTargets
        Of these samples.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If they are neither, none at all, or of other samples.
    """
    if isinstance(targets, AuxTargetGenerator):
        made = AuxTargetGenerator(**targets.get_params()).fit_transform(X)
    elif isinstance(targets, AuxTargets):
        made = targets
    else:
        raise InvalidTypeError(
            "`targets` must be AuxTargets, as from auxtasks.make_aux_targets(X, ...), or an AuxTargetGenerator; got "
            f"{type(targets).__name__}."
        )
    if not len(made):
        raise InvalidInputError("`targets` holds no target; there is nothing to compare.")
    if len(X) != made.n_original:
        raise InvalidInputError(
            f"`X` has {len(X)} samples and `targets` were made of {made.n_original}; pass the same samples to both."
        )
    return made


def _test_of(test: Any, made: AuxTargets, label_shape: tuple[int, ...]) -> Data:
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise InvalidTypeError(f"`test` must be (X_test, y_test); got {type(test).__name__}.")
    found = made.transform(test[0])
    labels = np.asarray(test[1])
    if labels.shape != (found.n_samples, *label_shape):
        raise InvalidInputError(
            f"`test`: labels must be shaped like those of `y`, here {(found.n_samples, *label_shape)}; found "
            f"{labels.shape}."
        )
    if labels.dtype.kind == "f" and np.isnan(labels).all():
        raise InvalidInputError("`test` holds no label; every one is NaN.")
    return Data(found.inputs, labels, dict(found))
