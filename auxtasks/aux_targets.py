"""The targets of a set of samples: a read-only mapping of arrays that knows what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from auxtasks.errors import InvalidInputError, unknown_name
from auxtasks.extractors.text.documents import FittedTexts
from auxtasks.labels import MAIN, main_labels, present_rows, without_labels
from auxtasks.notebook import html_table, text_table
from auxtasks.optional import is_dask, require, require_keras
from auxtasks.specs import STEP_KINDS, Specs, TargetSpec, counted_columns
from auxtasks.storage import save_targets
from auxtasks.targets.fitted import Fitted, TargetArrays
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tables import count_rows
from auxtasks.targets.tasks import Task
from auxtasks.teacher.labels import numbered, read_main, same_labels
from auxtasks.teacher.teaching import Teacher, described
from auxtasks.typing import Array, Floats
from auxtasks.validation import as_numbers, check_choice, check_flag, check_path

if TYPE_CHECKING:
    from os import PathLike

    import keras
    import tensorflow as tf


class Generator(Protocol):
    """A fitted `auxtasks.AuxTargetGenerator`, as far as targets ask it for anything."""

    specs_: dict[str, TargetSpec]
    scalings_: dict[str, Scaling]
    tasks_: tuple[Task, ...]
    texts_: FittedTexts | None
    class_names_: Mapping[str, tuple[str, ...]]
    teachers_: tuple[Teacher, ...]

    def transform(self, X: object, *, label_columns: Any = None) -> AuxTargets: ...

    def prepare(self, X: object) -> Any: ...


class AuxTargets(Mapping[str, Array]):
    """Auxiliary targets by name, with their specs and the inputs that they belong to.

    Made by `auxtasks.make_aux_targets`, `AuxTargetGenerator.transform` and `auxtasks.load_targets`.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The targets; made read-only.
    generator : AuxTargetGenerator
        The fitted generator they come from.
    inputs : ndarray, dict of str to ndarray or None
        The inputs of the model; None if they were not saved.
    n_original : int
        The number of samples that are not transformed copies; copies come after them.
    lengths : ndarray or None
        The number of steps of each text without padding; None for other inputs.

    Examples
    --------
    >>> import auxtasks
    >>> targets = auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0]], "signal", "std")
    >>> targets["std"]
    array([[ 1.],
           [-1.]], dtype=float32)
    >>> targets.unscale("std", targets["std"]).tolist()
    [[1.0], [0.0]]
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        generator: Generator,
        inputs: Any,
        n_original: int,
        lengths: Array | None = None,
        main: Mapping[str, Array] | None = None,
    ) -> None:
        self._arrays = dict(arrays)
        self._generator = generator
        self._inputs = inputs
        self._n_original = n_original
        self._lengths = lengths
        self._main = main
        for array in self._arrays.values():
            if isinstance(array, np.ndarray):  # and not lazy
                array.flags.writeable = False

    def __getitem__(self, name: str) -> Array:
        if name not in self._arrays:
            # Mapping's own methods (`in`, `get`) rely on KeyError.
            raise KeyError(str(unknown_name("name", name, self._arrays, "target")))
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        """Count the targets (not the samples)."""
        return len(self._arrays)

    # Comparing arrays as a mapping would is ambiguous; two sets of targets are equal if they are the same object.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the arguments, so that arrays are read-only again afterwards."""
        return type(self), (self._arrays, self._generator, self._inputs, self._n_original, self._lengths, self._main)

    def __repr__(self) -> str:
        rows, taught = self._table()
        return "\n".join([self._title, text_table(rows), *taught])

    def _repr_html_(self) -> str:
        rows, taught = self._table()
        return html_table(rows, self._title, taught)

    def _table(self) -> tuple[list[tuple[str, ...]], list[str]]:
        """Return the rows of the targets below their headings, and what is said of soft labels."""
        rows: list[tuple[str, ...]] = [("name", "kind", "shape", "baseline", "missing", "left out")]
        for name in self._arrays:
            spec = self.specs[name]
            in_numbers = (str(spec.shape), f"{spec.baseline_loss:.4g}", self._missing(name))
            rows.append((name, spec.kind, *in_numbers, counted_columns(spec.dropped)))
        return rows, [described(spec) for spec in self.specs.values() if spec.is_taught]

    @property
    def _title(self) -> str:
        copies = self.n_samples - self.n_original
        extra = f", {copies} of them transformed copies" if copies else ""
        return f"AuxTargets of {self.n_samples} samples{extra}"

    def _missing(self, name: str) -> str:
        """Say which share of a target is missing; the padding of texts, which has no target, is left out."""
        array = self._arrays[name]
        if is_dask(array):
            return "?"
        missing = np.isnan(array) if array.dtype.kind == "f" else array < 0
        count, size = int(missing.sum()), missing.size
        if self._lengths is not None and self.specs[name].kind in STEP_KINDS:
            padding = (missing.shape[1] * len(missing) - int(np.sum(self._lengths))) * (size // prod(missing.shape[:2]))
            count, size = count - padding, size - padding
        return _in_percent(count / max(size, 1))

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """The spec of each target."""
        return Specs(self._generator.specs_)

    @property
    def generator(self) -> Any:  # an AuxTargetGenerator, which is made above this
        """The fitted generator, a copy: changing or refitting the original has no effect on it."""
        return self._generator

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The teachers of the soft labels; empty for targets of other samples, and after loading."""
        return () if self._main is None else tuple(self._generator.teachers_)

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """By output, the names of classes that were strings; the number of a class is its position."""
        return dict(self._generator.class_names_)

    @property
    def inputs(self) -> Any:
        """The inputs to train on: the array passed, a padded, shortened or expanded one, or columns by name."""
        if self._inputs is None:
            raise InvalidInputError("`inputs` were not saved with these targets (include_inputs=False); use your own.")
        return self._inputs

    @property
    def n_samples(self) -> int:
        """The number of samples, transformed copies included."""
        arrays = [*self._arrays.values()]
        return len(arrays[0]) if arrays else count_rows(self.inputs)

    @property
    def n_original(self) -> int:
        """The number of samples that are not transformed copies; these come first and can have a main label."""
        return self._n_original

    @property
    def lengths(self) -> Array | None:
        """The number of tokens of each text without padding, shape (n,); None if inputs are not texts."""
        return self._lengths

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The words in the order of their ids; None if inputs are not texts."""
        texts = self._generator.texts_
        return None if texts is None else texts.vocabulary.words

    def transform(self, X: object, label_columns: Any = None) -> AuxTargets:
        """Compute the same targets for other inputs, scaled with the statistics of the training data.

        Parameters
        ----------
        X : array-like
            Inputs, as for `auxtasks.make_aux_targets`.
        label_columns : mapping of str to array-like or data frame, optional
            Label columns; omitted columns are missing.

        Returns
        -------
        AuxTargets
            With the same specs.

        Raises
        ------
        AuxTasksError
            As for `auxtasks.make_aux_targets`, and if shapes differ from those of the training data.
        """
        return self._generator.transform(X, label_columns=label_columns)

    def prepare(self, X: object) -> Any:
        """Bring other inputs into the form in which the model reads them, without computing targets.

        Parameters
        ----------
        X : array-like
            Inputs shaped like the training inputs.

        Returns
        -------
        ndarray
            See `AuxTargetGenerator.prepare`.
        """
        return self._generator.prepare(X)

    def with_main(self, y: object = None, name: str = "main") -> dict[str, Array]:
        """Put the main labels beside the targets.

        Parameters
        ----------
        y : array-like or mapping of str to array-like, optional
            Integers, floats or strings, one row for each original sample or for the first of them. The labels of the
            other samples are missing, and so are labels that are masked (`numpy.ma`) or null (pandas, polars, Arrow).
            Integers with missing labels stay integers. String classes are numbered by `class_names` if these targets
            were fitted with names, and otherwise by their sorted names. A mapping holds the labels of several main
            outputs by name. The default is the labels that the targets were made with; targets with soft labels accept
            no others.
        name : str
            The key of the labels if `y` is not a mapping.

        Returns
        -------
        dict of str to ndarray
            The labels, then the targets; a missing label is -1 (integers) or NaN (floats). Samples with a label have no
            soft label.

        Raises
        ------
        InvalidTypeError
            If the labels are neither numbers nor strings, or a list of several arrays.
        InvalidInputError
            If there are more labels than samples, one is too large for int64, or a name is that of a target; if soft
            labels were made from other labels than these.
        """
        if self._main and (y is None or any(spec.is_taught for spec in self.specs.values())):
            if y is not None:
                self._check_taught_from(y)
            of_originals = {output: labels[: self.n_original] for output, labels in self._main.items()}
            y = {name if output == MAIN else output: labels for output, labels in of_originals.items()}
        return self._beside(self._of_all(y, name))

    def _of_all(self, y: object, name: str) -> dict[str, Array]:
        named = y if isinstance(y, Mapping) else {MAIN: y}
        known = self.class_names
        numbers = {key: numbered(f"y ({key!r})", values, known.get(key))[0] for key, values in named.items()}
        main = numbers if isinstance(y, Mapping) else numbers[MAIN]
        return main_labels(main, name, self.n_original, self.n_samples)

    def _check_taught_from(self, y: object) -> None:
        """Refuse labels other than those that soft labels were made from: a test score would not be one."""
        known = self._main or {}
        others = [
            each.output
            for each in read_main(y, self.n_original, self.n_samples)
            if each.output not in known or not same_labels(each.main, known[each.output])
        ]
        if others:
            raise InvalidInputError(
                f"`y` ({others[0]!r}) differs from the labels that these soft labels were computed from. Call "
                "with_main() to use those labels, or compute the targets again with this `y`."
            )

    def _beside(self, labels: dict[str, Array]) -> dict[str, Array]:
        clash = sorted(set(labels) & set(self._arrays))
        if clash:
            raise InvalidInputError(
                f"`name`: {', '.join(map(repr, clash))} is already the name of a target; choose another name for "
                "the main label."
            )
        arrays = dict(self._arrays)
        for spec in (spec for spec in self.specs.values() if spec.is_taught):
            own = labels.get(spec.options["output"], next(iter(labels.values())) if len(labels) == 1 else None)
            if self._main is None and own is not None:
                arrays[spec.name] = self._without(arrays[spec.name], own)
        return {**labels, **arrays}

    def _without(self, soft: Array, own: Array) -> Array:
        return without_labels(soft, present_rows(own))

    def to_tf_dataset(
        self,
        y: object = None,
        batch_size: int | None = 32,
        shuffle: bool = False,
        seed: int | None = None,
        *,
        labelled_share: float | str | None = None,
        drop_remainder: bool = False,
        sample_weight: object = None,
        inputs: object = None,
        prefetch: bool = True,
    ) -> tf.data.Dataset:
        """Return inputs, main labels and targets as a `tf.data.Dataset` for ``fit``.

        Parameters
        ----------
        y : array-like or mapping of str to array-like, optional
            The main labels, as for `with_main`. Without them the labels are the targets alone.
        batch_size : int or None, default 32
            Samples in a batch; the last one may hold fewer. None for single samples.
        shuffle : bool, default False
            Whether each pass has an order of its own, drawn among all samples.
        seed : int, optional
            The same seed gives the same orders; by default they differ from run to run.
        labelled_share : float, "auto" or None, default None
            As in `auxtasks.keras.AuxModel.fit`, which composes batches of arrays by itself and trains data sets as they
            come. Where fewer samples than this share have a main label (of one output at least), each batch is
            composed at random of this share of them, which come round as often as needed, and of the others, each of
            which a pass holds once. Where as many have one, or none has, batches are shuffled ones. ``"auto"`` is 0.2
            with soft labels, and 0.5 otherwise; `fit` takes 0.2 also for a model with `agreement`, which targets do
            not know of. None takes the samples as `shuffle` says.
        drop_remainder : bool, default False
            Whether a smaller last batch is left out. The last composed batch is filled up with unlabelled samples.
        sample_weight : array-like or mapping of str to array-like, optional
            Weights, one for each sample, as ``fit`` takes them.
        inputs : array or structure of arrays, optional
            What the model reads, one row for each sample; by default the inputs of these targets.
        prefetch : bool, default True
            Whether to read ahead while the model trains.

        Returns
        -------
        tf.data.Dataset
            Of ``(x, labels)``, or ``(x, labels, sample_weight)``. Arrays are read batch by batch from where they are:
            none becomes part of a graph, and memory maps stay on disk. Each pass is the next epoch.

        Raises
        ------
        InvalidTypeError, InvalidInputError
            If an argument cannot be used.

        Examples
        --------
        >>> import auxtasks
        >>> targets = auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0], [4.0, 0.0]], "signal", "std")
        >>> for x, labels in targets.to_tf_dataset([0, 1, 0], batch_size=2):
        ...     print(x.shape, labels["main"].numpy(), labels["std"].shape)
        (2, 2) [0 1] (2, 1)
        (1, 2) [0] (1, 1)

        One label among three samples, and one in each batch:

        >>> for _, labels in targets.to_tf_dataset([0], batch_size=2, labelled_share=0.5):
        ...     print(labels["main"].numpy())
        [ 0 -1]
        [ 0 -1]
        """
        require("tensorflow", extra="tensorflow")
        from auxtasks.batches.planned import tf_dataset

        return tf_dataset(
            *self._read_by_batches(y, inputs),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            share=self._share(labelled_share),
            drop_remainder=drop_remainder,
            sample_weight=sample_weight,
            prefetch=prefetch,
        )

    def to_py_dataset(
        self,
        y: object = None,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int | None = None,
        *,
        labelled_share: float | str | None = None,
        drop_remainder: bool = False,
        sample_weight: object = None,
        inputs: object = None,
        **kwargs: Any,
    ) -> keras.utils.PyDataset:
        """Return what `to_tf_dataset` yields as a Keras `PyDataset`.

        Parameters
        ----------
        y, batch_size, shuffle, seed, labelled_share, drop_remainder, sample_weight, inputs
            See `to_tf_dataset`.
        **kwargs
            ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of `keras.utils.PyDataset`. Other processes open
            memory maps by the names of their files.

        Returns
        -------
        keras.utils.PyDataset
            The same batches. For the orders of `seed`, pass ``fit(..., shuffle=False)``: Keras shuffles the batches of
            a `PyDataset` once more. An automatic loss weight is found from its labels, as it is from arrays.

        Raises
        ------
        InvalidTypeError, InvalidInputError
            As `to_tf_dataset`.

        Examples
        --------
        >>> import auxtasks
        >>> targets = auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0], [4.0, 0.0]], "signal", "std")
        >>> len(targets.to_py_dataset([0, 1, 0], batch_size=2))
        2
        """
        require_keras()
        from auxtasks.batches.planned import py_dataset

        return py_dataset(
            *self._read_by_batches(y, inputs),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            share=self._share(labelled_share),
            drop_remainder=drop_remainder,
            sample_weight=sample_weight,
            kwargs=kwargs,
        )

    def _share(self, labelled_share: float | str | None) -> float | None:
        from auxtasks.batches.composition import share_of

        return share_of(labelled_share, is_taught=any(spec.is_taught for spec in self.specs.values()))

    def _read_by_batches(self, y: object, inputs: object) -> tuple[object, dict[str, Array], list[str]]:
        """Return what the model reads, the labels, and which of these are no targets."""
        labels = self._arrays if y is None and self._main is None else self.with_main(y)
        return self.inputs if inputs is None else inputs, labels, [name for name in labels if name not in self._arrays]

    def unscale(self, name: str, values: object) -> Floats:
        """Turn a scaled target, or a prediction of it, into the task's own units.

        Parameters
        ----------
        name : str
            The target.
        values : array-like, shape (..., *shape of the target)
            Scaled values.

        Returns
        -------
        ndarray
            The values with dropped columns restored: constants by their value, copies by that of their twin, columns
            without any value as NaN. Classes, labels and distributions are not scaled and do not change.

        Raises
        ------
        UnknownNameError
            If there is no such target.
        InvalidInputError
            If the shape of the values is not that of the target.
        """
        check_choice("name", name, self._arrays, "target")
        found, shape = as_numbers("values", values), self._generator.specs_[name].shape
        if name not in self._generator.scalings_:
            return found
        if found.ndim < len(shape) or found.shape[found.ndim - len(shape) :] != shape:
            raise InvalidInputError(f"`values` must have the shape (..., {shape}) of {name!r}; got {found.shape}.")
        return self._generator.scalings_[name].invert(found)

    def save(self, path: str | PathLike[str], *, include_inputs: bool = True, overwrite: bool = False) -> None:
        """Write the targets to a directory; `auxtasks.load_targets` is the inverse.

        Parameters
        ----------
        path : path-like
            The directory to create, or an empty one.
        include_inputs : bool
            Whether to save the inputs too.
        overwrite : bool
            Whether to replace targets saved there before, in one step: a reader gets either the old or the new ones.

        Raises
        ------
        StorageError
            If the path exists; with `overwrite`, if it is a link or holds files that auxtasks did not write; if the
            path is not writable. Existing targets survive a save that fails or is killed.

        Notes
        -----
        While another process saves to the same path, this one waits. The arrays are in a folder with a unique name. The
        description, with a checksum of every file, is written last.
        """
        inputs = self.inputs if check_flag("include_inputs", include_inputs) else None
        made = TargetArrays(self._arrays, inputs, self.n_original, self.lengths, self._main)
        folder = check_path("path", path)
        save_targets(Fitted.of(self._generator), made, folder, overwrite=check_flag("overwrite", overwrite))


def _in_percent(share: float) -> str:
    """Round to whole percents, but never to 0 or to 100 what is neither."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"
