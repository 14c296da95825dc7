"""Targets as columns of a Hugging Face data set: what `AuxTargetGenerator.as_batch_map` returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks._version import __version__
from auxtasks.errors import InvalidInputError, InvalidTypeError, unknown_name
from auxtasks.optional import require
from auxtasks.scale.tf_map import for_batches
from auxtasks.targets.raw import empty_target
from auxtasks.typing import Array

if TYPE_CHECKING:
    from auxtasks.generator import AuxTargetGenerator


_WAY_OUT = "make the targets beforehand, with make_aux_targets, or leave this task out of the generator."
TOKENS = "input_ids"
"""The column of the numbers of tokens, by the name that Hugging Face's tokenizers give it."""
_OBJECTS = ("tokenizer", "backend", "pipeline")
"""Parameters that may be objects, of which a description says only what they were."""


class BatchMap:
    """The function for ``datasets.Dataset.map(..., batched=True)``; see `AuxTargetGenerator.as_batch_map`.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Fitted; a later refit does not reach the function.
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

    def __init__(self, generator: AuxTargetGenerator, column: str) -> None:
        if not isinstance(column, str) or not column:
            raise InvalidTypeError(f"`column` must be the name of a column; got {column!r:.60}.")
        self.generator = for_batches(generator, _WAY_OUT)
        self.column = column
        lost = [name for name in generator.specs_ if name in (column, self.inputs)]
        if lost:
            raise InvalidInputError(
                f"`column`: {', '.join(map(repr, lost))} is the name of a target too, which would replace the "
                "inputs; rename the column, or give the task an alias."
            )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Array]:
        """Return the columns to add to one batch."""
        if not isinstance(batch, Mapping):
            raise InvalidTypeError(
                f"a batch must be a mapping of columns; got a {type(batch).__name__}. Use dataset.map(..., "
                "batched=True) without `input_columns`."
            )
        if self.column not in batch:
            raise unknown_name("column", self.column, batch, "column")
        g = self.generator
        targets = g.transform(batch[self.column], given={name: batch[name] for name in g.given_ if name in batch})
        columns = dict(targets)
        if self.inputs is not None:
            columns[self.inputs] = targets.inputs
        return columns

    @property
    def inputs(self) -> str | None:
        """The column that the model reads where that is not the column as it is; None where it is."""
        g = self.generator
        return None if not g._changes_inputs else TOKENS if g.domain == "text" else self.column

    def features(self, features: Mapping[str, Any] | None = None) -> Any:
        """Return the features of a data set with the targets, as arrays of fixed shapes."""
        datasets = require("datasets", extra="huggingface")
        g, found = self.generator, dict(features or {})
        for name, spec in g.specs_.items():
            empty = empty_target(spec.kind, 0, spec.shape, np.dtype(g.dtype))
            found[name] = _feature(datasets, spec.shape, empty.dtype.name)
        if self.inputs is not None:
            # One sample that holds nothing tells the shape.
            nothing = ["a"] if g.domain == "text" else np.zeros((1, *g._given_shape), np.float32)
            prepared = g.prepare(nothing)
            found[self.inputs] = _feature(datasets, prepared.shape[1:], prepared.dtype.name)
        return datasets.Features(found)

    def __repr__(self) -> str:
        """Show the generator and the column."""
        return f"{type(self).__name__}({self.generator!r}, {self.column!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as one text: a graph of objects is written differently when its parts are shared differently."""
        from auxtasks.targets.fitted import plain, to_state

        state = {"auxtasks": __version__, "column": self.column, "generator": to_state(self.generator)}
        return _restored, (json.dumps(state, default=plain), _functions(self.generator), _objects(self.generator))


def _feature(datasets: Any, shape: tuple[int, ...], dtype: str) -> Any:
    if len(shape) > 1:
        return getattr(datasets, f"Array{len(shape)}D")(shape, dtype)
    value = datasets.Value(dtype)
    return datasets.Sequence(value, length=shape[0]) if shape else value


def _functions(generator: AuxTargetGenerator) -> tuple[Callable[..., Any], ...]:
    """Return the functions of tasks that are not of this package; importing them registers the tasks, too."""
    declared = [task.extractor for task in generator.tasks_]
    found = (function for one in declared for function in (one.function, one.fit) if function is not None)
    return tuple(function for function in found if not function.__module__.startswith("auxtasks."))


def _objects(generator: AuxTargetGenerator) -> tuple[Any, ...]:
    """Return, in the order of `_OBJECTS`, the parameters that the description cannot hold; None for the others."""
    if generator.domain != "text":
        return ()
    from auxtasks.extractors.text.reading import describe_params

    described = describe_params(generator.get_params())
    unsaved = (isinstance(described[name], Mapping) and "unsaved" in described[name] for name in _OBJECTS)
    return tuple(getattr(generator, name) if lost else None for name, lost in zip(_OBJECTS, unsaved, strict=True))


def _restored(text: str, functions: tuple[Any, ...], objects: tuple[Any, ...]) -> BatchMap:
    from auxtasks.targets.fitted import from_state

    del functions  # to have been unpickled is all they are there for
    state = json.loads(text)
    generator = from_state(state["generator"])
    for name, value in zip(_OBJECTS, objects, strict=False):
        if value is not None:
            setattr(generator, name, value)
    return BatchMap(generator, state["column"])
