"""The arguments of a search that an audit does not have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.audit.experiment import Experiment
from auxtasks.audit.model import checked_model
from auxtasks.audit.splits import Split
from auxtasks.audit.training import attached
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError
from auxtasks.validation import check_number


def check_factors(weights: Any) -> list[float]:
    """Return what the weight is multiplied by.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        If they are not positive numbers.
    """
    factors = [check_number("weights", factor, low=0.0) for factor in _several("weights", weights)]
    if 0.0 in factors:
        raise InvalidInputError("`weights` must be positive: with 0 the model is trained as it is.")
    return factors


def check_depths(depths: Any, experiment: Experiment) -> list[float | str]:
    """Return the depths, each of which heads of all tasks were attached at.

    Raises
    ------
    InvalidTypeError, InvalidInputError, UnknownNameError
        If one is neither a number nor a name, or heads cannot be attached there.
    """
    found = _several("depths", depths)
    for depth in found:
        if isinstance(depth, bool) or not isinstance(depth, (Real, str)):
            raise InvalidTypeError(f"`depths` must hold numbers from 0 to 1 or names of layers; got {depth!r}.")
        settings = replace(experiment.settings, at=depth)
        model = checked_model(experiment.build_model())
        attached(model, experiment.specs, experiment.samples, settings, tuple(experiment.specs))
    return found


def check_folder(results: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of finished runs.

    Raises
    ------
    StorageError
        If there is a file of this name.
    """
    folder = None if results is None else Path(results)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StorageError(
            f"`results`: {folder} is a file, and a search keeps its runs in a folder; pass another name."
        )
    return folder


def check_unseen(searched: Sequence[Split], fresh: Sequence[Split]) -> None:
    """Refuse a confirmation on nothing but test parts that were searched on.

    Raises
    ------
    InvalidInputError
        If there is no other, as where splits do not depend on the seed. That some are equal by chance, as they may be
        where few samples can be drawn, is allowed.
    """
    seen = {np.sort(split.test).tobytes() for split in searched}
    if all(np.sort(split.test).tobytes() in seen for split in fresh):
        raise InvalidInputError(
            "`cv` gives the same parts for every seed, and the confirmation needs others than the search; pass "
            "shuffled folds or None, with samples or groups enough to draw other parts."
        )


def _several(argument: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        raise InvalidTypeError(f"`{argument}` must be a list, which may be empty; got {values!r}.")
    return list(values)
