"""Agreement: the model's own answer on a weakly changed copy is the target for a strongly changed one.

And a picture of what the changes do to samples, to see whether their labels survive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
from keras import ops

from auxtasks.backend import ON_TENSORFLOW
from auxtasks.batches.composition import AUTO
from auxtasks.checksums import named
from auxtasks.errors import InvalidInputError, unknown_name, wrong_type
from auxtasks.keras.apart import run_apart
from auxtasks.keras.changes import SETS, Change, changed, listed_changes
from auxtasks.keras.losses import Total
from auxtasks.keras.metrics import TaskMeans
from auxtasks.keras.outputs import by_label, like_outputs, mean_weights, without_missing
from auxtasks.keras.private import aside, compiled_as, loss_container, trained_in
from auxtasks.keras.taught import agreed, kind_of, losses_by_output
from auxtasks.labels import split_missing
from auxtasks.optional import require
from auxtasks.typing import Array
from auxtasks.validation import check_flag, check_int, check_keys, check_names, check_number, count_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "agreement"
COPIES = "changed_copies"
"""What agreement, and the labelled samples once more, are called in the logs."""
_OPTIONS = ("weak", "strong", "weight", "rise", "threshold", "align", "ema", "outputs")


class AgreementMeans:
    """Means for the logs: of the loss of changed copies and of agreement, and the share of answers that were sure.

    A plain object: what Keras must track is an attribute of the model, too.
    """

    def __init__(self) -> None:
        self.losses, self.shares = TaskMeans([COPIES, NAME]), TaskMeans([NAME], "share")

    def log(self, names: Iterable[str]) -> None:
        """Say what a step has; the logs leave the rest out."""
        self.losses.in_step = self.shares.in_step = frozenset(names)

    def update_state(self, parts: Learned, n_labels: Any) -> None:
        n_labels = ops.cast(n_labels, "float32")
        totals = [Total(ops.cast(parts.copies, "float32") * n_labels, n_labels), parts.agreement]
        for means, some in ((self.losses, totals), (self.shares, [parts.sure])):
            means.update_state(*(ops.stop_gradient(ops.stack(each)) for each in zip(*some, strict=True)))


class Learned(NamedTuple):
    """What a step of agreement was put together of.

    The mean loss of the copies of labelled samples; the loss over samples without a label, and the share of answers
    that were sure, each as a sum and over how many.
    """

    copies: Any
    agreement: Total = Total(0.0, 0.0)
    sure: Total = Total(0.0, 0.0)


@keras.saving.register_keras_serializable("auxtasks")
class Agreement(keras.layers.Layer):
    """What changes a model agrees under, and how far its training has come; see `attach_heads` for the options.

    It holds the state that is saved with the model: the steps done, the random generator of the changes, and the moving
    average of the weights. It computes nothing when called.
    """

    def __init__(
        self,
        weak: Any,
        strong: Any,
        weight: float = 10.0,
        rise: int | str = AUTO,
        threshold: float = 0.9,
        align: bool = True,
        ema: float | None = None,
        outputs: Any = None,
        seed: int = 0,
        name: str | None = NAME,
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.weak: tuple[Change, ...] = listed_changes("agreement['weak']", weak)
        self.strong: tuple[Change, ...] = listed_changes("agreement['strong']", strong)
        if not self.strong:
            raise InvalidInputError("`agreement`: 'strong' names no change; name at least one.")
        self.weight = check_number("agreement['weight']", weight, low=0.0)
        if isinstance(rise, str) and rise != AUTO:
            raise InvalidInputError(f"`agreement`: 'rise' must be a number of steps or {AUTO!r}; got {rise!r}.")
        self.rise = rise if isinstance(rise, str) else check_int("agreement['rise']", rise, low=0)
        self.threshold = check_number("agreement['threshold']", threshold, low=0.0, high=1.0)
        self.align = check_flag("agreement['align']", align)
        self.ema = None if ema is None else check_number("agreement['ema']", ema, low=0.0, high=1.0)
        self.outputs = None if outputs is None else check_names("agreement['outputs']", outputs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.steps = self._state("steps", (), 0, "int64")
        self._rise = self._state("rise", (), -1.0 if isinstance(self.rise, str) else float(self.rise))
        self._average: list[Any] = []
        # Changing images has no form under XLA.
        self.supports_jit = not ON_TENSORFLOW
        self.built = True

    def _state(self, name: str, shape: tuple[int, ...], value: float, dtype: str = "float32") -> Any:
        initial = keras.initializers.Constant(value)
        return self.add_weight(name=name, shape=shape, initializer=initial, trainable=False, dtype=dtype)

    def follow(self, base: keras.Model) -> None:
        """Make room for the moving average of the weights of a model, which the first step begins."""
        if self.ema is not None:
            self._average = [self._state(f"average_{k}", each.shape, 0.0) for k, each in enumerate(trained_in(base))]

    def begin(self, n_steps: int | None) -> None:
        """Take note of how many steps there will be, unless training has begun."""
        if not isinstance(self.rise, str) or not self.weight or int(ops.convert_to_numpy(self.steps)):
            return
        if n_steps is None and float(ops.convert_to_numpy(self._rise)) >= 0:
            return
        if n_steps is None:
            raise InvalidInputError(
                "`agreement`: its weight rises over the first half of the training, but the number of steps is "
                "unknown here. Set the steps of the rise, as in agreement={'weak': ..., 'strong': ..., 'rise': 300}, "
                "or pass steps_per_epoch to fit."
            )
        self._rise.assign(float(max(1, n_steps // 2)))

    def risen(self) -> Any:
        """Return how much of its weight agreement has by now, from 0 to 1 along half a period of a cosine."""
        rise = ops.convert_to_tensor(self._rise)
        done = ops.where(rise > 0, ops.cast(self.steps, "float32") / ops.maximum(rise, 1.0), 1.0)
        return (1.0 - ops.cos(math.pi * ops.clip(done, 0.0, 1.0))) / 2.0

    @property
    def learns(self) -> tuple[str, ...]:
        """What is in the logs of training."""
        return (COPIES, NAME) if self.weight else (COPIES,)

    def copies(self, inputs: Any) -> tuple[Any, Any]:
        """Return a weakly and a strongly changed copy of each sample of a batch."""
        make = partial(changed, inputs, seed=self.generator)
        return make(self.weak, strong=False), make(self.strong, strong=True)

    def learned(self, model: Any, inputs: Any, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Learned]:
        """Return the loss of a step of training, and what it is put together of.

        `y` holds main labels as Keras takes them, some of which may be missing, and `y_pred` the outputs for `inputs`.
        """
        if y is None or loss_container(model) is None:
            raise InvalidInputError(
                "`agreement` trains the main output: it needs main labels of some samples, as `y`, and their loss, "
                "as `loss` of compile."
            )
        if self._average:
            self._advance_average(model.base)
        weak_inputs, strong_inputs = self.copies(inputs)
        strong = run_apart(model.base, strong_inputs, self.generator)
        loss = _of_labelled(model, y, strong, sample_weight)
        parts = Learned(loss)
        if self.weight:
            weak = y_pred if not self.weak and not self._average else self._labelling(model.base, weak_inputs)
            agreement, parts = self._agreed(model, y, weak, strong, parts)
            loss = loss + self.weight * self.risen() * ops.cast(agreement, loss.dtype)
        self.steps.assign(self.steps + 1)
        return loss, parts

    def _labelling(self, base: keras.Model, inputs: Any) -> Any:
        # Without an average the weights themselves.
        pairs = zip(trained_in(base), self._average, strict=True) if self._average else ()
        averages = {id(weight): ops.convert_to_tensor(mean) for weight, mean in pairs}
        return run_apart(base, inputs, self.generator, averages)

    def _advance_average(self, base: keras.Model) -> None:
        """Move the average to the weights as the step before left them; the first ones count less and less."""
        step = ops.cast(self.steps, "float32")
        decay = ops.minimum(float(self.ema or 0.0), step / (step + 9.0))
        for mean, weight in zip(self._average, trained_in(base), strict=True):
            mean.assign(decay * mean + (1.0 - decay) * ops.cast(weight, "float32"))

    def _agreed(self, model: Any, y: Any, weak: Any, strong: Any, parts: Learned) -> tuple[Any, Learned]:
        """Return the loss over the outputs, and add to what the logs are told."""
        names = model.label_names
        weak, strong, labels = (by_label(part, names) for part in (weak, strong, y))
        losses = losses_by_output(model.loss, names)
        weights = by_label(compiled_as(model).get("loss_weights") or {}, names)
        loss = ops.zeros(())
        for name in self._chosen({name for name in strong if losses.get(name) and labels.get(name) is not None}):
            kind = kind_of(name, losses[name], strong[name])
            present = split_missing(labels[name], strong[name]).present
            part = agreed(kind, losses[name], weak[name], strong[name], present, self.threshold, align=self.align)
            loss += weights.get(name, 1.0) * ops.divide_no_nan(*part.loss)
            parts = Learned(parts.copies, _plus(parts.agreement, part.loss), _plus(parts.sure, part.sure))
        return loss, parts

    def _chosen(self, known: set[str]) -> list[str]:
        """Return the outputs that agree, of those with a loss and labels."""
        for name in self.outputs or ():
            if name not in known:
                raise unknown_name("agreement['outputs']", name, known, "output with a loss and labels")
        return sorted(known) if self.outputs is None else list(self.outputs)

    def described(self) -> list[Any]:
        """Return what decides how a step is traced, as plain values."""
        options = [getattr(self, name) for name in _OPTIONS[2:]]
        return [named(self.weak), named(self.strong), named(options)]

    def get_config(self) -> dict[str, Any]:
        listed = {part: keras.saving.serialize_keras_object(list(getattr(self, part))) for part in ("weak", "strong")}
        plain = {name: getattr(self, name) for name in (*_OPTIONS[2:], "seed", "name")}
        return {**listed, **plain, "outputs": None if self.outputs is None else list(self.outputs)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Agreement:
        made = partial(keras.saving.deserialize_keras_object, custom_objects=custom_objects)
        changes = {part: made(config[part]) for part in ("weak", "strong")}
        return cls(**{**config, **changes})


def _plus(first: Total, second: Total) -> Total:
    return Total(first.loss + second.loss, first.count + second.count)


def _of_labelled(model: Any, y: Any, strong: Any, sample_weight: Any) -> Any:
    """Return the compiled loss of the changed copies of the samples that have a label."""
    y, sample_weight = (like_outputs(part, strong, model.output_names) for part in (y, sample_weight))
    y, sample_weight = without_missing(y, strong, sample_weight, mean_weights)
    with aside():  # the means of the losses of several outputs are those of the samples themselves
        return loss_container(model)(y, strong, sample_weight)


def read_agreement(asked: Any, seed: int) -> Agreement | None:
    options = options_of_agreement(asked)
    return None if options is None else Agreement(**options, seed=seed)


def options_of_agreement(asked: Any) -> dict[str, Any] | None:
    """Return the options that an argument stands for: the names of sets, or a mapping."""
    if asked is None:
        return None
    if isinstance(asked, str) or (isinstance(asked, (list, tuple)) and all(isinstance(each, str) for each in asked)):
        asked = {"weak": asked, "strong": asked}
    if not isinstance(asked, Mapping):
        expected = "the name of a set of changes or a list of these, or a mapping with 'weak' and 'strong'"
        raise wrong_type(NAME, f"{expected} (sets are {', '.join(map(repr, SETS))})", asked)
    options = check_keys(NAME, asked, _OPTIONS, "option")
    if missing := [part for part in ("weak", "strong") if part not in options]:
        raise InvalidInputError(
            f"`agreement`: {missing[0]!r} is missing; a mapping names the changes of both copies, as in {{'weak': "
            "'shifts', 'strong': 'shifts_and_turns'}; 'weak': None leaves the samples unchanged."
        )
    return options


def check_no_copies(targets: Any) -> None:
    """Refuse targets whose tasks add transformed copies of the samples."""
    if getattr(targets, "n_samples", 0) > getattr(targets, "n_original", 0):
        raise InvalidInputError(
            "`targets` holds transformed copies of the samples. `agreement` would predict labels for these copies, "
            "which may not have the label of their original; leave out the tasks that add copies."
        )


_COLUMNS = ("as it is", "weak", "weak", "strong", "strong", "strong")


def show_changes(X: Any, agreement: Any, *, n: int = 4, seed: int = 0) -> Figure:
    """Draw samples beside copies of them, changed as `attach_heads` would for the argument `agreement`.

    Ask of each strongly changed copy whether you would still give it the label of its sample. Where you would not,
    agreement teaches what is wrong.

    Parameters
    ----------
    X : array, shape (n, height, width[, channels]), (n, time[, channels]) or (n, tokens)
        Some samples as the model reads them: images, signals, or the numbers of tokens as integers.
    agreement : str, list of str or mapping
        As for `attach_heads`.
    n : int, default 4
        How many samples to show, the first ones.
    seed : int, default 0
        Seeds the changes.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each sample: as it is, changed weakly twice, and strongly three times.

    Raises
    ------
    InvalidInputError
        If `X` is no array of images, signals or tokens.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).uniform(size=(4, 28, 28, 1)).astype("float32")
    >>> figure = show_changes(images, "shifts", n=2)
    >>> len(figure.axes)
    12
    """
    require("matplotlib", extra="plot")
    from matplotlib.figure import Figure

    n = min(check_int("n", n, low=1), count_rows("X", X))
    samples = np.asarray(X)[:n]
    if not 2 <= samples.ndim <= 4 or samples.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"`X` must hold images, signals or the numbers of tokens; found {samples.dtype} of shape {samples.shape}."
        )
    agrees = read_agreement(agreement, check_int("seed", seed, low=0))
    if agrees is None:
        raise InvalidInputError("`agreement` must name changes to show; got None.")
    pairs = [agrees.copies(keras.ops.convert_to_tensor(samples)) for _ in range(3)]
    weak, strong = ([keras.ops.convert_to_numpy(copy) for copy in some] for some in zip(*pairs, strict=True))
    figure = Figure(figsize=(1.5 * len(_COLUMNS), 1.3 * n), layout="constrained")
    axes = figure.subplots(n, len(_COLUMNS), squeeze=False)
    for row, sample in enumerate(samples):
        copies = [sample, *(copy[row] for copy in (*weak[:2], *strong))]
        for each, copy in zip(axes[row], copies, strict=True):
            _draw(each, copy, like=sample)
    for each, title in zip(axes[0], _COLUMNS, strict=True):
        each.set_title(title, fontsize=9)
    return figure


def _draw(axes: Axes, copy: Array, like: Array) -> None:
    """Draw an image, the channels of a signal, or tokens, in the range of the sample as it is."""
    axes.set(xticks=[], yticks=[])
    low, high = float(like.min()), float(like.max())
    if copy.ndim == 1 and copy.dtype.kind in "iu":
        axes.set_axis_off()
        axes.text(0.5, 0.5, " ".join(map(str, copy)), ha="center", va="center", fontsize=7, wrap=True)
    elif copy.ndim == 3 or (copy.ndim == 2 and min(copy.shape) > 4):
        image = copy[..., 0] if copy.ndim == 3 and copy.shape[-1] != 3 else copy
        if image.ndim == 3:
            image = np.clip((image - low) / max(high - low, 1e-12), 0.0, 1.0)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
    else:
        axes.plot(copy, linewidth=0.9)
        axes.set_ylim(low - 0.2 * (high - low), high + 0.2 * (high - low))
