"""Targets as columns of a Hugging Face data set: what `AuxTargetGenerator.as_batch_map` returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, unknown_name
from auxtasks.extractors.text.reading import describe_params
from auxtasks.optional import require
from auxtasks.targets.fitted import Fitted
from auxtasks.targets.state import fitted_of, plain, state_of
from auxtasks.typing import Array

_WAY_OUT = "make the targets beforehand, with make_aux_targets, or leave this task out of the generator."
TOKENS = "input_ids"
"""The column of the numbers of tokens, by the name that Hugging Face's tokenizers give it."""


class BatchMap:
    """The function for ``datasets.Dataset.map(..., batched=True)``; see `AuxTargetGenerator.as_batch_map`.

    Parameters
    ----------
    fitted : Fitted
        What computes the targets.
    column : str
        The column of the inputs.

    The targets are columns by their names. Where the model reads other inputs, these are a column too: numbers of
    tokens as ``"input_ids"``, padded or shortened series in the place of `column`. A column with the name of a given
    column holds its labels, and is replaced by the target; without such a column the target is missing.

    Pickling writes the fitted state as one text, and functions of tasks of your own as pickle does; so the fingerprint
    that ``datasets`` names its cache files by depends on what is computed, and on the version of auxtasks, and not on
    the process or on what was computed before. A task of your own that is imported from a module is told by its name
    alone: pass another ``new_fingerprint`` or ``load_from_cache_file=False`` after changing its code.
    """

    def __init__(self, fitted: Fitted, column: str) -> None:
        if not isinstance(column, str) or not column:
            raise InvalidTypeError(f"`column` must be the name of a column; got {abbreviated(column)}.")
        fitted.check_adds_none(_WAY_OUT)
        self.fitted = fitted
        self.column = column
        lost = [name for name in fitted.specs if name in (column, self.inputs)]
        if lost:
            raise InvalidInputError(
                f"`column`: {', '.join(map(repr, lost))} is already the name of a target, which would replace the "
                "inputs; rename the column, or give the task an alias."
            )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Array]:
        if not isinstance(batch, Mapping):
            raise InvalidTypeError(
                f"a batch must be a mapping of columns; got a {type(batch).__name__}. Use dataset.map(..., "
                "batched=True) without `input_columns`."
            )
        if self.column not in batch:
            raise unknown_name("column", self.column, batch, "column")
        label_columns = {name: batch[name] for name in self.fitted.label_columns if name in batch}
        made = self.fitted.transform(batch[self.column], label_columns)
        return made.arrays if self.inputs is None else {**made.arrays, self.inputs: np.asarray(made.inputs)}

    @property
    def inputs(self) -> str | None:
        """The column that the model reads where that is not the column as it is; None where it is."""
        return None if not self.fitted.changes_inputs else TOKENS if self.fitted.domain == "text" else self.column

    def features(self, features: Mapping[str, Any] | None = None) -> Any:
        """Return the features of a data set with the targets, as arrays of fixed shapes."""
        datasets = require("datasets", extra="huggingface")
        fitted, found = self.fitted, dict(features or {})
        for name, spec in fitted.specs.items():
            found[name] = _feature(datasets, spec.shape, fitted.missing(name).dtype.name)
        if self.inputs is not None:
            # One sample that holds nothing tells the shape.
            nothing = ["a"] if fitted.domain == "text" else np.zeros((1, *fitted.given_shape), np.float32)
            prepared = fitted.prepare(nothing)
            found[self.inputs] = _feature(datasets, prepared.shape[1:], prepared.dtype.name)
        return datasets.Features(found)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.fitted.specs)!r}, {self.column!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as one text: a graph of objects is written differently when its parts are shared differently."""
        state = {"auxtasks": __version__, "column": self.column, "generator": state_of(self.fitted)}
        return _restored, (json.dumps(state, default=plain), _functions(self.fitted), _objects(self.fitted))


def _feature(datasets: Any, shape: tuple[int, ...], dtype: str) -> Any:
    if len(shape) > 1:
        return getattr(datasets, f"Array{len(shape)}D")(shape, dtype)
    value = datasets.Value(dtype)
    return datasets.Sequence(value, length=shape[0]) if shape else value


def _functions(fitted: Fitted) -> tuple[Callable[..., Any], ...]:
    """Return the functions of tasks that are not of this package; importing them registers the tasks, too."""
    declared = [task.extractor for task in fitted.tasks]
    found = (function for one in declared for function in (one.function, one.fit) if function is not None)
    return tuple(function for function in found if not function.__module__.startswith("auxtasks."))


def _objects(fitted: Fitted) -> dict[str, Any]:
    """Return the parameters that the description cannot hold."""
    if fitted.domain != "text":
        return {}
    described = describe_params(fitted.params)
    lost = [name for name in described if isinstance(described[name], Mapping) and "unsaved" in described[name]]
    return {name: fitted.params[name] for name in (*lost, "cache")}


def _restored(text: str, functions: tuple[Any, ...], objects: Mapping[str, Any]) -> BatchMap:
    del functions  # to have been unpickled is all they are there for
    state = json.loads(text)
    fitted = fitted_of(state["generator"])
    return BatchMap(replace(fitted, params={**fitted.params, **objects}), state["column"])
