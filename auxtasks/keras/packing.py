"""Auxiliary targets travel inside x, so that y stays what the main loss, class weights and metrics expect.

Those that the data does not hold are computed inside the training step, from the batch as it arrives.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from auxtasks.backend import is_tf_dataset
from auxtasks.batches.forms import AuxBatch, PackedDataset, as_arrays, as_inputs, is_arrays, map_dataset, map_generator
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.generator import AuxTargetGenerator, generator_of
from auxtasks.keras.class_weights import by_name, combined, counted, entry_weights, main_weights
from auxtasks.keras.outputs import by_label, by_place
from auxtasks.keras.supervision import is_supervised, supervised_targets
from auxtasks.keras.trial import TRIAL_SAMPLES
from auxtasks.labels import MAIN, any_floats, any_missing, check_not_signed, labelled_rows, main_labels, with_negative
from auxtasks.specs import STEP_KINDS, TargetSpec
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.graph import check_graph_form
from auxtasks.targets.state import fitted_of, plain, state_of

NUMERIC = re.compile("squared|absolute|percentage|logarithmic|huber|cosh|cosine|poisson|^(mse|mae|mape|msle)$")
"""Names of losses between numbers, of which -1 may be one."""

Use = Literal["training", "on_the_fly", "evaluation"]
"""What data are for: training needs all targets, on the fly those that cannot be computed, evaluation none."""


@dataclass(frozen=True)
class LabelRules:
    """What a loss says of main labels."""

    needed: bool = False  # there must be some where there is a loss
    negative: bool = False  # -1 is a label (of a hinge loss) among integers too, and only NaN says that one is missing
    numeric: bool = False  # the loss compares numbers: an integer -1 could be one or stand for a missing one

    @classmethod
    def of(cls, loss: Any) -> LabelRules:
        """Read them off the names of the losses that ``compile`` takes."""
        names = [loss_name(part).lower() for part in keras.tree.flatten(loss) if part is not None]
        hinges = any("hinge" in name for name in names)
        return cls(bool(names), hinges, bool(names) and all(NUMERIC.search(name) for name in names))


def loss_name(loss: Any) -> str:
    """Return what a loss may be known by: its name, or those of its class and function."""
    return loss if isinstance(loss, str) else f"{type(loss).__name__} {getattr(loss, '__name__', '')}"


@dataclass
class Packer:
    """Moves the auxiliary part of ``(x, y, sample_weight)`` into x, for every form of data that Keras takes.

    `outputs` are the names that main labels may have, None if they are not known, and `class_weight` are the weights
    of the classes of outputs and targets, as `fit` takes them.
    """

    specs: Mapping[str, TargetSpec]
    outputs: Sequence[str] | None
    rules: LabelRules
    use: Use
    class_weight: Any = None

    def __post_init__(self) -> None:
        self.class_weight = by_name(self.class_weight, MAIN, self.outputs, self.specs)

    def pack(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        if isinstance(x, AuxBatch):
            return x, y, sample_weight
        targets, main = self._split(y)
        self._check_main(targets, main, y)
        if self.use != "evaluation" or targets:  # plain labels in evaluation are what they are for the base
            targets |= self._early(main, targets)
        self._check_shapes(targets)
        self._check_complete(targets, y)
        main = with_negative(main) if self.rules.negative else main
        weights, main_weight = self._split(sample_weight)
        self._check_weights(weights, main_weight, main)
        if self.class_weight:
            weights, main_weight = self._weigh_classes(targets, weights, main, main_weight)
        # What one batch holds must not change its structure, so it always carries the rows.
        labelled = self._labelled(main)
        main, main_weight = (by_place(part, self.outputs) for part in (main, main_weight))
        return AuxBatch(as_inputs(x), targets, weights, labelled), main, main_weight

    def pack_any(self, x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        if is_tf_dataset(x):
            return map_dataset(x, self.pack), y, sample_weight
        if isinstance(x, keras.utils.PyDataset):
            return PackedDataset(x, self.pack), y, sample_weight
        if isinstance(x, GeneratorType):
            return map_generator(x, self.pack), y, sample_weight
        if isinstance(x, AuxBatch):
            return x, y, sample_weight
        x = as_inputs(x)
        if not is_arrays(x):
            raise InvalidTypeError(
                f"`x` must be in arrays, a tf.data.Dataset, a PyDataset or a generator; got {type(x).__name__}."
            )
        y, sample_weight = as_arrays(y), as_arrays(sample_weight, weights=True)
        self._check_arrays(x, y, sample_weight)
        if self.class_weight:
            self._count_classes(y)
        batch, main, main_weight = self.pack(x, y, sample_weight)
        if not isinstance(batch.labelled, tuple):
            self._check_negative(main)
            batch = batch if any_missing(main) else batch._replace(labelled=())
        return batch, main, main_weight

    def _labelled(self, main: Any) -> Any:
        rows = None if main is None else labelled_rows(main)
        if rows is None or (self.rules.negative and not any_floats(main)):
            return ()
        # Numbers, because Keras adds up the batches of several devices when it builds metrics, and bools do not add.
        return rows.astype("uint8") if isinstance(rows, np.ndarray) else ops.cast(rows, "uint8")

    def _split(self, values: Any) -> tuple[dict[str, Any], Any]:
        if not isinstance(values, Mapping):
            return {}, values
        auxiliary = {name: values[name] for name in self.specs if name in values}
        rest = {name: value for name, value in values.items() if name not in auxiliary}
        if set(rest) == {MAIN}:
            return auxiliary, rest[MAIN]
        return auxiliary, rest or None

    def _early(self, main: Any, targets: Mapping[str, Any]) -> dict[str, Any]:
        """Return the targets of deep supervision, but for those that the data holds."""
        labels = by_label(main, self.outputs)
        return supervised_targets(self.specs, labels, targets, negative=self.rules.negative)

    def _check_complete(self, targets: Mapping[str, Any], y: Any) -> None:
        for name, spec in self.specs.items():
            early = is_supervised(spec)
            if name in targets or self.use == "evaluation" or (self.use == "on_the_fly" and not early):
                continue
            how = "targets.with_main(y), or attach heads for the targets you have."
            if early:
                how = f"the labels of output {spec.options['output']!r}, which it is made of."
            raise InvalidInputError(f"`y`: the auxiliary target {name!r} is missing; found {_names(y)}. Pass {how}")

    def _check_main(self, targets: Mapping[str, Any], main: Any, y: Any) -> None:
        on_the_fly = self.use == "on_the_fly"
        if main is None and self.rules.needed and (targets or on_the_fly):
            how = "the plain labels as y (targets are computed in the step)" if on_the_fly else "targets.with_main(y)"
            raise InvalidInputError(
                f"`y`: the main label {MAIN!r} is missing; found {_names(y)}. Pass {how}, with -1 or NaN for a "
                "missing label."
            )
        if not isinstance(main, Mapping):
            return
        known = self.outputs
        if known is None:
            # A subclassed model may return a mapping of any names, but hardly of one.
            known = [MAIN] if targets and len(main) == 1 else list(main)
        for name in main:
            if name not in known:
                raise unknown_name("y", name, [*known, *self.specs], "output or target")

    def _check_weights(self, weights: Mapping[str, Any], main_weight: Any, main: Any) -> None:
        for name, weight in weights.items():
            per_entry = self.specs[name].kind in (*STEP_KINDS, "multilabel")
            if len(weight.shape) not in ((1, 2) if per_entry else (1,)):
                raise InvalidInputError(  # a column would multiply every loss with every weight
                    f"`sample_weight`: {name!r} must have shape (n,){' or (n, entries)' if per_entry else ''}; found "
                    f"shape {tuple(weight.shape)}. Flatten a column by weights.ravel()."
                )
        if not isinstance(main_weight, Mapping):
            return
        known = main if isinstance(main, Mapping) else self.outputs or [MAIN]
        for name in main_weight:
            if name not in known:
                raise unknown_name("sample_weight", name, [*known, *self.specs], "output or target")

    def _count_classes(self, y: Any) -> None:
        """Put numbers in the place of "balanced", now that all labels are at hand."""
        targets, main = self._split(y)
        known = {**by_label(main, self.outputs), **self._early(main, targets), **targets}
        for name, weights in self.class_weight.items():
            labels = known.get(name)
            if isinstance(labels, np.ndarray):
                self.class_weight[name] = counted(weights, labels, self.specs.get(name))

    def _weigh_classes(
        self, targets: Mapping[str, Any], weights: dict[str, Any], main: Any, main_weight: Any
    ) -> tuple[dict[str, Any], Any]:
        for name, of_classes in self.class_weight.items():
            if isinstance(of_classes, str):
                raise InvalidInputError(
                    f"`class_weight`: the classes of {name!r} can only be counted in arrays passed to fit; pass their "
                    "weights as numbers."
                )
            if name in self.specs and name not in targets:
                raise InvalidInputError(
                    f"`class_weight`: {name!r} is computed in the training step; weigh its classes with "
                    "attach_heads(..., losses={...: 'rebalanced'}), or pass the target in `y`."
                )
        of_targets = {name: found for name, found in self.class_weight.items() if name in self.specs}
        for name, of_classes in of_targets.items():
            entries = entry_weights(of_classes, targets[name], self.specs[name])
            weights = {**weights, name: combined(entries, weights.get(name))}
        rest = {name: found for name, found in self.class_weight.items() if name not in self.specs}
        return weights, main_weights(rest, main, main_weight, self.outputs) if rest else main_weight

    def _check_negative(self, main: Any) -> None:
        """Refuse integers that can be neither a class nor a missing label, or either a number or a missing one."""
        for labels in keras.tree.flatten(main):
            if not np.issubdtype(labels.dtype, np.signedinteger):
                continue
            if self.use != "evaluation" and not self.rules.numeric:
                check_not_signed("y", labels)
            if self.rules.numeric and np.any(labels == -1):
                raise InvalidInputError(
                    "`y` holds -1 among integers; with a loss between numbers, -1 could be a value or a missing "
                    "label. Pass floats, with NaN where a label is missing."
                )
            if np.any(labels < -1):
                raise InvalidInputError(
                    "`y`: -1 stands for a missing label and other negative integers are not classes; found "
                    f"{np.min(labels)}. Pass numbers to be predicted as floats, with NaN where one is missing."
                )

    def _check_shapes(self, targets: Mapping[str, Any]) -> None:
        """Compare the rows of targets with what the heads were built for; a wrong width could broadcast."""
        for name, value in targets.items():
            expected, found = self.specs[name].shape, tuple(value.shape)
            if len(found) != len(expected) + 1 or any(
                a is not None and a != b for a, b in zip(found[1:], expected, strict=True)
            ):
                raise InvalidInputError(
                    f"`y`: the rows of target {name!r} must have shape {expected}, as the heads were built for; found "
                    f"shape {found}. Use targets.transform(X) for new samples."
                )

    def _check_arrays(self, x: Any, y: Any, sample_weight: Any) -> None:
        lengths = {len(array) for array in keras.tree.flatten(x)}
        if len(lengths) != 1:
            return
        (n,) = lengths
        weights = sample_weight if isinstance(sample_weight, Mapping) else {"all": sample_weight}
        for name, weight in weights.items():
            if hasattr(weight, "shape") and tuple(weight.shape[:1]) != (n,):
                raise InvalidInputError(
                    f"`sample_weight`: {name!r} must have one weight for each of the {n} samples, labelled or not; "
                    f"found shape {tuple(weight.shape)}."
                )
            if isinstance(weight, np.ndarray) and weight.dtype.kind == "f" and not np.isfinite(weight).all():
                raise InvalidInputError(
                    f"`sample_weight`: {name!r} must hold finite numbers; found a missing or infinite one. Give "
                    "samples to be ignored the weight 0."
                )
        for name, value in (y if isinstance(y, Mapping) else {MAIN: y}).items():
            if value is None:
                continue
            shape = np.shape(value) if not isinstance(value, (Mapping, list, tuple)) else (n,)
            if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
                raise InvalidInputError(
                    f"`y`: {name!r} must be numbers; found dtype {value.dtype}. Number the classes first, such as by "
                    "np.unique(labels, return_inverse=True)."
                )
            if shape[:1] != (n,):
                raise InvalidInputError(
                    f"`y`: {name!r} must have one row for each of the {n} samples of `x`; found shape {shape}."
                )


def _names(y: Any) -> str:
    return f"the keys {list(y)}" if isinstance(y, Mapping) else f"a {type(y).__name__} without names"


class OnTheFly:
    """What computes the targets that a batch does not hold; nothing, for a model attached to computed targets.

    The generator is fitted, and each of its tasks has a form for tensors.
    """

    def __init__(self, generator: AuxTargetGenerator | None = None) -> None:
        self.generator = generator

    @classmethod
    def of(cls, targets: Any) -> OnTheFly:
        if not isinstance(targets, AuxTargetGenerator):
            return cls()
        check_graph_form(Fitted.of(targets))
        return cls(copy.copy(targets))

    def __bool__(self) -> bool:
        return self.generator is not None

    def completed(self, batch: AuxBatch) -> AuxBatch:
        if self.generator is None or all(name in batch.targets for name in self.generator.specs_):
            return batch
        leaves = keras.tree.flatten(batch.inputs)
        computed = self.generator.in_graph(leaves[0] if len(leaves) == 1 else batch.inputs)
        return batch._replace(targets={**computed, **batch.targets})

    def with_labels_for_all(self, x: Any, y: Any, *, negative: bool = False) -> Any:
        """Fill in missing main labels, -1 or NaN, where arrays of labels are shorter than an array of inputs.

        Where `negative` says that -1 is a label, integers are refused.
        """
        if self.generator is None or y is None or not hasattr(x, "shape"):
            return y
        named = y if isinstance(y, Mapping) else {MAIN: y}
        short = {
            name: part
            for name, part in named.items()
            if not isinstance(part, Mapping) and 0 < np.shape(part)[0] < len(x)
        }
        filled = {**named, **main_labels(short, MAIN, len(x), len(x))}
        for name in short:
            if negative and filled[name].dtype.kind != "f":
                raise InvalidInputError(
                    f"`y`: {name!r} has fewer labels than `x` has samples, and for a hinge loss -1 is a class, so "
                    f"only NaN can mark the missing ones; found {filled[name].dtype.name}. Pass floats, such as "
                    "y.astype('float32')."
                )
        return filled if isinstance(y, Mapping) else filled[MAIN]

    def trial_inputs(self, base: keras.Model, inputs: Any) -> Any:
        """Return inputs for a trial run: those given, or zeros in the shape of the training inputs."""
        if self.generator is None:
            return inputs
        n_inputs = max(len(getattr(base, "inputs", None) or []), len(keras.tree.flatten(inputs)), 1)
        if n_inputs > 1:
            raise InvalidInputError(
                f"`targets` is a generator, which computes targets from one input, but the model reads {n_inputs}; "
                "compute the targets beforehand, with make_aux_targets."
            )
        if inputs is None:
            return np.zeros((TRIAL_SAMPLES, *Fitted.of(self.generator).given_shape), np.float32)
        return inputs

    def to_config(self) -> dict[str, Any]:
        """Return the generator as plain JSON types, under the name of the model's argument; nothing without one."""
        if self.generator is None:
            return {}
        return {"generator": json.loads(json.dumps(state_of(Fitted.of(self.generator)), default=plain))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> OnTheFly:
        state = config.get("generator")
        return cls(None if state is None else generator_of(fitted_of(state)))
