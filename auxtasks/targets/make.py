"""The one call that most users need."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from auxtasks.cluster.recognise import is_dask
from auxtasks.compute.tasklist import TaskNames
from auxtasks.errors import InvalidInputError
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
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> AuxTargets:
    """Compute auxiliary targets from the inputs of a dataset.

    Parameters
    ----------
    X : array-like
        The training inputs. ``"signal"``: (n, time) or (n, time, channels), or a list of (time_i,) or
        (time_i, channels) series; ``"image"``: (n, height, width[, channels]); ``"video"``: (n, time, height, width
        [, channels]); ``"any"``: (n, ...). Numbers without NaN or infinity, in any unit. ``"text"``: a list, array or
        Series of n strings, or a list of n lists of tokens. Or a collection of Dask: an array, a bag of samples, a data
        frame or a column.
    domain : {"signal", "image", "video", "text", "any"}
        What the inputs are.
    tasks : str, mapping or sequence of these, optional
        What to compute; `auxtasks.list_tasks` tells what there is. A mapping gives options, as in
        ``{"fft": {"n_coefficients": 50}}``, or an alias, as in ``{"low": {"task": "fft", "n_coefficients": 5}}``.
        The defaults of the domain if None.
    given : mapping of str to array-like, optional
        Label columns that exist at training time only; each becomes a target.
    scale, seed, dtype, padding, padding_value, n_jobs, progress : optional
        See `AuxTargetGenerator`.
    tokenizer, max_tokens, length, inputs, backend, pipeline, batch_size, n_process, cache : optional
        How texts are read, for domain ``"text"`` only; see `AuxTargetGenerator`.
    out : path-like, optional
        A folder to be made, for inputs larger than memory: targets are computed chunk by chunk and written there, in
        the form that `load_targets` reads. `X` may then also be anything with a shape that is read by slices (memory
        maps, data sets of HDF5, arrays of Zarr) or gives batches, ``x`` or ``(x, y)``, in the same order each time (a
        generator, a ``tf.data.Dataset``, a ``keras.utils.PyDataset``).
    overwrite : bool
        Whether other targets at `out` are replaced, once the new ones are finished, and an unfinished run of other
        inputs or options there is thrown away. Without it either is an error.

    Returns
    -------
    AuxTargets
        A mapping of names to arrays, with their ``specs``, the ``inputs`` to train on, and ``transform`` for
        validation inputs. With `out` the arrays are memory maps, and so are the inputs where they come in batches or a
        task shortens them; otherwise the inputs are `X` itself, and not written. Of a collection of Dask the statistics
        are fitted at once, and the arrays are dask arrays: `auxtasks.cluster.LazyAuxTargets`.

    Raises
    ------
    UnknownNameError
        If a domain, task or option does not exist.
    InvalidTypeError, InvalidInputError
        If inputs or parameters cannot be used; the message says where and what to do.
    MissingDependencyError
        If a task needs a package that is not installed.
    StorageError
        If `out` holds something else, the disk is full, or another process is writing there.

    Warns
    -----
    AuxTasksWarning
        If a target is left out because it is constant or has no value.

    See Also
    --------
    AuxTargetGenerator : The same as an estimator.
    load_targets : Loads what `out` holds.

    Notes
    -----
    A call with `out` that was interrupted, be it by ``kill -9`` or a full disk, goes on when it is made again with the
    same arguments, and gives the same bits as one that was not. Until it is finished its files are in a folder named
    like `out` and ``.partial``, which nothing loads. Each chunk of inputs and targets has a checksum: going on reads
    the inputs of finished chunks again and compares them, which takes less time than computing. The same call after
    the end checks and returns what is there. Texts, series of different lengths and tasks that add copies need all
    samples at once and are refused. Keras copies arrays that ``fit`` is given into memory; read batches from the maps
    by `AuxTargets.to_py_dataset` instead (``examples/larger_than_memory.py``).

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> X = np.array([[0.0, 1.0, 0.0, 1.0], [2.0, 2.0, 2.0, 8.0]])
    >>> auxtasks.make_aux_targets(X, "signal", ["std", "abs_sum_changes"], scale=False)["abs_sum_changes"]
    array([[3.],
           [6.]], dtype=float32)
    """
    if overwrite and out is None:
        raise InvalidInputError("`overwrite` is for `out`, a folder to be made; pass `out` too, or leave it out.")
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
    if out is not None:
        if is_dask(X):
            raise InvalidInputError(
                "`out` is for inputs that one process reads; leave it out, and call to_zarr(path) on the lazy targets, "
                "which workers of Dask write in parallel."
            )
        from auxtasks.disk.run import make_on_disk

        return make_on_disk(X, generator, given, out, overwrite=overwrite)
    return generator.fit_transform(X, given=given)
