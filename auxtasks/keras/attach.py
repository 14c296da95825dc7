"""Heads on, heads off."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from auxtasks.aux_targets import AuxTargets
from auxtasks.batches.composition import AUTO, Weight, checked_weights
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, wrong_type
from auxtasks.generator import AuxTargetGenerator
from auxtasks.keras.agreement import COPIES, NAME, Agreement, check_no_copies, read_agreement
from auxtasks.keras.alternating import Asked, Schedule
from auxtasks.keras.compiling import compile_back
from auxtasks.keras.head_plans import DEFAULT_BUDGET, plan_heads, sizes_of
from auxtasks.keras.losses import resolve_losses, with_chance
from auxtasks.keras.metrics import resolve_metrics
from auxtasks.keras.model import AuxModel
from auxtasks.keras.packing import OnTheFly
from auxtasks.keras.plan import make_ties
from auxtasks.keras.private import random_seed
from auxtasks.keras.supervision import supervised_specs
from auxtasks.keras.taps import Where, resolve_taps
from auxtasks.keras.taught import check_outputs
from auxtasks.keras.trial import Samples, Trial, try_out
from auxtasks.keras.weighting import resolve_weightings
from auxtasks.labels import MAIN
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array
from auxtasks.validation import check_int, check_name

_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")
_KERAS_STEPS = [getattr(keras.Model, name) for name in _STEPS]


class TargetArrays(dict[str, Array]):
    """Targets of some samples with their specs, without the generator that made them."""

    def __init__(self, arrays: Mapping[str, Array], specs: Mapping[str, TargetSpec]) -> None:
        super().__init__(arrays)
        self.specs = dict(specs)


def attach_heads(
    base: keras.Model,
    targets: Any,
    at: Where | Mapping[str, Where] = "auto",
    weights: Weight | Mapping[str, Weight] = "auto",
    *,
    tie: Mapping[str, str] | None = None,
    samples: Any = None,
    seed: int | None = None,
    name: str | None = None,
    schedule: Asked = "joint",
    weighting: Any = "fixed",
    losses: Mapping[str, Any] | None = None,
    metrics: Any = None,
    deep_supervision: Any = None,
    head_budget: float | None = DEFAULT_BUDGET,
    agreement: Any = None,
) -> AuxModel:
    """Wrap a Keras model so that it also learns auxiliary targets.

    Parameters
    ----------
    base : keras.Model
        Any Keras model: Sequential (built or not), functional, subclassed, with nested models. It is trained through
        the wrapper and never changed; `strip_heads` returns it. If it is compiled, the wrapper is compiled in the same
        way, with an optimizer of the same settings.
    targets : AuxTargets or AuxTargetGenerator
        What to learn. With a fitted generator, targets are computed inside each training step from the batch as it
        arrives: ``fit(X, y)`` takes plain labels in any form of data, and augmented inputs get the targets of their
        augmented form. Each of its tasks must support tensors (see ``AuxTargetGenerator.in_graph``). A mapping of names
        to `TargetSpec` works too, together with `samples`. Pass None for deep supervision or agreement alone.
    at : str, int, float, keras.Layer, Tap or mapping, default "auto"
        Where each head reads: a layer name or path (``"backbone/block_6_expand_relu"``), an attribute of a subclassed
        model (``"encoder.norm"``, ``"blocks/0"``), an index into ``base.layers``, a fraction of the depth from 0.0
        (first layer) to 1.0 (last), the layer itself, or a `Tap`; for all targets or by name. ``"auto"`` takes the
        deepest tensor below the main head that depends on a trained weight and has what the target needs: the axes of a
        feature map, or the tokens of a grid of patches, for targets with a place in the input (HOG, maps, images); the
        time axis for targets per step; and for all others the tensor that the main head reads. Patches of an image are
        recognised by their number: that of a grid in the proportions of the image, or one more with a class token,
        which comes first. For targets that predict the next or previous step, it takes the deepest tensor that does not
        already hold this step; a named tap that does brings a warning. The test compares the gradient with respect to
        that step to 1e-5 of the largest, so it misses a branch scaled by 1e-6 at the start. If the test is impossible
        (see Warns), check the tap yourself.
    weights : float, "auto" or mapping, default "auto"
        The loss weight of all tasks or of each by name. The loss of a task is divided by its chance, so 1.0 means the
        same for every task. ``"auto"``, also for omitted tasks, is derived by `fit` from the number of labels:
        ``(unlabelled / labelled) / 10`` samples, at most 1 and at least 0.03, the weight if all are labelled. It is 0.1
        if labels cannot be counted, as in a `tf.data.Dataset` or before the first ``fit``, and 1 without a main loss or
        with tasks in turn. See `auxtasks.batches.composition.automatic_weight`.
    tie : mapping of str to str, optional
        For targets with the words of a vocabulary as classes, the name or path of the model's embedding layer. The head
        then uses the vectors of these words instead of its own weights.
    samples : array or structure of arrays, optional
        Samples of what the model reads, for a trial run; by default ``targets.inputs``, and zeros for a generator.
        Needed for a model with several inputs, and for one that does not read ``targets.inputs``, such as a model that
        reads texts while these are ids of tokens (``make_aux_targets(..., model_inputs="texts")`` keeps the texts).
    seed : int, optional
        Seeds the heads. By default the seed of `keras.utils.set_random_seed` if that was set. The global random state
        does not change, so the base trains as it would without heads.
    name : str, optional
        The name of the wrapper.
    schedule : {"joint", "alternating", "proportional"}, mapping or callable, default "joint"
        Whether each step trains all tasks at once, or one task and the trunk, while the other heads, the main one
        included, stay as they are. ``"alternating"`` goes round: ``"main"``, then the targets in their order.
        ``"proportional"`` draws the task of each step in proportion to its labelled samples. For both,
        ``{"alternating": {"ratio": {"main": 2, "fft": 1}}}`` sets the number of steps in a row, or the frequency, of
        each task (1 for omitted tasks). A function gets the number of the step and returns the name of the task; it
        runs in Python, not under XLA, and must be registered with `keras.saving.register_keras_serializable` for the
        model to be saved. See Notes.
    weighting : str, mapping, function, or list of these, default "fixed"
        How the loss weights, or the gradients of the tasks in the trunk, change during training. The state is saved
        with the model. A name, or ``{name: options}``:

        - ``{"delayed": {"steps": 500}}``, ``"warm_up"``, ``"decay"`` and ``"pretrain"`` follow a plan, see
          `Delayed`, `WarmUp`, `Decay` and `Pretrain` in `auxtasks.keras.weighting`;
        - ``"uncertainty"`` and ``"dwa"`` learn weights from the losses (`Uncertainty`, `DynamicWeightAverage`);
        - ``"cosine_gate"`` and ``"projection"`` remove the part that opposes the gradient of the main loss
          (`CosineGate`,
          `Projection`), ``"gradnorm"`` balances the gradients (`GradNorm`), and ``"monitor"`` only logs their cosines;
        - a function is called at every step (`Custom`).

        A list multiplies the factors of its parts; only one of them may use gradients. The mean weight of each task in
        an epoch is in the logs as ``<task>_weight``, the mean cosine of its gradient with the main one as
        ``<task>_cosine``.
    losses : mapping of str to str, mapping or keras.losses.Loss, optional
        Losses that replace the defaults of the targets' kinds (see `TargetSpec`): a name of Keras such as ``"huber"``,
        ``{"huber": {"delta": 0.5}}`` or an object; ``"focal"``, Keras's focal cross-entropy for classes or labels; and
        ``"rebalanced"``, or ``{"rebalanced": {"by": "loss"}}``, whose class weights follow the training (`Rebalanced`).
        Missing targets are left out under every loss. Each loss is divided by its value for a guess: the class
        frequencies or the mean of `targets`. Class weights do not change this divisor; see `AuxModel.fit`.
    metrics : "auto" or mapping of str to metrics, optional
        Metrics of the targets, as ``{"fft": ["mae"]}``, by name or as objects, in the logs as ``<task>_<metric>``. They
        get the output of `AuxModel.predict_auxiliary`, row by row, without rows that have a missing entry. ``"auto"``,
        for all or for one, is the accuracy of classes, the mean area under the ROC curves of labels, the KL divergence
        of distributions, and the mean absolute error of numbers. Pass metrics of the main output to ``compile``.
    deep_supervision : layer, list of layers, or mapping of layer to kind, optional
        Layers, named as in `at`, that also predict the main label, each by a head of its own, as the target
        ``main_at_<layer>`` (``<output>_at_<layer>`` of a model whose outputs have names; Lee et al. 2015). Labels are
        the main ones, so `y` does not change; `predict_auxiliary` returns the early predictions. The kind of label
        follows from the activation of the output, softmax or sigmoid, and must be given for others: ``{"conv1":
        "class"}`` for logits, ``"vector"`` for numbers. Their weight is 0.3 unless `weights` has a number; chance is
        that of equally frequent classes.
    head_budget : float or None, default 0.1
        Together the heads have at most this share of the base's parameters, or 500,000 if that is more. Heads that
        would exceed the limit are made smaller. A vector of more than 64 numbers is predicted as a combination of its
        principal components, as many as explain 95 % of its variance in `targets`, at most 64. A map from all places of
        the tap gets a lower rank, or works place by place. Other maps get a lower rank. None sets no limit. See Notes.
    agreement : str, list of str or mapping, optional
        Changes that do not alter the label. The main output learns to give the same answer on a changed copy of a
        sample (Berthelot et al. 2022): the answer on a weakly changed copy is the target for a strongly changed one.
        The name of a set or several: ``"shifts"``, ``"shifts_and_turns"``, ``"distortions"``, ``"erasing"`` and
        ``"colour"`` of images, ``"jitter"``, ``"scaling"``, ``"crop_and_stretch"`` and ``"channel_dropout"`` of
        signals, ``"dropout_and_swap"`` of the numbers of tokens. Or a mapping, whose first two entries are required:

        - ``"weak"``, ``"strong"``: each the name of a set, a Keras layer, a function of the inputs of a batch, which
          may have an argument ``seed`` (a `keras.random.SeedGenerator`), or a list of these; ``"weak": None`` leaves
          the samples unchanged;
        - ``"weight"``, by default 10.0: the final weight of agreement. With 0, only the labelled samples and their
          strongly changed copies are learned; this is the control for agreement;
        - ``"rise"``, by default ``"auto"``: the number of steps in which the weight rises, half of the steps of
          ``fit``;
        - ``"threshold"``, by default 0.9: the least probability of a class in the answer for it to be learned, as a
          share of the average probability of the classes of labelled samples;
        - ``"align"``, by default True: align the classes with their frequencies among the labelled samples;
        - ``"ema"``: the decay, such as 0.999, of a moving average of the weights, which then gives the answers;
        - ``"outputs"``: a list of the outputs that agree, by default all that have a loss.

        ``show_changes`` draws the copies. See Notes.

    Returns
    -------
    AuxModel
        The wrapper. Compile it with the main loss, unless `base` is compiled, and train it with ``fit(targets.inputs,
        targets.with_main(y))``.

    Raises
    ------
    InvalidInputError
        If a layer cannot be tapped, is called more than once, has rows that are not samples, or has no trainable weight
        at or below it; if a weight is negative; if the model already has heads; if there is no tensor with the steps of
        a target per step, or only tensors that hold the answer; if the model tokenizes texts differently from the
        targets, or numbers words differently from a tied target.
    UnknownNameError
        If a layer or target does not exist; the message names the nearest ones.
    InvalidTypeError
        If an argument is of another type.

    Notes
    -----
    Principal components do not change in training, and do not count towards the budget. The head cannot learn what they
    leave out of a target, so its loss stays above 0, by up to 5 % of chance. They need the arrays of `targets`; for a
    generator or specs alone, a map of low rank predicts a wide vector. ``model.summary()`` lists heads by their
    targets, and `repr` shows their share of the parameters.

    With a schedule other than ``"joint"``, each task has its own optimizer: the compiled one for ``"main"``, whose
    ``iterations`` count main steps alone, and clones of it, which follow the learning rate that callbacks set on it (a
    learning-rate schedule counts each task's own steps). Each has a state for every trainable weight of the base, and
    changes only those that its task's loss depends on. The other heads, and layers above the tap, keep their values,
    without momentum or weight decay, and so do the moving averages in them. The exception is a layer without trainable
    weights, such as a batch normalisation without scale and center, whose averages move in every step. Losses of
    `add_loss` and penalties on weights go with ``"main"``. A task of weight 0, or without a label in the batch, has no
    turn; in ``"alternating"`` it gets its turn as soon as possible, and makes up for at most two rounds. A batch with
    labels of only one task trains that task. The model counts steps and turns in saved weights, and draws depend on
    `seed` and these alone, so a resumed run equals an uninterrupted one on the same batches. Losses of all tasks are
    logged in every step. Schedules work on one device only; they do not work with a weighting that uses gradients or is
    trained itself, nor with an optimizer that has ``use_ema=True``.

    With `agreement` the labelled samples and their strongly changed copies are learned from the labels, each with
    weight 1. Samples without a main label are learned from the model's own answers, by a weight that rises along half a
    period of a cosine; soft labels, which give the first answers, fade out by as much. For classes and for several
    labels, the most probable answer is learned if it is sure enough. For numbers it is always learned: the loss of the
    output then asks for the same numbers. Other losses, and outputs with a prediction for each step or place, are
    refused. Copies run in training mode, with random numbers that depend on `seed` and the step alone. Batch
    normalisation normalises the weakly and the strongly changed copies separately, and its moving averages, like all
    other state of the base, are those of the unchanged samples. The logs contain ``agreement_loss``,
    ``agreement_share``, the share of answers that were sure enough, and ``changed_copies_loss``, the loss of the
    labelled copies. Agreement works on one device only, not under XLA, and only with the schedule ``"joint"``.

    Warns
    -----
    AuxTasksWarning
        If a named tap holds the next or previous step that its target predicts, or if this could not be tested, as with
        several inputs when the one with the steps is unknown. If all weights at and below a tap are frozen. If
        ``"auto"`` finds no tensor that fits a target, but a layer that is called more than once has one.

    Examples
    --------
    >>> import auxtasks, keras, numpy as np
    >>> X = np.random.default_rng(0).normal(size=(64, 32, 3)).astype("float32")
    >>> targets = auxtasks.make_aux_targets(X, domain="signal", tasks=["std", "abs_sum_changes"])
    >>> base = keras.Sequential(
    ...     [keras.layers.Conv1D(8, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    ... )
    >>> model = attach_heads(base, targets, weights={"std": 0.5})
    >>> model.loss_weights  # before the first fit
    {'std': 0.5, 'abs_sum_changes': 0.01}
    >>> strip_heads(model) is base
    True
    """
    _check_base(base)
    if name is not None:
        check_name("name", name)
    chosen = _seed_of(seed)
    agrees = read_agreement(agreement, chosen)
    specs, on_the_fly = _what_to_learn(targets, deep_supervision, agrees)
    if samples is None and not on_the_fly:
        samples = getattr(targets, "inputs", None)
    samples = Samples.of(on_the_fly.trial_inputs(base, samples), base, targets)
    trial = try_out(base, samples, specs)
    specs, at = _with_early_heads(specs, at, deep_supervision, base, trial, agrees)
    if agrees is not None:
        _check_agreement(agrees, samples.inputs, specs, schedule, targets)
    checked = checked_weights(weights, dict.fromkeys(specs, AUTO))
    check_outputs(specs, base)
    headed = {name: spec for name, spec in specs.items() if not spec.is_taught}
    taps = {
        task: (output.path, output.call, output.shape) for task, output in resolve_taps(at, headed, base, trial).items()
    }
    ties = make_ties(tie, headed, base, getattr(targets, "vocabulary", None), numbered=samples.numbered_by_model)
    task_losses = resolve_losses(losses, headed)
    fused = Schedule.of(schedule, [MAIN, *specs]).kind == "joint"
    plans = plan_heads(headed, taps, {task: (each,) for task, each in ties.items()}, fused=fused)
    values: Mapping[str, Array] = targets if isinstance(targets, (AuxTargets, TargetArrays)) else {}
    sizes, components = sizes_of(plans, head_budget, base, values)
    model = AuxModel(
        base,
        with_chance(specs, task_losses, values),
        taps,
        checked,
        chosen,
        name,
        ties,
        schedule,
        generator=on_the_fly.generator,
        weighting=resolve_weightings(weighting),
        losses=task_losses,
        metrics=resolve_metrics(metrics, headed),
        head_sizes=sizes,
        outputs=trial.returned,
        agreement=agrees,
    )
    for head in model.heads:
        head.set_components(components)
    teachers = getattr(getattr(targets, "generator", targets), "teachers_", ())
    model._listening.unseen.update({teacher.name: teacher.said_unseen() for teacher in teachers})
    return model


def strip_heads(model: AuxModel) -> keras.Model:
    """Return the model that was passed to `attach_heads`, trained and with nothing left on it.

    Parameters
    ----------
    model : AuxModel
        What `attach_heads` returned, or the same loaded from a file.

    Returns
    -------
    keras.Model
        The very object that was wrapped. If `model` is compiled it is compiled likewise, with a new optimizer of the
        same settings, the learning rate that training ended with among them, whose state begins anew: it can be
        evaluated, and trained further, at once. A base with a ``compile`` of its own is left to it.

    Raises
    ------
    InvalidTypeError
        If `model` has no auxiliary heads.
    """
    if not isinstance(model, AuxModel):
        raise InvalidTypeError(f"`model` must be an AuxModel, as attach_heads returns it; got {type(model).__name__}.")
    compile_back(model.base, model)
    return model.base


def _check_base(base: object) -> None:
    if isinstance(base, AuxModel):
        raise InvalidInputError("`base` already has auxiliary heads; pass strip_heads(base), or all targets at once.")
    if not isinstance(base, keras.Model):
        raise wrong_type("base", "a keras.Model", base)
    own = [name for name in _STEPS if getattr(type(base), name) not in _KERAS_STEPS]
    if own:
        warnings.warn(
            f"{type(base).__name__} has its own {', '.join(own)}, which training with heads does not run; it uses the "
            "losses and metrics passed to compile. To keep the step, let it train a network with heads, and add "
            "network.auxiliary_loss(x, targets) to its loss.",
            AuxTasksWarning,
            stacklevel=3,
        )


def _what_to_learn(
    targets: Any, deep_supervision: Any, agreement: Agreement | None
) -> tuple[dict[str, TargetSpec], OnTheFly]:
    on_the_fly = OnTheFly.of(targets)
    if targets is None and (deep_supervision is not None or agreement is not None):
        return {}, on_the_fly
    specs = targets.specs_ if isinstance(targets, AuxTargetGenerator) else getattr(targets, "specs", targets)
    if not isinstance(specs, Mapping) or not all(isinstance(spec, TargetSpec) for spec in specs.values()):
        raise InvalidTypeError(
            "`targets` must be AuxTargets, as make_aux_targets returns them, a fitted AuxTargetGenerator, or a mapping "
            f"of names to TargetSpec; got {type(targets).__name__}."
        )
    if not specs and agreement is None:
        raise InvalidInputError("`targets` holds no target; compute at least one task.")
    return dict(specs), on_the_fly


def _with_early_heads(
    specs: dict[str, TargetSpec],
    at: Any,
    deep_supervision: Any,
    base: keras.Model,
    trial: Trial,
    agreement: Agreement | None,
) -> tuple[dict[str, TargetSpec], dict[str, Where]]:
    """Return all specs, those of deep supervision among them, and where their heads read."""
    early, early_at = supervised_specs(deep_supervision, base, trial.outputs, specs)
    if not specs and not early and agreement is None:
        raise InvalidInputError("`targets` and `deep_supervision` hold no target; compute a task or name a layer.")
    headed = [name for name, spec in specs.items() if not spec.is_taught]
    return specs | early, {**(at if isinstance(at, Mapping) else dict.fromkeys(headed, at)), **early_at}


def _check_agreement(
    agreement: Agreement, inputs: Any, specs: Mapping[str, TargetSpec], schedule: Any, targets: Any
) -> None:
    """Try the changes on some samples, and refuse what agreement does not go with."""
    if taken := [name for name in (NAME, COPIES) if name in specs]:
        raise InvalidInputError(
            f"`targets` holds a target named {taken[0]!r}, a name that agreement uses in the logs; rename the target."
        )
    if schedule != "joint":
        raise InvalidInputError(
            "`agreement` trains the main output in every step, but a `schedule` other than 'joint' trains one task "
            "per step; omit one of them."
        )
    check_no_copies(targets)
    for part, copy in zip(("weak", "strong"), agreement.copies(inputs), strict=True):
        shapes = [keras.tree.map_structure(lambda tensor: tuple(tensor.shape), each) for each in (copy, inputs)]
        if shapes[0] != shapes[1]:
            raise InvalidInputError(
                f"`agreement`: {part!r} must return copies of the same shape; from {shapes[1]} it made {shapes[0]}."
            )


def _seed_of(seed: int | None) -> int:
    if seed is not None:
        return check_int("seed", seed, low=0)
    known = random_seed()
    # Fresh entropy from the system: drawing from the global generators would change how the base trains.
    return int(known) if known is not None else int(np.random.SeedSequence().generate_state(1)[0])
