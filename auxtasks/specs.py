"""What a head must know of a target: its kind, its shape and the loss of guessing."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import prod
from typing import Any, Literal, get_args

from auxtasks.errors import InvalidInputError, abbreviated, wrong_type
from auxtasks.notebook import html_table, listed
from auxtasks.validation import check_choice, check_int, check_number

Kind = Literal["vector", "class", "multilabel", "distribution", "step_class", "step_vector", "image"]
"""How a target is laid out, for a batch of n samples:

=============  =====================  =================  =======================================================
kind           array                  missing            loss
=============  =====================  =================  =======================================================
vector         (n, d) float           NaN                mean squared error
class          (n,) int               -1                 cross-entropy
multilabel     (n, d) 0/1             -1                 binary cross-entropy
distribution   (n, ..., d) float      NaN                cross-entropy; the last axis sums to 1
step_class     (n, time) int          -1                 cross-entropy per step
step_vector    (n, time, d) float     NaN                mean squared error per step
image          (n, h, w, c) float     NaN                mean squared error per pixel
=============  =====================  =================  =======================================================
"""

KINDS: tuple[Kind, ...] = get_args(Kind)
NUMERIC_KINDS: frozenset[Kind] = frozenset({"vector", "step_vector", "image"})
"""Kinds whose values are numbers with a unit, and are therefore scaled."""
CLASS_KINDS: frozenset[Kind] = frozenset({"class", "step_class"})
"""Kinds whose values are numbers of classes that exclude each other."""
STEP_KINDS: tuple[Kind, ...] = ("step_class", "step_vector")
"""Kinds with a value for each step."""

COLUMN_TASK = "label_column"
"""The task of targets that the user gave as columns of labels."""
SOFT_LABELS = "soft_labels"
"""The task whose targets are learned by a main output and not by a head."""

Spatial = Literal["global", "grid"]
Lookahead = Literal["", "next", "previous"]
Level = Literal["high", "low"]
DECLARED = ("spatial", "per_sample", "lookahead", "level", "weight_scale")
"""The fields of a spec that the task's extractor declares, by the same names."""


@dataclass(frozen=True)
class TargetSpec:
    """What is known of one target.

    Parameters
    ----------
    name : str
        The key of the target in `AuxTargets`.
    task : str
        The registered task that computes it; differs from `name` if the user chose an alias.
    kind : str
        The layout of the target, one of `KINDS`.
    shape : tuple of int
        The shape of one sample's target, ``()`` for a class.
    n_classes : int or None
        The number of classes of ``"class"`` and ``"step_class"``.
    baseline_loss : float
        The loss of the best constant prediction on the training data: the mean for numbers, the class frequencies for
        classes. Losses are divided by it, so a weight of 1.0 means the same for every task.
    spatial : {"global", "grid"}
        Whether the target depends only on what the input holds, or also on where; for ``"grid"``, a head on a feature
        map keeps a coarse grid instead of pooling the whole map.
    columns : tuple of str
        The names of the columns of a vector, or of the labels of a multilabel target.
    classes : tuple of str
        The names of the classes, in the order of their numbers.
    dropped : tuple of str
        Columns left out because they are constant, without any value or copies of another one, each with the reason.
    options : mapping
        The options the task was computed with.
    per_sample : str
        For a target per step, a similar task with one target per sample, if there is one; for models without a time
        axis.
    lookahead : {"", "next", "previous"}
        For a target that is the next (or previous) step of the inputs: a tensor that already holds this step would leak
        the answer.
    level : {"high", "low"}
        Whether ``at="auto"`` puts the head on the deepest tensor that fits, or on the first. Properties of single
        steps, such as a word's part of speech, help most on the first layer that represents the steps.
    weight_scale : float
        The factor of an automatic loss weight: below 1 for a target that takes much capacity of the trunk and is only
        weakly related to the main label, such as the input itself.
    """

    name: str
    task: str
    kind: Kind
    shape: tuple[int, ...]
    n_classes: int | None = None
    baseline_loss: float = 1.0
    spatial: Spatial = "global"
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    per_sample: str = ""
    lookahead: Lookahead = ""
    level: Level = "high"
    weight_scale: float = 1.0

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS, "kind of target")
        if not isinstance(self.name, str) or not self.name:
            raise wrong_type("name", "a name", self.name)
        if not isinstance(self.shape, tuple):
            raise wrong_type("shape", "a tuple of int", self.shape)
        for length in self.shape:
            check_int("shape", length, low=0)
        if self.kind in CLASS_KINDS:
            check_int("n_classes", self.n_classes, low=1)
        # In float64 it may be larger than float32 holds.
        if not check_number("baseline_loss", self.baseline_loss, low=0.0, high=sys.float_info.max):
            raise InvalidInputError(
                f"`baseline_loss` must be positive; got {self.baseline_loss!r} for target {self.name!r}."
            )
        check_number("weight_scale", self.weight_scale, low=0.0)

    def _repr_html_(self) -> str:
        rows = [(name, _in_short(value)) for name, value in self.to_dict().items() if value not in (None, "", (), {})]
        return html_table([("field", "value"), *rows])

    @property
    def is_taught(self) -> bool:
        """Whether a main output learns it, and no head: soft labels."""
        return self.task == SOFT_LABELS

    @property
    def size(self) -> int:
        """How many numbers a head predicts for one sample (for one step, in the per-step kinds)."""
        return self.n_classes or prod(self.shape[1:] if self.kind == "step_vector" else self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON types; `from_dict` is the inverse."""
        return asdict(replace(self, options=dict(self.options)))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> TargetSpec:
        """Make a spec from what `to_dict` returned, also after a round trip through JSON."""
        tuples = ("shape", "columns", "classes", "dropped")
        values: dict[str, Any] = {key: tuple(value) if key in tuples else value for key, value in fields.items()}
        return cls(**values)


class Specs(dict[str, TargetSpec]):
    """Specs by the name of their target, shown as a table in a notebook."""

    def _repr_html_(self) -> str:
        fields = ("task", "kind", "shape", "n_classes", "baseline_loss", "options")
        rows = [(name, *(_in_short(getattr(spec, field)) for field in fields)) for name, spec in self.items()]
        return html_table([("name", *fields), *rows])


def _in_short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return listed([f"{key}={abbreviated(part)}" for key, part in value.items()], most=len(value))
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return listed(value, most=8)
    return "" if value is None else str(value)


_NAMED = 3
"""So many columns that were left out are named; of more the reasons are counted."""


def counted_columns(dropped: Sequence[str]) -> str:
    """Say which columns were left out, or of many how many for which reason."""
    if len(dropped) <= _NAMED:
        return "; ".join(dropped)
    constant = sum(column.endswith("(constant)") for column in dropped)
    copied = sum("(copy of " in column for column in dropped)
    absent = len(dropped) - constant - copied
    found = [_counted(constant, "constant "), _counted(copied, "copied "), _counted(absent, after=" without any value")]
    return "; ".join(filter(None, found))


def _counted(count: int, before: str = "", after: str = "") -> str:
    return f"{count} {before}column{'' if count == 1 else 's'}{after}" if count else ""
