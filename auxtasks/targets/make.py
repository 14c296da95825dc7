"""The one call that most users need."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from auxtasks.compute.tasklist import TaskNames
from auxtasks.targets.generator import AuxTargetGenerator
from auxtasks.targets.mapping import AuxTargets


def make_aux_targets(
    X: object,
    domain: str,
    tasks: TaskNames | None = None,
    *,
    given: Mapping[str, object] | None = None,
    scale: bool = True,
    seed: int = 0,
    dtype: str = "float32",
    padding: str = "post",
    padding_value: float = 0.0,
    n_jobs: int = 1,
    progress: bool = False,
    tokenizer: Any = None,
    max_tokens: int | None = 20_000,
    length: int | None = None,
    inputs: str = "ids",
    backend: Any = "spacy",
    pipeline: Any = None,
    batch_size: int = 1000,
    n_process: int = 1,
    cache: str | PathLike[str] | None = None,
) -> AuxTargets:
    """Compute auxiliary targets from the inputs of a dataset.

    Parameters
    ----------
    X : array-like
        The training inputs. ``"signal"``: (n, time) or (n, time, channels), or a list of (time_i,) or
        (time_i, channels) series; ``"image"``: (n, height, width[, channels]); ``"video"``: (n, time, height, width
        [, channels]); ``"any"``: (n, ...). Numbers without NaN or infinity, in any unit. ``"text"``: a list, array or
        Series of n strings, or a list of n lists of tokens.
    domain : {"signal", "image", "video", "text", "any"}
        What the inputs are.
    tasks : str, mapping or sequence of these, optional
        What to compute; `auxtasks.list_tasks` tells what there is. A mapping gives options, as in
        ``{"fft": {"n_coefficients": 50}}``, or an alias, as in ``{"low": {"task": "fft", "n_coefficients": 5}}``.
        The defaults of the domain if None.
    given : mapping of str to array-like, optional
        Label columns that exist at training time only; each becomes a target.
    scale, seed, dtype, padding, padding_value, n_jobs, progress
        See `AuxTargetGenerator`.
    tokenizer, max_tokens, length, inputs, backend, pipeline, batch_size, n_process, cache
        How texts are read, for domain ``"text"`` only; see `AuxTargetGenerator`.

    Returns
    -------
    AuxTargets
        A mapping of names to arrays, with their ``specs``, the ``inputs`` to train on, and ``transform`` for
        validation inputs.

    Raises
    ------
    UnknownNameError
        If a domain, task or option does not exist.
    InvalidTypeError, InvalidInputError
        If inputs or parameters cannot be used; the message says where and what to do.
    MissingDependencyError
        If a task needs a package that is not installed.

    Warns
    -----
    AuxTasksWarning
        If a target is left out because it is constant or has no value.

    See Also
    --------
    AuxTargetGenerator : The same as an estimator.

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> X = np.array([[0.0, 1.0, 0.0, 1.0], [2.0, 2.0, 2.0, 8.0]])
    >>> auxtasks.make_aux_targets(X, "signal", ["std", "abs_sum_changes"], scale=False)["abs_sum_changes"]
    array([[3.],
           [6.]], dtype=float32)
    """
    generator = AuxTargetGenerator(
        domain,
        tasks,
        scale=scale,
        seed=seed,
        dtype=dtype,
        padding=padding,
        padding_value=padding_value,
        n_jobs=n_jobs,
        progress=progress,
        tokenizer=tokenizer,
        max_tokens=max_tokens,
        length=length,
        inputs=inputs,
        backend=backend,
        pipeline=pipeline,
        batch_size=batch_size,
        n_process=n_process,
        cache=cache,
    )
    return generator.fit_transform(X, given=given)
