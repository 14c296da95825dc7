"""The estimator: fitted on training inputs, it makes targets for these and for others."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auxtasks.cluster.recognise import is_dask
from auxtasks.compute.checks import check_fitted_shapes, check_like_training
from auxtasks.compute.given_columns import check_names, encode_given, fit_columns
from auxtasks.compute.names import fit_names
from auxtasks.compute.pipeline import Computed, compute_all, inputs_after
from auxtasks.compute.settings import Settings, checked_settings
from auxtasks.compute.tasklist import TaskNames, parse_tasks
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.samples import Ragged
from auxtasks.scaling.fit import fit_targets
from auxtasks.scaling.scaling import Scaling
from auxtasks.scaling.seen import see
from auxtasks.specs import TargetSpec
from auxtasks.targets.mapping import AuxTargets
from auxtasks.targets.on_tensors import OnTensors
from auxtasks.targets.params import Parametrised
from auxtasks.targets.reading import laid_out, read_samples, tagged_samples
from auxtasks.typing import Array

if TYPE_CHECKING:
    from os import PathLike

    from auxtasks.compute.task import Task
    from auxtasks.generic.given import GivenColumn
    from auxtasks.text.documents import FittedTexts


class AuxTargetGenerator(OnTensors, Parametrised):
    """Make auxiliary targets from inputs, with scaling fitted on the training inputs.

    Follows scikit-learn's conventions for estimators (`fit`, `transform`, `get_params`, `clone`) without needing it.

    Parameters
    ----------
    domain : {"signal", "image", "video", "text", "any"}
        What the inputs are.
    tasks : str, mapping or sequence of these, optional
        What to compute: names, and mappings of a name to its options; with an option ``"task"`` the name is an alias.
        The defaults of the domain if None.
    scale : bool
        Whether to scale numbers to mean 0 and standard deviation 1 (after ``log1p`` where the task says so), and to
        leave out columns that are constant, copies or without any value.
    seed : int
        Where draws come from, in tasks that transform inputs.
    dtype : {"float32", "float64"}
        The dtype of targets made of numbers.
    padding : {"post", "pre"}
        Where series and texts of different lengths are padded.
    padding_value : float
        What series are padded with; texts are padded with the padding of the vocabulary.
    n_jobs : int
        How many threads; -1 for one per processor. Results do not depend on it.
    progress : bool
        Whether to show a progress bar.
    tokenizer : optional
        For texts, what cuts them into the model's own tokens: a ``keras.layers.TextVectorization`` layer, a fast
        Hugging Face tokenizer, a function from a text to its tokens or to (start, end) pairs, ``"whitespace"``, or
        ``"standard"``, the rule of ``TextVectorization`` by default (lower case, no punctuation, white space). If None,
        ``"standard"`` for texts, and for lists of tokens these.
    max_tokens : int, optional
        For texts, the size of the vocabulary that is fitted where the tokenizer brings none, padding (0) and unknown
        words (1) included.
    length : int, optional
        For texts, how many steps the model has: longer texts are cut, shorter ones padded. By default as many as the
        tokenizer gives, or as the longest training text has tokens. A text is cut at its end, so that a marker such as
        ``[SEP]`` goes too; let a tokenizer of ``tokenizers`` truncate where that matters.
    inputs : {"ids", "texts"}
        For texts, what the model reads: numbers of tokens, or texts, where it holds the ``TextVectorization`` layer.
    backend : {"spacy", "nltk"} or object
        For texts, what tags them; an object of your own has the methods of `auxtasks.text.backends.base.Backend`, and
        the next three parameters are left to it.
    pipeline : str, path or object, optional
        For texts, the spaCy pipeline: its name, its path or the loaded object; or an NLTK tagger, by default NLTK's
        averaged perceptron. Nothing is ever downloaded.
    batch_size, n_process : int
        For texts, how many are tagged at once, and by how many processes (-1 for one per processor; spaCy only).
    cache : path-like, optional
        For texts, a folder that keeps what the tagger said of them. It is tagged anew whenever a text, the tagger or
        what is asked of it changes.

    Attributes
    ----------
    specs_ : dict of str to TargetSpec
        What heads must know, in the order of the tasks, then of the given columns.
    scalings_ : dict of str to Scaling
        The scaling of each scaled target.
    tasks_ : tuple of Task
        The tasks with all their options.
    shapes_ : dict of str to tuple of int
        The shape of one sample's values as the task gives them, before columns are left out.
    texts_ : FittedTexts or None
        The vocabulary and the number of steps that the training texts decided.
    n_features_in_ : int
        How many columns tables, (n, columns) of domain "any", had in `fit`; other inputs do not set it.

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> generator = auxtasks.AuxTargetGenerator("signal", ["std"]).fit(np.array([[1.0, 3.0], [2.0, 2.0]]))
    >>> generator.transform(np.array([[0.0, 0.0]]))["std"]
    array([[-1.]], dtype=float32)
    """

    def __init__(
        self,
        domain: str,
        tasks: TaskNames | None = None,
        *,
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
    ) -> None:
        self.domain = domain
        self.tasks = tasks
        self.scale = scale
        self.seed = seed
        self.dtype = dtype
        self.padding = padding
        self.padding_value = padding_value
        self.n_jobs = n_jobs
        self.progress = progress
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.length = length
        self.inputs = inputs
        self.backend = backend
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.n_process = n_process
        self.cache = cache

    def fit(self, X: object, y: object = None, *, given: Mapping[str, object] | None = None) -> AuxTargetGenerator:  # noqa: ARG002
        """Fit scaling and vocabulary on training inputs.

        Parameters
        ----------
        X : array-like
            The training inputs.
        y : object
            Ignored; accepted for scikit-learn's sake.
        given : mapping of str to array-like, optional
            Label columns that exist at training time only, each to become a target.

        Returns
        -------
        self
            The fitted generator.

        Raises
        ------
        AuxTasksError
            If a parameter or an input cannot be used; the message says which, and what to do.
        """
        if is_dask(X):
            from auxtasks.cluster.fitting import fit_lazily

            fit_lazily(self, X, given)
        else:
            self._fit(X, given)
        return self

    def transform(self, X: object, *, given: Mapping[str, object] | None = None) -> AuxTargets:
        """Compute targets with the fitted scaling.

        Parameters
        ----------
        X : array-like
            Inputs shaped like the training inputs.
        given : mapping of str to array-like, optional
            Given columns of the names fitted; those not given are missing.

        Returns
        -------
        AuxTargets
            The targets.

        Raises
        ------
        AuxTasksError
            If the generator is not fitted or an input cannot be used.
        """
        settings = self._checked_fitted()
        if is_dask(X):
            from auxtasks.cluster.transforming import transform_lazily

            return transform_lazily(self, X, given)
        check_names(given, self.given_)
        samples = read_samples(X, self, settings, fitted=True)
        check_like_training(samples.row_shape, self.row_shape_, self.domain)
        columns = encode_given(self.given_, laid_out(given, samples), samples.n, self.shapes_, settings.dtype)
        samples = tagged_samples(samples, self, self.tasks_, fitted=True)
        computed = compute_all(samples, self.tasks_, columns, settings)
        check_fitted_shapes(computed.targets, self.shapes_)
        return self._targets(computed)

    def fit_transform(
        self,
        X: object,
        y: object = None,  # noqa: ARG002
        *,
        given: Mapping[str, object] | None = None,
    ) -> AuxTargets:
        """Fit on inputs and compute their targets in one go; see `fit` and `transform`.

        Parameters
        ----------
        X, y, given
            As for `fit`.

        Returns
        -------
        AuxTargets
            The targets of the training inputs.
        """
        if is_dask(X):
            from auxtasks.cluster.fitting import fit_lazily
            from auxtasks.cluster.transforming import targets_of

            return targets_of(self, fit_lazily(self, X, given), given)
        return self._targets(self._fit(X, given))

    def prepare(self, X: object) -> Array:
        """Bring inputs into the form in which the model reads them, without computing targets.

        Parameters
        ----------
        X : array-like
            Inputs shaped like the training inputs, to be predicted, say. Texts are numbered and not tagged, series
            padded, and what a task cuts off the inputs is cut off.

        Returns
        -------
        ndarray
            What ``transform(X).inputs`` is, without the copies that some tasks add.

        Raises
        ------
        AuxTasksError
            If the generator is not fitted or an input cannot be used.
        """
        settings = self._checked_fitted()
        if is_dask(X):
            from auxtasks.cluster.transforming import prepare_lazily

            lazy: Array = prepare_lazily(self, X)
            return lazy
        samples = read_samples(X, self, settings, fitted=True)
        check_like_training(samples.row_shape, self.row_shape_, self.domain)
        return inputs_after(samples, self.tasks_, settings)

    def _checked_fitted(self) -> Settings:
        if not self.__sklearn_is_fitted__():
            raise InvalidInputError("this AuxTargetGenerator is not fitted yet; call `fit` with training inputs first.")
        return checked_settings(self.get_params())

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "specs_")

    @property
    def _given_shape(self) -> tuple[int, ...]:
        """The shape of one sample as it was given, without a channel axis that was added."""
        return self.row_shape_[:-1] if self.channel_added_ else self.row_shape_

    @property
    def _changes_inputs(self) -> bool:
        """Whether the model reads something else than is given: texts numbered, series padded or shortened."""
        if self.domain == "text":
            return self.inputs == "ids"
        return self.length_ is not None or any(task.effect == "shortens" for task in self.tasks_)

    def _fit(self, X: object, given: Mapping[str, object] | None) -> Computed:
        settings = checked_settings(self.get_params())
        check_names(given, None)
        tasks = parse_tasks(self.domain, self.tasks, given or ())
        samples = read_samples(X, self, settings, fitted=False)
        known = laid_out(given, samples)
        fitted = fit_columns(known, samples.n)
        columns = encode_given(fitted, known, samples.n, None, settings.dtype)
        samples = tagged_samples(samples, self, tasks, fitted=False)
        tasks = fit_names(tasks, samples)
        computed = compute_all(samples, tasks, columns, settings)
        every = (*tasks, *(column.task for column in columns))
        seen = {task.name: see(task, computed.targets[task.name], scale=settings.scale) for task in every}
        specs, scalings = fit_targets(every, seen, scale=settings.scale, compute=samples.compute)
        self._learned(
            tasks=tasks,
            given=fitted,
            specs=specs,
            scalings=scalings,
            shapes={name: raw.natural for name, raw in computed.targets.items()},
            row_shape=samples.row_shape,
            channel_added=bool(getattr(samples, "add_channel", False)),
            length=samples.length if isinstance(samples, Ragged) else None,
            texts=getattr(samples, "fitted", None),
        )
        return computed

    def _learned(
        self,
        *,
        tasks: tuple[Task, ...],
        given: dict[str, GivenColumn],
        specs: dict[str, TargetSpec],
        scalings: dict[str, Scaling],
        shapes: dict[str, tuple[int, ...]],
        row_shape: tuple[int, ...],
        channel_added: bool,
        length: int | None,
        texts: FittedTexts | None,
    ) -> None:
        """Keep what was learned, all of it at once, wherever that was: in memory, on disk, on a cluster or before."""
        self.tasks_, self.given_, self.texts_ = tasks, given, texts
        self.specs_, self.scalings_, self.shapes_ = specs, scalings, shapes
        self.row_shape_, self.channel_added_, self.length_ = row_shape, channel_added, length
        # As scikit-learn does for tables; signals of other lengths are as welcome later on.
        vars(self).pop("n_features_in_", None)
        if self.domain == "any" and len(row_shape) == 1:
            self.n_features_in_ = row_shape[0]

    def _targets(self, computed: Computed) -> AuxTargets:
        """Scale what was computed, in place, and hand it over with a copy of the generator that no refit changes."""
        arrays: dict[str, Array] = {}
        for name in self.specs_:
            raw = computed.targets[name].array
            scaling = self.scalings_.get(name)
            arrays[name] = raw if scaling is None else scaling.apply(raw, in_place=True)
        return AuxTargets(arrays, copy.copy(self), computed.inputs, computed.n_original, computed.lengths)
