"""What `AuxClassifier` and `AuxRegressor` share: targets, heads, training, prediction, pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from auxtasks.audit.metrics.loss import about_loss
from auxtasks.errors import InvalidInputError
from auxtasks.sklearn.builder import Problem, build_model
from auxtasks.sklearn.compiling import compile_wrapper, labels_for
from auxtasks.sklearn.labels import Encoded, Labels
from auxtasks.sklearn.making import make_callbacks
from auxtasks.sklearn.outputs import MAIN, by_output, output_shapes, predictions
from auxtasks.sklearn.reading import read_given, read_inputs, read_weights
from auxtasks.sklearn.reading_y import plain, read_y
from auxtasks.sklearn.routing import Routing
from auxtasks.sklearn.saving import from_bytes, to_bytes
from auxtasks.sklearn.seeds import seed_of, seeded
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.targets.params import input_tags
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.targets.mapping import AuxTargets

Self = TypeVar("Self", bound="AuxEstimator")


class AuxEstimator(Routing):
    """Base of the estimators; subclasses say what labels are."""

    _labels: Labels
    _logits: dict[str, bool]  # by output, in the order of the columns of y
    model_: Any
    generator_: AuxTargetGenerator

    def _fit_labels(self, y: Any) -> Labels:
        raise NotImplementedError

    def _weigh(self, y: Any, weights: Array | None) -> Array | None:
        """Return the weights of the samples; those of classes are multiplied in by the classifier."""
        del y
        return weights

    def _fit(self: Self, X: Any, y: Any, sample_weight: Any, given: Any) -> Self:
        X = read_inputs(self, X, reset=True)
        labels = self._fit_labels(y)
        encoded = labels.encode(y)
        n = len(encoded[0])
        if len(X) != n:
            raise InvalidInputError(f"`X` and `y` have inconsistent numbers of samples: {len(X)} and {n}.")
        weights = self._weigh(y, read_weights(sample_weight, n))
        seed = seed_of(self.random_state)
        generator = AuxTargetGenerator(self.domain, self.tasks, **{"seed": seed, **self.routed("targets")})
        targets = generator.fit_transform(X, given=read_given(given))
        with seeded(seed):
            fitted = self._train(targets, labels, encoded, weights, seed)
        # All at once, so that a fit that is interrupted leaves the one before as it was.
        self.__dict__.update(fitted, generator_=targets.generator, _labels=labels)
        return self

    def _train(
        self, targets: AuxTargets, labels: Labels, encoded: Encoded, weights: Array | None, seed: int
    ) -> dict[str, Any]:
        from auxtasks.keras import attach_heads, strip_heads

        base = build_model(self.model, Problem.of(targets, labels), self.routed("model"))
        shapes = output_shapes(base, targets.inputs)
        how = {"at": self.at, "weights": self.weights, "weighting": self.weighting, "schedule": self.schedule}
        model = attach_heads(base, targets, **{**how, "seed": seed, **self.routed("attach")})
        columns = by_output(encoded, list(shapes))
        losses = compile_wrapper(model, base, self, labels, shapes)
        main = labels_for(losses, columns, labels)
        options = {
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "verbose": self.verbose,
            "labelled_share": self.labelled_share,
            "seed": seed,
            **self.routed("fit"),
        }
        callbacks = make_callbacks(options.pop("callbacks", self.callbacks), self.routed("callbacks"))
        if options.get("validation_data") is not None:
            X, y = options["validation_data"][:2]
            held_out = labels_for(losses, by_output(labels.encode(y), list(shapes)), labels)
            options["validation_data"] = (
                targets.prepare(read_inputs(self, X, reset=False)),
                held_out.get(MAIN, held_out),
                *options["validation_data"][2:],
            )
        if weights is not None and len(weights) < targets.n_samples:  # copies that a task adds have no main label
            weights = np.concatenate([weights, np.ones(targets.n_samples - len(weights))])
        history = model.fit(
            targets.inputs, targets.with_main(main), sample_weight=weights, callbacks=callbacks or None, **options
        )
        logits = {name: about_loss(loss).from_logits for name, loss in zip(shapes, losses, strict=True)}
        return {"model_": strip_heads(model), "history_": history.history, "_logits": logits}

    def _outputs(self, X: Any) -> list[Array]:
        from auxtasks.keras.texts import as_inputs, as_tensors

        check_is_fitted(self)
        inputs = as_inputs(self.generator_.prepare(read_inputs(self, X, reset=False)))
        options = {"batch_size": self.batch_size, "verbose": 0, **self.routed("predict")}
        if set(options) == {"batch_size", "verbose"} and len(inputs) <= (options["batch_size"] or 32):
            import keras  # one batch is not worth the graph that `predict` makes first

            outputs = self.model_(as_tensors(inputs), training=False)
            return predictions(keras.tree.map_structure(keras.ops.convert_to_numpy, outputs), list(self._logits))
        return predictions(self.model_.predict(inputs, **options), list(self._logits))

    def _labelled(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Leave out samples without a label, which no score can judge."""
        check_is_fitted(self)
        array, missing = read_y(y, self._labels.unlabelled)
        rows = np.flatnonzero(~missing.reshape(len(array), -1).any(axis=1))
        if len(rows) == len(array):
            return X, y, sample_weight
        if not len(rows):
            what = "no label at all" if missing.all() else "no sample with all of its labels"
            raise InvalidInputError(f"`y` holds {what} among its {len(array)} samples; nothing can be scored.")
        kept = array[rows].astype(np.float64) if not self._labels.classes else plain(array[rows])
        weights = None if sample_weight is None else _safe_indexing(sample_weight, rows)
        return _safe_indexing(X, rows), kept, weights

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn."""
        tags = super().__sklearn_tags__()
        for name, value in input_tags(self.domain).items():
            setattr(tags.input_tags, name, value)
        tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the model as a ``.keras`` file."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = to_bytes(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load what `__getstate__` returned."""
        if "model_" in state:
            state = {**state, "model_": from_bytes(state["model_"])}
        super().__setstate__(state)
