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
from auxtasks.keras.alternating.schedule import Asked, Schedule
from auxtasks.keras.compiling import compile_back
from auxtasks.keras.head_sizes import DEFAULT_BUDGET, sizes_of
from auxtasks.keras.heads import plan_heads
from auxtasks.keras.loss_names import resolve_losses, with_chance
from auxtasks.keras.metrics import resolve_metrics
from auxtasks.keras.model import AuxModel
from auxtasks.keras.on_the_fly import OnTheFly
from auxtasks.keras.private import random_seed
from auxtasks.keras.samples import Samples
from auxtasks.keras.supervision import supervised_specs
from auxtasks.keras.taps import Where, resolve_taps
from auxtasks.keras.taught import check_outputs
from auxtasks.keras.ties import make_ties
from auxtasks.keras.trial import Trial, try_out
from auxtasks.keras.weighting.choose import resolve_weightings
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
        the wrapper and never changed; `strip_heads` gives it back. One that is compiled has the wrapper compiled
        likewise, with an optimizer of the same settings.
    targets : AuxTargets or AuxTargetGenerator
        What to learn. With a fitted generator, targets are computed inside each training step from the batch as it
        arrives: ``fit(X, y)`` takes plain labels in any form of data, and augmented inputs have the targets of what
        they became. Each of its tasks needs a form for tensors (see ``AuxTargetGenerator.in_graph``). A mapping of
        names to `TargetSpec` works too, together with `samples`, and None for deep supervision or agreement alone.
    at : str, int, float, keras.Layer, Tap or mapping, default "auto"
        Where each head reads: a layer name or path (``"backbone/block_6_expand_relu"``), an attribute of a subclassed
        model (``"encoder.norm"``, ``"blocks/0"``), an index into ``base.layers``, a fraction of the depth from 0.0
        (first layer) to 1.0 (last), the layer itself, or a `Tap`; for all targets or by name. ``"auto"`` takes the
        deepest tensor below the main head that depends on a weight that is trained and has what the target needs: the
        axes of a feature map, or the tokens of a grid of patches, for targets that have a place in the input (HOG,
        maps, images), the time axis for targets per step, and for the others the very tensor that the main head reads.
        The patches of an image are told by their number: that of a grid in the proportions of the image, or one more
        for a token of the class, which comes first. For targets that ask for the next or
        previous step it takes the deepest tensor that does not hold this step already; a tap given by name that does
        brings a warning. Whether one does is told by its gradient with respect to that step, compared to 1e-5 of
        the largest, so that a branch scaled by 1e-6 at the start is not seen; where nothing can be tried (see Warns),
        check it yourself.
    weights : float, "auto" or mapping, default "auto"
        The loss weight of all tasks or of each by name. The loss of a task is divided by its chance, so that 1.0 means
        the same for every task. ``"auto"``, also for those left out, is found by `fit` from the number of labels:
        ``(unlabelled / labelled) / 10`` samples, between 0.03, where all are labelled, and 1; 0.1 where labels cannot
        be counted, as in a `tf.data.Dataset` or before the first ``fit``; 1 without a main loss or in turns. See
        `auxtasks.batches.composition.automatic_weight`.
    tie : mapping of str to str, optional
        For targets with the words of a vocabulary as classes, the name or path of the model's own embedding layer,
        whose vectors of these words then tell the classes apart instead of weights of the head's own.
    samples : array or structure of arrays, optional
        Samples of what the model reads, for a trial run; by default ``targets.inputs``, and zeros for a generator.
        Needed for a model with several inputs, and for one that reads something else than ``targets.inputs``, such as
        texts where these are numbers of tokens (``make_aux_targets(..., model_inputs="texts")`` keeps the texts).
    seed : int, optional
        Seeds the heads. By default the seed of `keras.utils.set_random_seed` if that was set. Either way the global
        random state is left alone, so that the base trains as it would without heads.
    name : str, optional
        The name of the wrapper.
    schedule : {"joint", "alternating", "proportional"}, mapping or callable, default "joint"
        Whether each step trains all tasks at once, or one task and the trunk, while the other heads, the main one
        included, stay as they are. ``"alternating"`` goes round: ``"main"``, then the targets in their order.
        ``"proportional"`` draws the task of each step, as often as it has labelled samples. For both
        ``{"alternating": {"ratio": {"main": 2, "fft": 1}}}`` says how many steps in a row, or how often, a task has its
        turn (1 for tasks left out). A function gets the number of the step and returns the name of the task; it runs in
        Python, not under XLA, and must be registered with `keras.saving.register_keras_serializable` for the model to
        be saved. See Notes.
    weighting : str, mapping, function, or list of these, default "fixed"
        What the loss weights are multiplied by in the course of the training, or what becomes of the gradients of the
        tasks in the trunk; state is saved with the model. By name, or as ``{name: options}``:

        - ``{"delayed": {"steps": 500}}``, ``"warm_up"``, ``"decay"`` and ``"pretrain"`` follow a plan, see
          `Delayed`, `WarmUp`, `Decay` and `Pretrain` in `auxtasks.keras.weighting`;
        - ``"uncertainty"`` and ``"dwa"`` learn weights from the losses (`Uncertainty`, `DynamicWeightAverage`);
        - ``"cosine_gate"`` and ``"projection"`` take out what opposes the gradient of the main loss (`CosineGate`,
          `Projection`), ``"gradnorm"`` balances the gradients (`GradNorm`), and ``"monitor"`` only logs their cosines;
        - a function is asked at every step (`Custom`).

        A list multiplies its parts; one of them may look at gradients. The mean weight of each task in an epoch is in
        the logs as ``<task>_weight``, the mean cosine of its gradient with the main one as ``<task>_cosine``.
    losses : mapping of str to str, mapping or keras.losses.Loss, optional
        Losses in the place of those of the targets' kinds (see `TargetSpec`): a name of Keras such as ``"huber"``,
        ``{"huber": {"delta": 0.5}}`` or an object; ``"focal"``, Keras's focal cross-entropy for classes or labels; and
        ``"rebalanced"``, or ``{"rebalanced": {"by": "loss"}}``, whose class weights follow the training (`Rebalanced`).
        Missing targets are left out as ever, and losses divided by what guessing costs under them: by the loss of the
        class frequencies or the mean of `targets`. Weights of classes leave that as it is; see `AuxModel.fit`.
    metrics : "auto" or mapping of str to metrics, optional
        Metrics of the targets, as ``{"fft": ["mae"]}``, by name or as objects, in the logs as ``<task>_<metric>``. They
        get what `AuxModel.predict_auxiliary` gives, row by row, without rows that have a missing entry. ``"auto"``, for
        all or for one, is the accuracy of classes, the mean area under the ROC curves of labels, the KL divergence of
        distributions, and the mean absolute error of numbers. Those of the main output are given to ``compile``.
    deep_supervision : layer, list of layers, or mapping of layer to kind, optional
        Layers, named as in `at`, that also predict the main label, each by a head of its own, as the target
        ``main_at_<layer>`` (``<output>_at_<layer>`` of a model whose outputs have names; Lee et al. 2015). Labels are
        taken from the main ones, so that `y` stays as it is; `predict_auxiliary` gives the early predictions. The kind
        of label is read off the activation of the output, softmax or sigmoid, and must be given for others:
        ``{"conv1": "class"}`` for logits, ``"vector"`` for numbers. Their weight is 0.3 unless `weights` has a number;
        chance is that of equally frequent classes.
    head_budget : float or None, default 0.1
        The heads together have at most this share of the base's parameters, or 500,000 where that is less. Heads that
        would have more are made smaller: a vector of more than 64 numbers is put together of its principal components,
        as many as explain 95 % of its variance in `targets` and no more than 64; a map from all places of the tap gets
        a lower rank, or becomes one that goes place by place; other maps get a lower rank. None sets no limit. See
        Notes.
    agreement : str, list of str or mapping, optional
        Changes that leave the label as it is, for the main output to give the same answer on a changed copy of a sample
        (Berthelot et al. 2022): the answer on a weakly changed copy is the target for a strongly changed one. The name
        of a set or several: ``"shifts"``, ``"shifts_and_turns"`` and ``"colour"`` of images, ``"jitter"``,
        ``"scaling"``, ``"crop_and_stretch"`` and ``"channel_dropout"`` of signals, ``"dropout_and_swap"`` of the
        numbers of tokens. Or a mapping, of which the first two must be there:

        - ``"weak"``, ``"strong"``: each the name of a set, a Keras layer, a function of the inputs of a batch, which
          may have an argument ``seed`` (a `keras.random.SeedGenerator`), or a list of these; ``"weak": None`` takes the
          samples as they are;
        - ``"weight"``, by default 10.0: what agreement counts in the end. With 0 labelled samples alone are learned,
          and their strongly changed copies, with which agreement is to be compared;
        - ``"rise"``, by default ``"auto"``: in how many steps the weight rises, half of those that ``fit`` will take;
        - ``"threshold"``, by default 0.9: how probable a class must be in the answer for it to be learned, as a share
          of how probable the classes of labelled samples are on average;
        - ``"align"``, by default True: bring classes to the frequencies that they have among the labelled samples;
        - ``"ema"``: the decay, such as 0.999, of a moving average of the weights, which then gives the answers;
        - ``"outputs"``: a list of the outputs that agree, by default all that have a loss.

        See ``show_changes`` for what the copies look like, and Notes.

    Returns
    -------
    AuxModel
        To be compiled with the main loss, if `base` is not, and trained with ``fit(targets.inputs,
        targets.with_main(y))``.

    Raises
    ------
    InvalidInputError
        If a layer cannot be tapped, is called more than once, has rows that are no samples or nothing to learn at or
        below it, or a weight is negative; if the model already has heads;
        if a target per step finds no tensor with its steps, or only such as hold the answer; if the model makes other
        tokens of the texts than the targets count, or numbers words otherwise than a tied target.
    UnknownNameError
        If a layer or target does not exist; the nearest names are given.
    InvalidTypeError
        If an argument is of another type.

    Notes
    -----
    Principal components stay as they are in training and are no parameters that the budget counts. What they leave out
    of a target cannot be learned, so that its loss stays above 0, by up to 5 % of chance. They need the arrays of
    `targets`; for a generator or specs alone a wide vector is predicted by a map of low rank. ``model.summary()`` lists
    heads by their targets, and `repr` says what they have of the parameters.

    With a schedule other than ``"joint"`` each task has an optimizer of its own: the compiled one for ``"main"``, whose
    ``iterations`` count main steps alone, and clones of it, which follow the learning rate that callbacks set on it (a
    learning-rate schedule counts each task's own steps). It has a state for every trainable weight of the base, and
    touches only those that its task's loss depends on: the other heads, and layers above the tap, keep their values,
    without momentum or weight decay, and so do the moving averages in them (but for layers in which nothing is
    trainable, such as a batch normalisation without scale and center, whose averages move in every step). Losses of
    `add_loss` and penalties on weights go with ``"main"``. A task of weight 0, or without a label in the batch, has no
    turn; in ``"alternating"`` it has it as soon as it can, and makes up for two rounds at most. A batch with labels of
    one task alone trains that task. The model counts steps and turns in saved weights, and what is drawn follows from
    `seed` and these, so that a resumed run equals an uninterrupted one on the same batches. Losses of all tasks are
    logged in every step. On one device only; not with a weighting that looks at gradients or is trained itself, nor
    with an optimizer that has ``use_ema=True``.

    With `agreement` the labelled samples and their strongly changed copies are learned from the labels, each with
    weight 1. Samples without a main label are learned from the model's own answers, by a weight that rises along half
    a period of a cosine; soft labels, which give the first answers, fade out by as much. Of classes and of several
    labels the most probable answer is learned, where it is sure enough; of numbers always: then the loss of the output
    asks for the same numbers. Other losses, and outputs with a prediction for each step or place, are refused. Copies
    are run as in training, by random numbers that follow from `seed` and the step alone: batch normalisation normalises
    the weakly and the strongly changed ones each by themselves, and its moving averages, like all other state of the
    base, are those of the samples as they are. In the logs are ``agreement_loss``, ``agreement_share``, the share of
    answers that were sure enough, and ``changed_copies_loss``, that of the labelled copies. On one device only, not
    under XLA, and not with another schedule than ``"joint"``.

    Warns
    -----
    AuxTasksWarning
        If a tap given by name holds the next or previous step that its target asks for; or if this could not be tried,
        as with several inputs of which it is not known which one has the steps. If all weights at and below a tap are
        frozen. If ``"auto"`` finds less than a target needs, and a layer that is called more than once has it.

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
    samples = Samples.of(_inputs_of(targets, samples, base, on_the_fly), base, targets)
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
    ties = make_ties(tie, headed, base, getattr(targets, "vocabulary", None), numbered=samples.numbered_by_model())
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


def _inputs_of(targets: Any, inputs: Any, base: keras.Model, on_the_fly: OnTheFly) -> Any:
    if inputs is None and not on_the_fly:
        inputs = getattr(targets, "inputs", None)
    return on_the_fly.trial_inputs(base, inputs)


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
