"""The entry points of training and evaluation: data packed at the door, the rest is Keras's."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from auxtasks.batches.composition import DEFAULT_SHARE, compose
from auxtasks.batches.forms import AuxBatch, as_inputs, as_tuple
from auxtasks.batches.planned import dataset_of, weight_for
from auxtasks.errors import InvalidInputError
from auxtasks.keras.class_weights import by_name
from auxtasks.keras.outputs import MAIN, label_names
from auxtasks.keras.packing import Packer
from auxtasks.keras.training import Turning
from auxtasks.validation import check_int, check_number

NUMERIC = re.compile("squared|absolute|percentage|logarithmic|huber|cosh|cosine|poisson|^(mse|mae|mape|msle)$")
"""Names of losses between numbers, of which -1 may be one."""


class Fitting(Turning):
    """The part of `AuxModel` that takes data from the user."""

    base: keras.Model
    optimizer: Any
    _negative_labels = False
    _numeric_loss = False
    _needs_main = False

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, *args: Any, **kwargs: Any) -> None:
        """Configure training; see `keras.Model.compile`. The loss and metrics are those of the main output.

        Raises
        ------
        InvalidInputError
            If the optimizer already belongs to another model.
        """
        if getattr(optimizer, "built", False) and optimizer is not getattr(self, "optimizer", None):
            raise InvalidInputError(
                "`optimizer` was already built for another model and cannot be used again; pass a new one, such as "
                "type(optimizer).from_config(optimizer.get_config())."
            )
        # The labels of hinge losses are -1 and 1, so only NaN can mean "missing" there.
        self._negative_labels = any("hinge" in loss_name(part).lower() for part in keras.tree.flatten(loss))
        names = [loss_name(part).lower() for part in keras.tree.flatten(loss) if part is not None]
        self._numeric_loss = bool(names) and all(NUMERIC.search(name) for name in names)
        self._needs_main = any(part is not None for part in keras.tree.flatten(loss))
        super().compile(optimizer, loss, *args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model as it was compiled when saved; Keras leaves models with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self._build_optimizers()

    def _packer(self, *, required: bool, class_weight: Any = None) -> Packer:
        specs, outputs = self._plan.specs, label_names(self.base)
        return Packer(
            specs,
            required=required,
            computed=bool(self._on_the_fly),
            negative_labels=self._negative_labels,
            numeric_loss=self._numeric_loss,
            needs_main=self._needs_main,
            outputs=outputs,
            class_weight=by_name(class_weight, MAIN, outputs, specs),
        )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        labelled_share: float | None = DEFAULT_SHARE,
        seed: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Train; see `keras.Model.fit` for what is not listed here.

        Parameters
        ----------
        x : array, structure of arrays, tf.data.Dataset, PyDataset or generator
            The inputs, such as ``targets.inputs``; also a list of texts, for a model that reads texts.
        y : mapping
            ``targets.with_main(labels)``. Samples whose main label is missing (-1 or NaN) train the auxiliary tasks.
            Where heads were attached to a generator, the labels alone, for all samples of an array or for the first of
            them; the targets are then computed from each batch as it arrives, but for those that y holds.
        batch_size, epochs, verbose, callbacks, validation_split, shuffle
            As in Keras.
        class_weight : mapping or "balanced", optional
            The weights of the main classes, as in Keras; or those of outputs and targets by name, as in
            ``{"main": {0: 1.0, 1: 5.0}, "pose": "balanced"}``. Classes are named by number, those of a target also by
            name; of a multilabel target the weight of a label multiplies its positive entries. ``"balanced"``, which
            needs arrays, weighs each class by ``n / (k n_c)``. Weights multiply the losses and leave counts and the
            chance of a task alone: balanced ones have mean 1, so that a loss stays in units of chance.
        validation_data : tuple, tf.data.Dataset or PyDataset, optional
            With plain labels, or with ``val.with_main(labels)`` of ``val = targets.transform(X_val)`` for auxiliary
            losses too; these are never computed on the fly.
        sample_weight : array or mapping, optional
            An array weighs the main loss; a mapping weighs ``"main"``, or each output, and each task by name. Those of
            a task have shape (n,), or one for each entry of a target with labels or steps.
        labelled_share : float or None, default 0.5
            Where fewer samples than this have a main label, and x is in arrays, each batch is composed of this share
            of labelled samples, which come round as often as needed, and of unlabelled ones, each of which an epoch
            sees once. None, or ``shuffle=False``, takes batches as they come.
        seed : int, default 0
            Seeds the composition of batches.
        **kwargs
            Further arguments of `keras.Model.fit`.

        Returns
        -------
        keras.callbacks.History
            With ``<task>_loss``, in units of chance, beside the main logs.

        Raises
        ------
        InvalidInputError
            If y lacks a target or has rows of another shape or number; if `validation_split` is used while main
            labels are missing.
        """
        self._assert_compile_called("fit")
        if batch_size is not None:
            batch_size = check_int("batch_size", batch_size, low=1)
        seed = check_int("seed", seed, low=0)
        share = None if labelled_share is None else check_number("labelled_share", labelled_share, low=0.0, high=1.0)
        packer = self._packer(required=True, class_weight=class_weight)
        y = self._on_the_fly.with_labels_for_all(x, y, negative=self._negative_labels)
        x, y, sample_weight = packer.pack_any(x, y, sample_weight)
        self._count_labels(x)
        self._set_automatic_weights(weight_for(x) if self._needs_main and not self.in_turns else 1.0)
        if isinstance(x, AuxBatch) and not np.all(x.labelled):
            if validation_split:
                raise InvalidInputError(
                    "`validation_split` takes the last samples, and some main labels are missing here, so that part "
                    "could hold no label at all. Pass labelled samples as `validation_data`."
                )
            if share is not None and shuffle:
                data = (x, y) if sample_weight is None else (x, y, sample_weight)
                plan = compose(np.asarray(x.labelled, dtype=bool), batch_size or 32, share, seed)
                if plan is not None:
                    # Another call of fit goes on with the epochs after those seen before, as a resumed run must.
                    composed = dataset_of(data, plan, first_epoch=self._steps_done() // plan.n_batches)
                    if kwargs.get("steps_per_epoch"):
                        composed = composed.repeat()
                    x, y, sample_weight, batch_size, shuffle = composed, None, None, None, False
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split=validation_split,
            validation_data=self._pack_validation(validation_data),
            shuffle=shuffle,
            sample_weight=sample_weight,
            **kwargs,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Evaluate; see `keras.Model.evaluate`. Auxiliary losses are reported for the targets that y holds.

        Targets are computed on the fly in training only; pass ``generator.transform(X).with_main(y)`` for their losses.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, *args, **kwargs
            As in Keras; y is the plain label, or what ``with_main`` returned.

        Returns
        -------
        float, list or dict
            As in Keras.
        """
        x, y, sample_weight = self._packer(required=False).pack_any(x, y, sample_weight)
        return super().evaluate(x, y, batch_size, verbose, sample_weight, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Predict the outputs of the base; see `keras.Model.predict`.

        Parameters
        ----------
        x, *args, **kwargs
            As in Keras; x may also be a list of texts.

        Returns
        -------
        ndarray or structure of ndarrays
            As in Keras.
        """
        return super().predict(as_inputs(x), *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Predict one batch; see `keras.Model.predict_on_batch` and `predict`."""
        return super().predict_on_batch(as_inputs(x))

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Train on one batch; see `keras.Model.train_on_batch`.

        Parameters
        ----------
        x, y, sample_weight, class_weight, return_dict
            As in Keras; y holds the targets, as for `fit`.

        Returns
        -------
        float, list or dict
            As in Keras.
        """
        packer = self._packer(required=True, class_weight=class_weight)
        x, y, sample_weight = packer.pack_any(x, y, sample_weight)
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluate one batch; see `keras.Model.test_on_batch`.

        Parameters
        ----------
        x, y, sample_weight, return_dict
            As in Keras.

        Returns
        -------
        float, list or dict
            As in Keras.
        """
        x, y, sample_weight = self._packer(required=False).pack_any(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def _pack_validation(self, data: Any) -> Any:
        if data is None:
            return None
        packed = self._packer(required=False).pack_any(
            *(as_tuple(data) if isinstance(data, (tuple, list)) else (data,))
        )
        return packed if packed[1] is not None else packed[:1]


def loss_name(loss: Any) -> str:
    """Return what a loss may be known by: its name, or those of its class and function."""
    return loss if isinstance(loss, str) else f"{type(loss).__name__} {getattr(loss, '__name__', '')}"
