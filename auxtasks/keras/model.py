"""`AuxModel`: a model with auxiliary heads, trained by plain ``fit``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from auxtasks.backend import NAME, n_replicas_of
from auxtasks.batches.composition import AUTO, Composition, Weight, compose, share_of
from auxtasks.batches.forms import AuxBatch, PackedDataset, as_inputs, as_tuple
from auxtasks.batches.planned import Epochs, Ordered, composed_batches, weight_for
from auxtasks.errors import InvalidInputError
from auxtasks.generator import AuxTargetGenerator
from auxtasks.keras.agreement import Agreement, AgreementMeans
from auxtasks.keras.alternating import Asked, Schedule
from auxtasks.keras.alternating.batches import TaskBatches
from auxtasks.keras.alternating.step import Alternation
from auxtasks.keras.apart import run_aside, store_states, take_states
from auxtasks.keras.compiling import (
    check_arguments,
    compile_arguments,
    compile_like,
    optimizer_like,
    without_compiling,
)
from auxtasks.keras.gradients import train_by_gradients
from auxtasks.keras.head_plans import build_heads, plan_heads
from auxtasks.keras.heads import HeadSize
from auxtasks.keras.listening import Listening, Training
from auxtasks.keras.losses import TaskLoss, Total
from auxtasks.keras.objective import LossWeights, Objective
from auxtasks.keras.outputs import by_label, label_names, like_outputs, update_metrics
from auxtasks.keras.packing import LabelRules, OnTheFly, Packer, Use
from auxtasks.keras.plan import DescribedByBase, Plan
from auxtasks.keras.private import (
    check_compiled,
    loss_container,
    metrics_container,
    take_training_as,
    writes_legacy,
)
from auxtasks.keras.scores import AuxiliaryPredictor, Scores
from auxtasks.keras.taught import losses_by_output
from auxtasks.keras.training import (
    CurrentStep,
    EpochEvents,
    check_step,
    main_loss,
    over_present,
    step_in_parts,
    steps_of,
)
from auxtasks.keras.trial import Shape
from auxtasks.keras.weighting.base import Weighting
from auxtasks.labels import MAIN
from auxtasks.specs import Specs, TargetSpec
from auxtasks.validation import check_int

_LOGGER = logging.getLogger("auxtasks")


@keras.saving.register_keras_serializable("auxtasks")
class AuxModel(DescribedByBase):
    """A Keras model with heads for auxiliary targets; made by `attach_heads`.

    Calling it returns the outputs of the base model alone, so that ``predict``, ``evaluate`` with plain labels,
    ``class_weight``, callbacks and export work as on the base. In training, the loss of each task over its chance,
    times its weight, is added to the main loss.

    Parameters
    ----------
    base : keras.Model
        The model; it is not changed. If it is compiled, so is this one.
    specs : mapping of str to TargetSpec
        The auxiliary targets.
    taps : mapping of str to (path, call, shape)
        For each target, the layer that its head reads, which call of it, and the shape of its output without batch.
    weights : mapping of str to float
        The loss weight of each task.
    seed : int
        Seeds the heads.
    name : str, optional
        The model's name.
    ties : mapping of str to (path, rows, width), optional
        For the targets whose head is tied to an embedding of the model, its path, the row of each class and the width
        of a row.
    schedule : str, mapping or callable, default "joint"
        Whether all tasks are trained at once or in turn; see `attach_heads`.
    generator : AuxTargetGenerator, optional
        What computes the targets in training, where the data does not hold them.
    weighting : sequence of Weighting, default ()
        What weighs the losses while the model trains; see `attach_heads`.
    losses : mapping of str to Loss or Rebalanced, optional
        Of the targets that do not keep the loss of their kind; ``baseline_loss`` in `specs` is that of these losses.
    metrics : mapping of str to list of Metric, optional
        Metrics of the targets.
    head_sizes : mapping of str to HeadSize, optional
        Of heads that are smaller than they could be, by the name of their first target.
    outputs : sequence of str, optional
        The names that labels have, by what the base returned in a trial run.
    agreement : Agreement, optional
        Under which changes of the inputs the main output agrees with itself.
    """

    def __init__(
        self,
        base: keras.Model,
        specs: Mapping[str, TargetSpec],
        taps: Mapping[str, tuple[str, int, Shape]],
        weights: Mapping[str, Weight],
        seed: int,
        name: str | None = None,
        ties: Mapping[str, tuple[str, Sequence[int], int]] | None = None,
        schedule: Asked = "joint",
        generator: AuxTargetGenerator | None = None,
        weighting: Sequence[Weighting] = (),
        losses: Mapping[str, TaskLoss] | None = None,
        metrics: Mapping[str, Sequence[keras.metrics.Metric]] | None = None,
        head_sizes: Mapping[str, HeadSize] | None = None,
        outputs: Sequence[str] | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        # The base's own policy: under another one the inputs would be cast before the base sees them.
        super().__init__(name=name or f"aux_{base.name}", dtype=base.dtype_policy, autocast=base.autocast)
        self.base = base
        take_training_as(self, base)
        self.weightings = list(weighting)
        for each in self.weightings:
            each.setup(list(specs))
        self._plan = Plan.make(base, specs, taps, ties or {})
        self._alternation = Alternation.of(
            Schedule.of(schedule, [MAIN, *specs]), seed, self.weightings, self.add_weight
        )
        headed = {name: spec for name, spec in specs.items() if not spec.is_taught}
        plans = plan_heads(headed, self._plan.taps, self._plan.ties, fused=self._alternation is None)
        self.heads = build_heads(plans, seed, head_sizes or {})
        self._seed = seed
        self._returned = tuple(outputs or ())
        self._step = CurrentStep()
        self._rules = LabelRules()
        self._on_the_fly = OnTheFly(generator)
        self._weights = LossWeights(self._plan.specs, weights, self.add_weight)
        self.agreement = agreement
        if agreement is not None:
            agreement.follow(base)
        self._objective = Objective(
            list(specs),
            self._weights,
            self.weightings,
            alternates=self._alternation is not None,
            agrees=agreement is not None,
        )
        self._scores = Scores(self._plan, self.heads, losses or {}, metrics or {})
        self._listening = Listening()
        # Keras does not look into plain objects; what it must track and save, under these names, is here.
        self._weight_means, self._cosine_means = self._objective.weight_means, self._objective.cosine_means
        self._factor_means = self._objective.factor_means
        self._main_loss, self._task_losses = self._scores.main, self._scores.tasks
        self._rebalanced, self._task_metrics = self._scores.rebalanced, self._scores.metrics
        if agreement is not None:
            self._agreement_means = AgreementMeans()
            self._means_of_agreement = [self._agreement_means.losses, self._agreement_means.shares]
        self._task_optimizers: list[Any] = []
        # And what it would save as a part of this model is not.
        self._untracked = SimpleNamespace()
        self.built = True
        compile_like(self, base)

    def __repr__(self) -> str:
        """Return what is attached where, and with how many parameters that are trained."""
        n_base, n_heads = self.base.count_params(), sum(head.n_trained for head in self.heads)
        heads = ", ".join(self._heads_in_words())
        percent = 100 * n_heads / max(n_base, 1)
        # Two digits of 100 or more would be written with an exponent.
        share = f" ({percent:{',.0f' if percent >= 10 else '.2g'}} %)" if heads and n_base else ""
        return f"<AuxModel of {self.base.name!r} with {n_base:,} parameters; heads{share}: {heads or 'none'}>"

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """The auxiliary targets by name."""
        return Specs(self._plan.specs)

    @property
    def tapped_layers(self) -> list[keras.Layer]:
        """The layers that heads read."""
        return list(self._plan.layers.values())

    @property
    def alternates(self) -> bool:
        """Whether each step trains one task only."""
        return self._alternation is not None

    @property
    def told_of_soft_labels(self) -> list[str]:
        """What the last `fit` said about soft labels: whether each is learned, and why."""
        return list(self._listening.told)

    @property
    def label_names(self) -> list[str] | None:
        """The names that main labels have in `y`, one for each output; None if they are not known.

        A subclassed model that returns a tuple has the places ``"0"``, ``"1"`` and so on.
        """
        return label_names(self.base) or list(self._returned) or None

    @property
    def loss_weights(self) -> dict[str, float]:
        """The loss weight of each task, automatic ones as the last `fit` set them; `set_loss_weights` changes them."""
        return self._weights.numbers()

    def set_loss_weights(self, weights: Weight | Mapping[str, Weight]) -> None:
        """Change loss weights; takes effect at once, without compiling again.

        Parameters
        ----------
        weights : float, "auto" or mapping of str to these
            The weight of all tasks, or new weights by name; tasks left out keep theirs. ``"auto"`` leaves it to the
            next `fit`, and is 0.3 for a target of deep supervision; see `attach_heads`.

        Raises
        ------
        UnknownNameError
            If there is no such task.
        InvalidTypeError, InvalidInputError
            If a weight is no number, negative or not finite.
        """
        self._weights.change(weights)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, *args: Any, **kwargs: Any) -> None:
        """Configure training; see `keras.Model.compile`. The loss and metrics are those of the main output.

        A base that was compiled when heads were attached needs this only to be trained otherwise.

        Raises
        ------
        InvalidInputError
            If the optimizer already belongs to another model, or an argument is one of the base's own ``compile``.
        UnknownNameError
            If there is no such argument.
        """
        check_arguments(self.base, kwargs)
        if getattr(optimizer, "built", False) and optimizer is not getattr(self, "optimizer", None):
            raise InvalidInputError(
                "`optimizer` was already built for another model and cannot be used again; pass a new one, such as "
                "type(optimizer).from_config(optimizer.get_config())."
            )
        n_devices = n_replicas_of(self)
        if self.agreement is not None and n_devices > 1:
            raise InvalidInputError(
                "`agreement`: answers are aligned and averaged over a whole batch, and so on one device only; got a "
                f"strategy with {n_devices} replicas. Train on one device, or leave agreement out."
            )
        if self._alternation is not None:
            kwargs |= self._alternation.compile_arguments(**kwargs)
        super().compile(optimizer, loss, *args, **kwargs)
        self._rules = LabelRules.of(self.loss)
        if self._alternation is not None:
            self._task_optimizers = self._alternation.clones(self.optimizer, n_devices)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model as it was compiled when saved; Keras leaves models with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self._build_optimizers()

    def _build_optimizers(self) -> None:
        if self._alternation is None:
            self.optimizer.build(self.trainable_variables)
        else:
            self._alternation.build_optimizers(self)

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
        labelled_share: float | str | None = AUTO,
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
            Arrays of integers that hold nothing but -1 and 1 are refused, unless for a hinge loss: they look like two
            classes and would be one. In batches, where one class may come alone, -1 is missing.
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
            losses too, ``val_<task>_loss``; these are never computed on the fly. ``val_main_loss`` and ``val_loss`` are
            the main loss in any case, also with `validation_split`, to be compared with ``main_loss``.
        sample_weight : array or mapping, optional
            An array weighs the main loss; a mapping weighs ``"main"``, or each output, and each task by name. Those of
            a task have shape (n,), or one for each entry of a target with labels or steps.
        labelled_share : float, "auto" or None, default "auto"
            Where fewer samples than this have a main label, and x is in arrays, each batch is composed of this share
            of labelled samples, which come round as often as needed, and of unlabelled ones, each of which an epoch
            sees once. An epoch then has more steps than one of the labelled samples alone, which a record of level
            INFO of the logger ``"auxtasks"`` says. ``"auto"`` is 0.2 with soft labels, and 0.5 otherwise. None, or
            ``shuffle=False``, takes batches as they come. Data sets are trained as they come in any case; the argument
            of the same name of `AuxTargets.to_tf_dataset` and `AuxTargets.to_py_dataset` composes theirs.
        seed : int, default 0
            Seeds the composition of batches.
        **kwargs
            Further arguments of `keras.Model.fit`.

        Returns
        -------
        keras.callbacks.History
            With ``main_loss``, and ``<task>_loss`` in units of chance, beside the main logs; ``loss`` is their weighted
            sum.

        Notes
        -----
        Soft labels whose weight was left open are learned if they promise to help, which the labelled samples alone
        decide before training begins. If 32 samples or more have one, the network is cross-validated on the labelled
        ones, from the weights that it has and in 100 steps for each fold at most (in all folds together no more than
        it will be trained in), and all is put back as it was. Opinions of teacher and network are then mixed by
        their likelihood, and learned if the mixture predicts better than the network alone and than guessing. This
        takes x in arrays and one device; else what the teacher says is learned as it is, with weight 1. A number in
        `weights` of `attach_heads` decides by itself. `told_of_soft_labels` says what was decided.

        Raises
        ------
        InvalidInputError
            If y lacks a target or has rows of another shape or number; if `validation_split` is used while main
            labels are missing.
        """
        check_compiled(self, "fit")
        if batch_size is not None:
            batch_size = check_int("batch_size", batch_size, low=1)
        seed = check_int("seed", seed, low=0)
        share = self._share(labelled_share)
        packer = self._packer("training", class_weight)
        y = self._on_the_fly.with_labels_for_all(x, y, negative=self._rules.negative)
        x, y, sample_weight = packer.pack_any(x, y, sample_weight)
        if self._alternation is not None:
            self._alternation.count_labels(x)
            self._alternation.build_optimizers(self)
        if validation_split and isinstance(x, AuxBatch) and not np.all(x.labelled):
            raise InvalidInputError(
                "`validation_split` takes the last samples, but some main labels are missing, so this part may hold "
                "no label. Pass labelled samples as `validation_data`."
            )
        self._set_automatic(x)
        by_epoch: TaskBatches | Epochs | None = None
        steps, size = kwargs.get("steps_per_epoch"), batch_size or 32
        if isinstance(x, AuxBatch):
            plan = compose(np.asarray(x.labelled, bool), size, share, seed) if share and shuffle else None
            steps = steps or (plan or Ordered(x.counts[1], size)).n_batches
            x = self._with_soft_labels(x, y, plan, size, steps, epochs, verbose)
            if plan is not None:
                data = (x, y) if sample_weight is None else (x, y, sample_weight)
                by_epoch = Epochs(plan)
                x, kwargs["steps_per_epoch"] = composed_batches(data, plan, by_epoch, kwargs.get("steps_per_epoch"))
                y, sample_weight, batch_size, shuffle = None, None, None, False
        elif isinstance(x, PackedDataset) and isinstance(x.source, TaskBatches):
            by_epoch, shuffle = x.source, False
            by_epoch.check_main(needed=self._rules.needed, negative=self._rules.negative)
        if self.agreement is not None:
            steps = steps or steps_of(x)
            self.agreement.begin(None if steps is None else steps * (epochs - kwargs.get("initial_epoch", 0)))
        if by_epoch is not None or self.specs:
            callbacks = EpochEvents(self.weightings, by_epoch, self._steps_done).added_to(callbacks)
        if validation_data is not None:
            packed = self._packer("evaluation").pack_any(*as_tuple(validation_data))
            validation_data = packed if packed[1] is not None else packed[:1]
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            sample_weight=sample_weight,
            **kwargs,
        )

    def _share(self, labelled_share: float | str | None) -> float | None:
        taught = self.agreement is not None or any(spec.is_taught for spec in self.specs.values())
        return share_of(labelled_share, is_taught=taught)

    def _set_automatic(self, x: Any) -> None:
        """Set the weights that were left open; those of soft labels, which the first step decided, stay."""
        decided = {name: self.loss_weights[name] for name in self._weights.left_open} if self._steps_done() else {}
        self._weights.set_automatic(weight_for(x) if self._rules.needed and self._alternation is None else 1.0, decided)

    def _with_soft_labels(
        self, x: AuxBatch, y: Any, plan: Composition | None, size: int, steps: int, epochs: int, verbose: Any
    ) -> AuxBatch:
        """Say what an epoch is, and return the samples with the soft labels that are to be learned."""
        if plan is not None:
            _LOGGER.info("%s", plan.described(steps))
        if isinstance(x.labelled, tuple):
            return x
        n_labelled = plan.n_labelled if plan else max(1, round(size * np.mean(x.labelled)))
        return self._listening.taught(self, x, Training(x.inputs, y, n_labelled, steps * epochs), verbose=verbose)

    def without_tasks(self) -> AuxModel:
        """Return another wrapper of the same base, without tasks and compiled likewise, to try it on its own."""
        plain = AuxModel(self.base, {}, {}, {}, self._seed)
        # Compiling by XLA takes longer than so few steps, but on JAX, which has nothing else.
        jit = "auto" if NAME == "jax" else False
        given = {**compile_arguments(self), "metrics": None, "weighted_metrics": None, "jit_compile": jit}
        plain.compile(optimizer_like(self.optimizer), **given)
        return plain

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
        x, y, sample_weight = self._packer("evaluation").pack_any(x, y, sample_weight)
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
        x, y, sample_weight = self._packer("training", class_weight).pack_any(x, y, sample_weight)
        if self._alternation is not None:
            self._alternation.count_labels(None)  # one batch does not tell the numbers of labelled samples
            self._alternation.build_optimizers(self)
        if self.agreement is not None:
            self.agreement.begin(None)
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
        x, y, sample_weight = self._packer("evaluation").pack_any(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def predict_auxiliary(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> dict[str, Any]:
        """Predict the auxiliary targets.

        Parameters
        ----------
        x : array, structure of arrays, tf.data.Dataset or PyDataset
            The inputs.
        batch_size, verbose
            As for `keras.Model.predict`.

        Returns
        -------
        dict of str to ndarray
            Numbers in the scale they were trained in, which ``targets.unscale`` turns into units; probabilities for
            classes, labels and distributions, along the last axis. NaN for the steps of a target that a batch of
            shorter texts does not have.
        """
        if not hasattr(self._untracked, "predictor"):
            self._untracked.predictor = AuxiliaryPredictor(self)
        found = self._untracked.predictor.predict(as_inputs(x), batch_size=batch_size, verbose=verbose)
        return {name: found[name] for name in self.specs if name in found}  # JAX orders them by name

    def _packer(self, use: Use, class_weight: Any = None, *, labels: bool = True) -> Packer:
        if use == "training" and self._on_the_fly:
            use = "on_the_fly"
        rules = self._rules if labels else replace(self._rules, needed=False)
        return Packer(self._plan.specs, self.label_names, rules, use, class_weight)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of the base model."""
        if isinstance(inputs, AuxBatch):
            inputs = inputs.inputs
        return self.base(inputs) if training is None else self.base(inputs, training=training)

    # JAX hands over the values of all variables before the batch, and takes them back beside what a step returns.
    def train_step(self, *state_and_data: Any) -> Any:
        """Train on one batch: all tasks at once, the one whose turn it is, or as their gradients agree."""
        step = super().train_step
        if self._alternation is not None:
            step = partial(step_in_parts, self, self._alternation.trainer(self))
        elif self._objective.by_gradient is not None:
            step = partial(step_in_parts, self, partial(train_by_gradients, self))
        return self._run_step(step, *state_and_data, use="training")

    def test_step(self, *state_and_data: Any) -> Any:
        """Evaluate one batch; auxiliary losses are reported for the targets it holds."""
        return self._run_step(super().test_step, *state_and_data, use="evaluation")

    def predict_step(self, *state_and_data: Any) -> Any:
        """Predict one batch; auxiliary targets in it are ignored."""
        *state, data = state_and_data
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().predict_step(*state, (x.inputs if isinstance(x, AuxBatch) else x,))

    def _run_step(self, step: Callable[..., Any], *state_and_data: Any, use: Use) -> Any:
        *state, data = state_and_data
        batch, y, sample_weight = self._packer(use).pack(*keras.utils.unpack_x_y_sample_weight(data))
        batch = self._on_the_fly.completed(batch) if use == "training" else batch
        with self._step.on(batch, self._plan.layers.values()):
            # The heads' targets stay out of `call`, which would cast them to the compute dtype.
            return step(*state, (batch.inputs, y, sample_weight))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the main loss over the labels present plus the weighted losses of the auxiliary tasks."""
        step = self._step
        main, n_labels = main_loss(self, super().compute_loss, x, y, y_pred, sample_weight, training)
        self._scores.log(step.batch.targets if step.batch else ())
        self._objective.log(training=training)
        agreement, fading = self._agreed(x, y, y_pred, sample_weight, n_labels, training=training)
        if step.batch is None or not step.batch.targets:
            return self._objective.main_alone(main, agreement)
        totals, sums = self._totals(step.batch, y_pred, training=training)
        loss, step.parts = self._objective.joined(
            main,
            n_labels,
            totals,
            sums,
            trains_main=self._trains_main,
            training=training,
            agreement=agreement,
            fading=fading,
        )
        return loss

    def _agreed(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, n_labels: Any, *, training: bool
    ) -> tuple[Any, Any]:
        """Return the loss of agreement in this step, and what the loss of each task is multiplied by beside it."""
        if self.agreement is None:
            return None, None
        self._agreement_means.log(self.agreement.learns if training else ())
        if not training:
            return None, None
        taught = np.array([spec.is_taught for spec in self._plan.specs.values()], "float32")
        # Soft labels give way to what the model itself comes to know.
        fading = 1.0 - taught * self.agreement.risen() if self.agreement.weight and taught.any() else None
        loss, parts = self.agreement.learned(self, x, y, y_pred, sample_weight)
        self._agreement_means.update_state(parts, n_labels)
        return loss, fading

    def auxiliary_loss(self, x: Any, targets: Any = None, training: bool = True) -> Any:
        """Return the weighted loss of the auxiliary targets, to be added to a loss that is computed by hand.

        For a training step or loop of one's own, which is to update ``trainable_variables`` of this model, of which the
        heads are a part. `fit` adds this loss by itself.

        Parameters
        ----------
        x : array, tensor or structure of these
            A batch of inputs.
        targets : mapping of str to array, optional
            Their targets by name, as ``targets.with_main(labels)`` gives them: in training all of them, but for those
            that a generator computes. The main labels in it are ignored, but for deep supervision.
        training : bool, default True
            Whether the layers of the model are in training.

        Returns
        -------
        tensor
            A number; 0 where nothing is labelled.

        Raises
        ------
        InvalidInputError
            If a target is missing or has rows of another shape; if tasks are trained in turn or weighed while the
            model trains, which takes the whole step; if soft labels are to be learned, and no loss was compiled.

        Notes
        -----
        The model is run on `x` once more for it, and nothing but the losses is left of that run: moving averages,
        random states and the losses of `add_loss` are those of the training step itself, so that with a weight of 0 the
        step trains as it would without. The mean loss of each target is in `get_metrics_result` until `reset_metrics`.
        """
        check_step(self)
        packer = self._packer("training" if training else "evaluation", labels=False)
        batch, _, _ = packer.pack(x, targets)
        batch = self._on_the_fly.completed(batch) if training else batch
        if not batch.targets:
            return ops.zeros(())
        with self._step.on(batch, self._plan.layers.values()):
            outputs = run_aside(self, batch.inputs, training=training)
            self._scores.log(batch.targets)
            _, sums = self._totals(batch, outputs, training=training)
        return self._objective.alone(sums)

    def _totals(self, batch: AuxBatch, y_pred: Any, *, training: bool) -> tuple[dict[str, Total], Total]:
        """Return the loss of each task in this step, and all side by side."""
        step = self._step
        step.outputs = by_label(y_pred, self.label_names)
        losses = losses_by_output(self.loss, self.label_names)
        return self._scores.totals(batch, step.events, step.outputs, losses, training=training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics with the labels present, and return all metrics."""
        if not self._step.has_missing or y is None or metrics_container(self) is None:
            logs: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
            return logs
        y, sample_weight = (like_outputs(part, y_pred, self.output_names) for part in (y, sample_weight))
        update_metrics(metrics_container(self), y, y_pred, sample_weight)
        return dict(self.get_metrics_result())

    def get_metrics_result(self) -> dict[str, Any]:
        """Return all metrics; those of the main output are NaN while no label was seen."""
        return over_present(self, super().get_metrics_result())

    def _read_by(self, task: str) -> Any:
        """Return the tensor that a task is predicted from in this step: its tap, or the output that learns it."""
        spec = self._plan.specs[task]
        if spec.is_taught:
            return self._step.outputs[spec.options["output"]]
        return self._plan.event_of(task, self._step.events).output

    @property
    def _trains_main(self) -> bool:
        """Whether there is anything but auxiliary losses."""
        return loss_container(self) is not None or bool(self.losses)

    def _steps_done(self) -> int:
        return int(
            ops.convert_to_numpy(self.optimizer.iterations if self._alternation is None else self._alternation.step)
        )

    def save_own_variables(self, store: Any) -> None:
        """Save also the states of random generators, so that a resumed run goes on as it would have."""
        super().save_own_variables(store)
        store_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        super().load_own_variables(take_states(self, store))

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save the model with its heads to a ``.keras`` file; see `keras.Model.save`."""
        # Before the file is touched: what is there is kept.
        if str(filepath).endswith((".h5", ".hdf5")):
            raise _no_hdf5()
        super().save(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; the base must be serialisable itself."""
        if writes_legacy():
            raise _no_hdf5()
        return {
            "name": self.name,
            "base": without_compiling(keras.saving.serialize_keras_object(self.base)),
            **self._plan.to_config(self.base),
            "weights": self._weights.asked(),
            "seed": self._seed,
            "outputs": list(self._returned),
            "head_sizes": {head.specs[0].name: asdict(head.size) for head in self.heads},
            "weighting": [keras.saving.serialize_keras_object(each) for each in self.weightings],
            **({} if self._alternation is None else {"schedule": self._alternation.schedule.to_config()}),
            **({} if self.agreement is None else {"agreement": keras.saving.serialize_keras_object(self.agreement)}),
            **self._on_the_fly.to_config(),
            **self._scores.to_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> AuxModel:
        """Make the model that `get_config` described."""
        made = partial(keras.saving.deserialize_keras_object, custom_objects=custom_objects)
        base = made(config["base"])
        specs = {name: TargetSpec.from_dict(spec) for name, spec in config["specs"].items()}
        given = {
            "base": base,
            "specs": specs,
            "taps": Plan.by_path(base, config.get("taps", {})),
            "ties": Plan.by_path(base, config.get("ties", {})),
            "schedule": Schedule.from_config(config.get("schedule", "joint"), custom_objects),
            "weighting": [made(each) for each in config.get("weighting", [])],
            "agreement": made(config.get("agreement")),
            "generator": OnTheFly.from_config(config).generator,
            "head_sizes": {name: HeadSize(**size) for name, size in config.get("head_sizes", {}).items()},
            **Scores.from_config(config, specs, custom_objects),
        }
        return cls(**{**config, **given})

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Export for inference; see `keras.Model.export`. Nothing of the heads is in what is written."""
        return self.base.export(*args, **kwargs)


def _no_hdf5() -> InvalidInputError:
    return InvalidInputError(
        "`filepath`: Keras cannot load a model with heads from its old format, .h5; end the name in .keras, save the "
        "weights alone with save_weights('….weights.h5'), or save the base alone: strip_heads(model).save(...), or "
        "BaseCheckpoint during training."
    )
