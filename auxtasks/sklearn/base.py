"""What both estimators do: train a model with heads, predict with it, and be pickled."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from auxtasks.audit.metrics.problem import about_loss
from auxtasks.audit.reuse import Models
from auxtasks.columns import entries_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name, wrong_type
from auxtasks.generator import AuxTargetGenerator, fitted_targets, input_tags
from auxtasks.labels import MAIN, any_missing, class_weights, missing_entries
from auxtasks.registry import DOMAINS
from auxtasks.sklearn.building import build_model, compile_wrapper, epochs_for, forms_of, labels_for, make_callbacks
from auxtasks.sklearn.labels import (
    Encoded,
    Labels,
    by_output,
    numbered_weights,
    output_shapes,
    predictions,
)
from auxtasks.sklearn.scoring import labelled_part
from auxtasks.targets.samples import to_array
from auxtasks.targets.tables import refused_table
from auxtasks.teacher.teaching import split_tasks
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_depth, check_int, count_rows

if TYPE_CHECKING:
    from auxtasks.aux_targets import AuxTargets


Self = TypeVar("Self", bound="SendsOn")
MOST = 10
"""So many traced models are kept in a process: of ten folds each may have a form of its own."""
LARGEST = 1_000_000
"""Models of more parameters are not kept: their training takes longer than tracing, and they take memory."""
_models = Models(MOST, MOST, LARGEST)
"""Models of earlier fits, in which later fits of the same kind train; what an estimator holds is none of them."""
ROUTES = ("model", "targets", "attach", "optimizer", "loss", "callbacks", "compile", "fit", "predict")
"""The prefixes of parameters that are sent on."""


class SendsOn(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator that takes any parameter of the form ``prefix__name`` beside those that ``__init__`` names.

    Some of this form are named there too, for the eye and for tools that read signatures. All are kept as attributes
    of their full names, so that `clone` and searches see them.
    """

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        """Keep the parameters of ``__init__``, which are its local variables, under their names."""
        for name, value in parameters.items():
            if name not in ("self", "routed"):
                setattr(self, name, value)
        self.set_params(**parameters["routed"])

    def routed(self, prefix: str) -> dict[str, Any]:
        """Return what is sent on by a prefix; a parameter that is left at its default is not."""
        start = f"{prefix}__"
        return {name[len(start) :]: value for name, value in self._set_here().items() if name.startswith(start)}

    def _set_here(self) -> dict[str, Any]:
        """Return the parameters to be sent on that are not at their defaults."""
        # A subclass may name fewer parameters; the others keep the defaults that they have in its base.
        classes = [each for each in reversed(type(self).__mro__) if issubclass(each, SendsOn)]
        signatures = [inspect.signature(vars(each)["__init__"]) for each in classes if "__init__" in vars(each)]
        defaults = {name: each.default for signature in signatures for name, each in signature.parameters.items()}
        return {
            name: value
            for name, value in vars(self).items()
            if _is_routed(name) and not (name in defaults and _is_same(value, defaults[name]))
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {**super().get_params(deep), **self._set_here()}

    def set_params(self: Self, **params: Any) -> Self:
        own = self._get_param_names()
        for name in params:
            if name not in own and not _is_routed(name):
                valid = [*own, *(f"{prefix}__<name>" for prefix in ROUTES)]
                raise unknown_name("set_params", name, valid, f"parameter of {type(self).__name__}")
        for name, value in params.items():
            setattr(self, name, value)
        return self


class AuxEstimator(SendsOn):
    """Base of the estimators; subclasses say what labels are, and take the parameters."""

    _labels: Labels
    _logits: dict[str, bool]  # by output, in the order of the columns of y
    model_: Any
    generator_: AuxTargetGenerator

    def _fit_labels(self, y: Any) -> Labels:
        raise NotImplementedError

    def _weigh(self, y: Any, labels: Labels, weights: Array | None) -> Array | None:
        """Return the weights of the samples; those of classes are multiplied in by the classifier."""
        del y, labels
        return weights

    def _fit(self: Self, X: Any, y: Any, sample_weight: Any, label_columns: Any) -> Self:
        _check_names(self)
        X = _read_inputs(self, X, reset=True)
        labels = self._fit_labels(y)
        encoded = labels.encode(y)
        n = len(encoded[0])
        if len(X) != n:
            raise InvalidInputError(f"`X` and `y` have inconsistent numbers of samples: {len(X)} and {n}.")
        weights = self._weigh(y, labels, _read_weights(sample_weight, n))
        seed = _drawn_seed(self.random_state)
        label_columns = _read_label_columns(label_columns)
        wanted = split_tasks(self.tasks, has_labels=True)[1] is not None

        def made(main: Mapping[str, Array]) -> AuxTargets:
            """Make targets; without a sample that has all of its labels nothing is taught."""
            complete = main if all(map(_any_complete, main.values())) else {}
            generator = AuxTargetGenerator(self.domain, self.tasks, **{"seed": seed, **self.routed("targets")})
            return fitted_targets(generator, X, complete if wanted else None, label_columns, lenient=True)

        with _seeded(seed):
            targets = made({MAIN: encoded[0]} if len(encoded) == 1 else {})
        with _seeded(seed):
            again = made if wanted and any_missing(encoded) else None
            fitted, targets = self._train(targets, again, labels, encoded, weights, seed)
        # All at once, so that a fit that is interrupted leaves the one before as it was.
        self.__dict__.update(fitted, generator_=targets.generator, _labels=labels)
        return self

    def _train(
        self,
        targets: AuxTargets,
        made: Callable[[Mapping[str, Array]], AuxTargets] | None,
        labels: Labels,
        encoded: Encoded,
        weights: Array | None,
        seed: int,
    ) -> tuple[dict[str, Any], AuxTargets]:
        """Return what is known after the training, and the targets, which `made` makes anew for several outputs."""
        from auxtasks.backend import without_retracing_warnings
        from auxtasks.keras import strip_heads

        base = self._built(targets, labels)
        shapes = output_shapes(base, targets.inputs)
        columns = by_output(encoded, list(shapes))
        if made is not None and list(columns) != [MAIN]:
            # Which outputs learn soft labels is known when the model is there, whose inputs the targets tell.
            targets = made(columns)
        how = {"at": self.at, "weights": self.weights, "weighting": self.weighting, "schedule": self.schedule}
        how |= {"seed": seed, **self.routed("attach")}

        def compiled(base: Any) -> tuple[Any, dict[str, Any]]:
            model = _wrapped(base, targets, how)
            return model, compile_wrapper(model, base, self, labels, shapes)

        def another() -> Any:
            try:
                base = self._built(targets, labels)
            except InvalidInputError:  # a function that has one model only, which may be fitted once
                return None
            return compiled(base)[0]

        model, losses = compiled(base)
        options = {"seed": seed, **self._fit_options(model, losses, targets, labels, columns, weights)}
        # Where heads read and the weights of losses are known of the model; seeds and epochs are not traced.
        of_wrapper = {name: value for name, value in how.items() if name not in ("at", "weights", "seed")}
        traced = {name: value for name, value in options.items() if name not in ("epochs", "seed")}
        # Estimators are fitted again and again, as by a grid search.
        with without_retracing_warnings():
            model, history = _models.lend(
                model,
                another,
                lambda each: each.fit(**options).history,
                [forms_of(traced), of_wrapper],
            )
        logits = {name: about_loss(loss).from_logits for name, loss in losses.items()}
        return {"model_": strip_heads(model), "history_": history, "_logits": logits}, targets

    def _fit_options(
        self,
        model: Any,
        losses: Mapping[str, Any],
        targets: AuxTargets,
        labels: Labels,
        columns: Mapping[str, Array],
        weights: Array | None,
    ) -> dict[str, Any]:
        """Return the arguments of the model's ``fit``; `columns` are the labels of each output."""
        from auxtasks.keras.class_weights import counted

        known, outputs = targets.with_main(columns), list(columns)
        main = labels_for(losses, {name: known[name] for name in outputs}, labels)
        options = {
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "verbose": self.verbose,
            "labelled_share": self.labelled_share,
            "callbacks": self.callbacks,
            **self.routed("fit"),
        }
        options["epochs"] = epochs_for(model, options, main)
        for name in {"x", "y", "sample_weight"}.intersection(options):
            raise InvalidInputError(f"`fit__{name}`: the estimator passes it on; give it to its own `fit`.")
        check_int("epochs", options["epochs"], low=1)
        asked = numbered_weights(options.pop("class_weight", None), labels, outputs)
        if asked and weights is not None and len(outputs) == 1:
            # Keras takes one of the two; here both count, as in scikit-learn.
            (name,) = outputs
            weights = weights * class_weights(columns[name], counted(asked.pop(name, {}), columns[name], None))
        if asked:
            options["class_weight"] = asked
        options["callbacks"] = make_callbacks(options["callbacks"], self.routed("callbacks")) or None
        if options.get("validation_data") is not None:
            X, y, *rest = options["validation_data"]
            held_out = labels_for(losses, by_output(labels.encode(y), outputs), labels)
            inputs = targets.prepare(_read_inputs(self, X, reset=False))
            options["validation_data"] = (inputs, held_out.get(MAIN, held_out), *rest)
        if weights is not None and len(weights) < targets.n_samples:  # copies that a task adds have no main label
            weights = np.concatenate([weights, np.ones(targets.n_samples - len(weights))])
        return {**options, "x": targets.inputs, "y": {**known, **main}, "sample_weight": weights}

    def _built(self, targets: AuxTargets, labels: Labels) -> Any:
        return build_model(self.model, targets, labels, self.routed("model"))

    def _outputs(self, X: Any) -> list[Array]:
        from auxtasks.backend import without_retracing_warnings
        from auxtasks.batches.forms import as_inputs, as_tensors

        check_is_fitted(self)
        inputs = as_inputs(self.generator_.prepare(_read_inputs(self, X, reset=False)))
        options = {"batch_size": self.batch_size, "verbose": 0, **self.routed("predict")}
        if set(options) == {"batch_size", "verbose"} and len(inputs) <= (options["batch_size"] or 32):
            import keras  # one batch is not worth the graph that `predict` makes first

            outputs = self.model_(as_tensors(inputs), training=False)
            return predictions(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs), list(self._logits))
        with without_retracing_warnings():
            return predictions(self.model_.predict(inputs, **options), list(self._logits))

    def _labelled(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        check_is_fitted(self)
        X, y, sample_weight = labelled_part(X, y, sample_weight, self._labels.unlabelled)
        return X, y if self._labels.classes else y.astype(np.float64), sample_weight

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for name, value in input_tags(self.domain).items():
            setattr(tags.input_tags, name, value)
        tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            with TemporaryDirectory() as folder:
                path = Path(folder, "model.keras")
                state["model_"].save(path)
                state["model_"] = path.read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            import keras

            with TemporaryDirectory() as folder:
                path = Path(folder, "model.keras")
                path.write_bytes(state["model_"])
                state = {**state, "model_": keras.saving.load_model(path, compile=False)}
        super().__setstate__(state)


def _any_complete(labels: Array) -> bool:
    return not bool(missing_entries(labels).reshape(len(labels), -1).any(axis=1).all())


def _wrapped(base: Any, targets: AuxTargets, options: dict[str, Any]) -> Any:
    """Attach heads; where there is nothing to learn the model is trained as it is."""
    from auxtasks.keras import AuxModel, attach_heads

    if len(targets):
        return attach_heads(base, targets, **options)
    if options.get("deep_supervision") is not None:
        return attach_heads(base, None, **{"samples": targets.inputs, **options})
    return AuxModel(base, {}, {}, {}, options["seed"])


def _drawn_seed(random_state: Any) -> int:
    try:
        return int(check_random_state(random_state).randint(2**31 - 1))
    except (ValueError, TypeError) as error:
        raise InvalidInputError(
            f"`random_state` must be an int, a numpy.random.RandomState or None: {error}"
        ) from error


def _read_inputs(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check inputs that are a table as scikit-learn does; others are left to the generator."""
    domain = check_choice("domain", estimator.domain, DOMAINS, "domain")
    if isinstance(X, type):
        raise wrong_type("X", "an array, not a class", X)
    check_depth("X", X)
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # a sparse matrix of SciPy may be a mapping
        raise refused_table("an estimator")
    # What is an array only on demand has no shape to be looked at before.
    X = X if hasattr(X, "shape") else entries_of(X)
    if isinstance(X, np.matrix) or (hasattr(X, "__array__") and not hasattr(X, "shape")):
        X = np.asarray(X)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if not _is_table(domain, X):
        count_rows("X", X)
        return X
    try:
        return validate_data(estimator, X, reset=reset, ensure_min_samples=1 + reset)
    except ValueError as error:
        raise InvalidInputError(f"`X`: {error}") from error


def _is_table(domain: str, X: Any) -> bool:
    if domain == "any":
        return not hasattr(X, "shape") or len(X.shape) < 3
    if domain != "signal":
        return False
    if hasattr(X, "shape"):
        return len(X.shape) == 2
    lengths = {np.size(row) for row in X} if isinstance(X, (list, tuple)) else set()
    return len(lengths) == 1 and np.ndim(X[0]) == 1


def _read_weights(sample_weight: Any, n: int) -> Array | None:
    if sample_weight is None:
        return None
    weights = to_array(sample_weight, "sample_weight").astype(np.float64)
    weights = np.full(n, weights) if weights.ndim == 0 else weights
    if weights.shape != (n,):
        raise InvalidInputError(f"`sample_weight` must have shape ({n},); got shape {weights.shape}.")
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise InvalidInputError("`sample_weight` must hold finite numbers of 0 or more.")
    if not weights.any():
        raise InvalidInputError("Sample weights must contain at least one non-zero number; `sample_weight` has none.")
    return weights


def _read_label_columns(label_columns: Any) -> dict[str, Array] | None:
    if label_columns is None:
        return None
    if isinstance(label_columns, type):
        raise wrong_type("label_columns", "named columns, not a class", label_columns)
    names = getattr(getattr(label_columns, "dtype", None), "names", None)
    names = names or (
        list(label_columns) if isinstance(label_columns, Mapping) else getattr(label_columns, "columns", None)
    )
    if names is None:
        raise InvalidTypeError(
            "`label_columns` must have named columns: a DataFrame or a structured array, which searches and "
            f"cross-validation cut with the folds, or a mapping of names to arrays; got {type(label_columns).__name__}."
        )
    return {str(name): label_columns[name] for name in names}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy, Keras and TensorFlow, and give all but TensorFlow its state back afterwards."""
    import keras

    from auxtasks.keras.private import restore_seed_state, seed_state

    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - Keras draws from it
    of_keras = seed_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        restore_seed_state(of_keras)


def _check_names(estimator: SendsOn) -> None:
    """Refuse arguments that nothing takes; the function that builds the model and `compile` refuse their own."""
    import keras

    from auxtasks.keras import AuxModel, attach_heads

    takers: dict[str, tuple[str, list[Callable[..., Any]]]] = {
        "targets": ("AuxTargetGenerator", [AuxTargetGenerator]),
        "attach": ("attach_heads", [attach_heads]),
        "fit": ("AuxModel.fit", [AuxModel.fit, keras.Model.fit]),
        "predict": ("keras.Model.predict", [keras.Model.predict]),
    }
    for prefix, (taker, functions) in takers.items():
        known = {name for each in functions for name in inspect.signature(each).parameters} - {"self", "kwargs"}
        for name in estimator.routed(prefix):
            if name not in known:
                raise unknown_name(f"{prefix}__{name}", name, known, f"argument of {taker}")


def _is_routed(name: str) -> bool:
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTES


def _is_same(value: Any, default: Any) -> bool:
    """Tell whether a value is a default; what is no plain value may not be comparable."""
    plain = type(value) is type(default) and isinstance(value, (str, int, float))
    return value is default or (plain and bool(value == default))
