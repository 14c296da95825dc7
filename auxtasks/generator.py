"""The front: an estimator that is fitted on training inputs and makes targets for these and for others."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError, abbreviated, unknown_name
from auxtasks.extractors.text.documents import FittedTexts
from auxtasks.label_columns import LabelColumn, by_name
from auxtasks.optional import is_dask, require
from auxtasks.scale.sources import gathered, streamed
from auxtasks.specs import TargetSpec
from auxtasks.storage import (
    AGAIN,
    DESCRIPTION,
    ZARR_AGAIN,
    ZARR_DESCRIPTION,
    damage_named,
    holds_zarr,
    read_targets,
    read_zarr,
)
from auxtasks.targets.fitted import LEARNED, Fitted, TargetArrays, fit
from auxtasks.targets.graph import check_graph_form, graph_targets
from auxtasks.targets.scaling import Scaling
from auxtasks.targets.tables import TableColumn
from auxtasks.targets.tasks import Task, TaskNames
from auxtasks.teacher.teaching import Teacher
from auxtasks.typing import Array
from auxtasks.validation import check_flag, check_path

if TYPE_CHECKING:
    from auxtasks.scale.dask_targets import LazyAuxTargets
    from auxtasks.scale.hugging_face import BatchMap


class AuxTargetGenerator:
    """Make auxiliary targets from inputs, with scaling fitted on the training inputs.

    Follows scikit-learn's conventions for estimators (`fit`, `transform`, `get_params`, `clone`) without needing it.

    Parameters
    ----------
    domain : {"signal", "image", "video", "text", "any"}
        What the inputs are.
    tasks : str, mapping or sequence of these, optional
        What to compute: names, and mappings of a name to its options. With an option ``"task"``, the name is an alias.
        If None, the defaults of the domain.
    scale : bool
        Whether to scale numbers to mean 0 and standard deviation 1 (after ``log1p`` where the task says so), and to
        leave out columns that are constant, copies or without any value.
    seed : int
        The seed of tasks that transform inputs at random.
    dtype : {"float32", "float64"}
        The dtype of targets made of numbers.
    padding : {"post", "pre"}
        Where series and texts of different lengths are padded.
    padding_value : float
        The value that pads series. Texts are padded with the padding token of the vocabulary.
    n_jobs : int
        The number of computing threads, and of spaCy processes that tag texts; -1 for one per processor. Results do not
        depend on it.
    progress : bool
        Whether to show a progress bar.
    image_size : tuple of int, optional
        For images read from files: the height and width to resize to, by bilinear interpolation in float32, like
        ``keras.utils.image_dataset_from_directory``. Arrays are not resized.
    tokenizer : optional
        For texts, the tokenizer of the model: a ``keras.layers.TextVectorization`` layer, a fast Hugging Face
        tokenizer, a tokenizer or preprocessor of keras-hub, a function from a text to its tokens or to (start, end)
        pairs, ``"whitespace"``, or ``"standard"``, the rule of ``TextVectorization`` by default (lower case, no
        punctuation, white space). If None, ``"standard"`` for texts; lists of tokens are used unchanged. For ids, the
        tokenizer that produced them.
    vocabulary : sequence of str or mapping of str to int, optional
        For texts, the tokens of the model's vocabulary: in the order of their ids, or each with its id. ``""``,
        ``"[PAD]"``, ``"[UNK]"``, ``"<s>"`` and the like, and ids without a token, stand for no word. For a tokenizer
        that has no vocabulary; by default it is fitted on the training texts.
    max_tokens : int, optional
        For texts, the size of the fitted vocabulary, padding (0) and unknown words (1) included. Not used if the
        tokenizer has a vocabulary.
    max_length : int, optional
        For texts, the number of steps, up to 2**20. Longer texts are cut, shorter ones are padded. By default the
        length that the tokenizer gives, or that of the longest training text. A text is cut at its end, so a marker
        such as ``[SEP]`` is lost too; if that matters, let a tokenizer of ``tokenizers`` truncate.
    model_inputs : {"ids", "texts"}
        For texts, what the model reads: ids of tokens, or texts if the model contains the ``TextVectorization`` layer.
    tagger : {"spacy", "nltk"} or object
        For texts, the tagger. A custom object has the methods of `auxtasks.extractors.text.taggers.base.Tagger`; it
        handles the next three parameters itself.
    tagger_model : str, path or object, optional
        For texts, the spaCy pipeline: its name, its path or the loaded object; or an NLTK tagger, by default NLTK's
        averaged perceptron. auxtasks never downloads a model.
    batch_size : int
        For texts, the number tagged at once.
    cache : path-like, optional
        For texts, a folder that stores the output of the tagger. Texts are tagged again when a text, the tagger or the
        requested annotations change.

    Attributes
    ----------
    specs_ : dict of str to TargetSpec
        The specs that heads are built from, in the order of the tasks, then of the label columns.
    scalings_ : dict of str to Scaling
        The scaling of each scaled target.
    tasks_ : tuple of Task
        The tasks with all their options.
    shapes_ : dict of str to tuple of int
        The shape of one sample's values as computed by the task, before columns are dropped.
    texts_ : FittedTexts or None
        The vocabulary and the number of steps, fitted on the training texts.
    columns_ : tuple of TableColumn
        For inputs that are columns by name, the columns with the categories of texts; empty for other inputs.
    class_names_ : mapping of str to tuple of str
        By output, the sorted names of classes that were strings in `y`.
    teachers_ : tuple of Teacher
        The teacher of the soft labels of each output; empty after loading.
    n_features_in_ : int
        The number of columns in `fit`, for tables (n, columns) of domain "any"; not set for other inputs.

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> generator = auxtasks.AuxTargetGenerator("signal", ["std"]).fit(np.array([[1.0, 3.0], [2.0, 2.0]]))
    >>> generator.transform(np.array([[0.0, 0.0]]))["std"]
    array([[-1.]], dtype=float32)
    """

    specs_: dict[str, TargetSpec]
    scalings_: dict[str, Scaling]
    tasks_: tuple[Task, ...]
    label_columns_: dict[str, LabelColumn]
    shapes_: dict[str, tuple[int, ...]]
    row_shape_: tuple[int, ...]
    channel_added_: bool
    length_: int | None
    texts_: FittedTexts | None
    columns_: tuple[TableColumn, ...]
    class_names_: Mapping[str, tuple[str, ...]]
    teachers_: tuple[Teacher, ...]
    n_features_in_: int

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
        image_size: tuple[int, int] | None = None,
        tokenizer: Any = None,
        vocabulary: Sequence[str] | Mapping[str, int] | None = None,
        max_tokens: int | None = 20_000,
        max_length: int | None = None,
        model_inputs: str = "ids",
        tagger: Any = "spacy",
        tagger_model: Any = None,
        batch_size: int = 1000,
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
        self.image_size = image_size
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.max_length = max_length
        self.model_inputs = model_inputs
        self.tagger = tagger
        self.tagger_model = tagger_model
        self.batch_size = batch_size
        self.cache = cache

    def fit(self, X: object, y: object = None, *, label_columns: Any = None) -> AuxTargetGenerator:
        """Fit scaling and vocabulary on training inputs.

        Parameters
        ----------
        X : array-like
            The training inputs.
        y : array-like, mapping of str to array-like or "inferred", optional
            The main labels, for the task ``"soft_labels"``; other tasks ignore them. See `make_aux_targets`.
        label_columns : mapping of str to array-like or data frame, optional
            Label columns that exist at training time only, each to become a target.

        Returns
        -------
        self
            The fitted generator.

        Raises
        ------
        AuxTasksError
            If a parameter or an input cannot be used; the message names it and the next step.
        """
        if is_dask(X):
            from auxtasks.scale.dask_fit import fit_lazily
            from auxtasks.scale.dask_source import bring_labels

            fitted, *_ = fit_lazily(self.get_params(), X, by_name(label_columns), bring_labels(y), keep=False)
        else:
            X, y = gathered(X, y, self.get_params())
            fitted = fit(self.get_params(), X, by_name(label_columns), y).fitted
        return self._learned(fitted)

    def transform(self, X: object, *, label_columns: Any = None) -> AuxTargets:
        """Compute targets with the fitted scaling.

        Parameters
        ----------
        X : array-like
            Inputs shaped like the training inputs.
        label_columns : mapping of str to array-like or data frame, optional
            Label columns, by the names used in `fit`; omitted columns are missing.

        Returns
        -------
        AuxTargets
            The targets.

        Raises
        ------
        AuxTasksError
            If the generator is not fitted or an input cannot be used.
        """
        fitted = Fitted.of(self)
        if is_dask(X):
            from auxtasks.scale.dask_targets import transform_lazily

            return self._targets(transform_lazily(fitted, X, by_name(label_columns)))
        X, _ = gathered(X, None, self.get_params())
        return self._targets(fitted.transform(X, by_name(label_columns)))

    def fit_transform(
        self,
        X: object,
        y: object = None,
        *,
        label_columns: Any = None,
    ) -> AuxTargets:
        """Fit on inputs and compute their targets in one go; see `fit` and `transform`.

        Parameters
        ----------
        X, y, label_columns
            As for `fit`.

        Returns
        -------
        AuxTargets
            The targets of the training inputs.
        """
        if is_dask(X):
            from auxtasks.scale.dask_fit import fit_lazily
            from auxtasks.scale.dask_source import bring_labels
            from auxtasks.scale.dask_targets import targets_of

            y = bring_labels(y)
            label_columns = by_name(label_columns)
            fitted, source, kept = fit_lazily(self.get_params(), X, label_columns, y, keep=True)
            lazy: Any = self._learned(fitted)._targets(targets_of(fitted, source, label_columns, y, training=True))
            lazy.keep(kept)
            targets: AuxTargets = lazy
            return targets
        return fitted_targets(self, X, y, label_columns)

    def prepare(self, X: object) -> Any:
        """Bring inputs into the form in which the model reads them, without computing targets.

        Parameters
        ----------
        X : array-like
            Inputs shaped like the training inputs, for example for prediction. Texts become ids and are not tagged,
            series are padded, and inputs are shortened if a task shortens them.

        Returns
        -------
        ndarray
            The same as ``transform(X).inputs``, without the copies that some tasks add.

        Raises
        ------
        AuxTasksError
            If the generator is not fitted or an input cannot be used.
        """
        fitted = Fitted.of(self)
        if is_dask(X):
            from auxtasks.scale.dask_targets import prepare_lazily

            lazy: Array = prepare_lazily(fitted, X)
            return lazy
        X, _ = gathered(X, None, self.get_params())
        return fitted.prepare(X)

    def in_graph(self, x: Any) -> dict[str, Any]:
        """Compute the targets of one batch in the operations of Keras, on whichever backend it runs.

        On TensorFlow it works in a `tf.function`, compiled by XLA or not, and in ``tf.data.Dataset.map``; on JAX in
        `jax.jit` and other transformations; on PyTorch eagerly. The computation does not depend on values.

        Parameters
        ----------
        x : tensor or array, shape (n, ...)
            Inputs of the shape of the training inputs; the number of samples may be unknown.

        Returns
        -------
        dict of str to tensor of float32
            The targets, scaled as `transform` scales them; NaN where missing. No gradient flows through them.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted; if a task cannot be computed on tensors (the message names it), changes the
            inputs or is a label column; if the inputs differ in shape from the training inputs, or their shape is
            unknown.
        InvalidTypeError
            If `x` is a structure of several tensors.

        Notes
        -----
        All computation is in float32, on every backend. Inputs are not searched for NaN: the targets of a sample with
        NaN may be NaN too, and then count as missing. So do values that exceed the range of float32. If the mean of the
        inputs lies within about 100 of their standard deviations from 0, values agree with those of `transform` in
        float64 within 1e-4 of a standard deviation. Further from 0, float32 loses digits of the variation: center such
        inputs first. Tensors have no numbers below 1e-38, so inputs should be above 1e-30.

        Examples
        --------
        >>> import auxtasks, numpy as np
        >>> X = np.random.default_rng(0).normal(size=(20, 32, 3))
        >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "fft"]).fit(X)
        >>> {name: tuple(target.shape) for name, target in generator.in_graph(X[:4]).items()}
        {'std': (4, 3), 'fft': (4, 51)}
        """
        fitted = Fitted.of(self)
        check_graph_form(fitted)
        return graph_targets(fitted, x)

    def as_map(
        self, *, batched: bool = True, column: str | None = None, label: str | None = None, in_graph: bool = True
    ) -> Callable[..., tuple[Any, ...]]:
        """Return a function that puts targets beside the elements of a `tf.data.Dataset`, for its ``map``.

        Targets are those of the inputs as they arrive, for example after a random augmentation.

        Parameters
        ----------
        batched : bool, default True
            Whether elements are batches (faster) or single samples that are not batched yet.
        column : str, optional
            If elements, or the inputs among them, are mappings: the key of the input that targets are computed from.
            With several inputs, ``({"a": ..., "b": ...}, y)``, the model gets all of them. If the whole element is a
            mapping of columns, as in TensorFlow Datasets, the model gets this column alone.
        label : str, optional
            If elements are mappings of columns: the column of the main label.
        in_graph : bool, default True
            Whether tasks that can be computed on tensors run in TensorFlow, in parallel and without Python; needs Keras
            on TensorFlow. If False, all targets equal those of `transform` bit for bit.

        Returns
        -------
        callable
            From x, ``(x, y)``, ``(x, y, sample_weight)`` or a mapping of columns to ``(x, labels)`` or ``(x, labels,
            sample_weight)``: what ``fit`` of a model with heads takes. The labels are ``{"main": y, **targets}``; a y
            that is a mapping, for several outputs, stays as it is, and targets that it holds are kept. Shapes and
            dtypes are static except for the number of samples. x is replaced if the model reads something else: texts
            become ids, series of different lengths are padded, and inputs are shortened if a task shortens them.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted, a task adds samples, or Keras runs on another backend than TensorFlow and
            a task is to be computed in the graph.
        InvalidTypeError
            If a parameter is of the wrong type. Elements with an unusable form, shape or dtype are refused when the
            function is mapped. Values that `transform` refuses raise an ``InvalidArgumentError`` with its message while
            the pipeline runs.

        Notes
        -----
        Tasks without a form for tensors, and texts, are computed by `transform` within `tf.numpy_function`, so a
        pipeline with them cannot be serialised. In TensorFlow, dtypes are those of `transform`, and the order of
        additions differs: in its own units, a target of float32 inputs is equal within 1e-6 of its largest value, and a
        target of float64 inputs to nearly all digits. Inputs are not searched for NaN; NaN makes targets missing. Label
        columns that y does not hold are missing, as in `transform`. Series of different lengths, and lists of tokens,
        come one by one (``batched=False``) or as a `tf.RaggedTensor`.

        Examples
        --------
        >>> import auxtasks, numpy as np, tensorflow as tf
        >>> X = np.random.default_rng(0).normal(size=(20, 32, 3))
        >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "permutation_entropy"]).fit(X)
        >>> batches = tf.data.Dataset.from_tensor_slices((X, np.arange(20) % 2)).batch(4).map(generator.as_map())
        >>> {name: tuple(target.shape) for name, target in batches.element_spec[1].items()}
        {'main': (None,), 'std': (None, 3), 'permutation_entropy': (None, 3)}
        """
        require("tensorflow", extra="tensorflow")
        from auxtasks.scale.tf_map import target_map

        fitted = Fitted.of(self)
        function: Callable[..., tuple[Any, ...]] = target_map(
            fitted, batched=batched, column=column, label=label, in_graph=in_graph
        )
        return function

    def as_batch_map(self, column: str) -> BatchMap:
        """Return a function that adds targets to the batches of a Hugging Face data set, for its ``map``.

        Parameters
        ----------
        column : str
            The column of the inputs.

        Returns
        -------
        BatchMap
            Takes a batch and returns the columns to add. Its pickle has the same bytes in every process, so that
            ``dataset.map(generator.as_batch_map("signal"), batched=True)`` finds its cache.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted, a task adds samples, or a target has the name of the inputs' column.
        InvalidTypeError
            If `column` is not a name.

        Examples
        --------
        >>> import auxtasks
        >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
        >>> generator.as_batch_map("signal")({"signal": [[0.0, 0.0]], "label": [1]})
        {'std': array([[-1.]], dtype=float32)}
        """
        from auxtasks.scale.hugging_face import BatchMap

        return BatchMap(Fitted.of(self), column)

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 (scikit-learn passes it)
        """Return the parameters.

        Parameters
        ----------
        deep : bool
            Accepted for scikit-learn; no parameter has parameters of its own.

        Returns
        -------
        dict of str to object
            The very objects that were passed in.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> AuxTargetGenerator:
        """Change parameters.

        Parameters
        ----------
        **params
            New values by name; `fit` checks them.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        UnknownNameError
            If a parameter does not exist; then none is changed.
        """
        for name in params:
            if name not in self._defaults():
                raise unknown_name("set_params", name, self._defaults(), f"parameter of {type(self).__name__}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which is the only caller and therefore there."""
        utils = require("sklearn.utils", extra="sklearn")
        return utils.Tags(
            estimator_type="transformer",
            target_tags=utils.TargetTags(required=False),
            transformer_tags=utils.TransformerTags(preserves_dtype=[]),  # `dtype` decides
            input_tags=utils.InputTags(**input_tags(self.domain)),
        )

    def __repr__(self) -> str:
        default, shown = self._defaults(), []
        for name, value in self.get_params().items():
            if type(value) is not type(default[name]) or value != default[name]:
                shown.append(f"{name}={abbreviated(value) if name == 'vocabulary' else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "specs_")

    def _learned(self, fitted: Fitted) -> AuxTargetGenerator:
        for name in LEARNED:
            setattr(self, f"{name}_", getattr(fitted, name))
        # As scikit-learn does for tables; signals of other lengths are as welcome later on.
        vars(self).pop("n_features_in_", None)
        if self.domain == "any" and len(fitted.row_shape) == 1:
            self.n_features_in_ = fitted.row_shape[0]
        return self

    def _targets(self, made: TargetArrays) -> AuxTargets:
        """Hand targets over with a copy of the generator that no refit changes."""
        known = copy.copy(self), made.inputs, made.n_original, made.lengths
        if is_dask(next(iter(made.arrays.values()), None)):
            from auxtasks.scale.dask_targets import LazyAuxTargets

            return LazyAuxTargets(made.arrays, *known, made.main)
        return AuxTargets(made.arrays, *known, made.main)


def fitted_targets(
    generator: AuxTargetGenerator, X: object, y: object, label_columns: Any = None, **how: bool
) -> AuxTargets:
    """Fit and compute in one go; `how` is that of `auxtasks.targets.fitted.fit`."""
    X, y = gathered(X, y, generator.get_params())
    found = fit(generator.get_params(), X, by_name(label_columns), y, **how)
    return generator._learned(found.fitted)._targets(found.made)


def make_aux_targets(
    X: object,
    domain: str,
    tasks: TaskNames | None = None,
    *,
    y: object = None,
    label_columns: Any = None,
    scale: bool = True,
    seed: int = 0,
    dtype: str = "float32",
    padding: str = "post",
    padding_value: float = 0.0,
    n_jobs: int = 1,
    progress: bool = False,
    image_size: tuple[int, int] | None = None,
    tokenizer: Any = None,
    vocabulary: Sequence[str] | Mapping[str, int] | None = None,
    max_tokens: int | None = 20_000,
    max_length: int | None = None,
    model_inputs: str = "ids",
    tagger: Any = "spacy",
    tagger_model: Any = None,
    batch_size: int = 1000,
    cache: str | PathLike[str] | None = None,
    save_to: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> AuxTargets:
    """Compute auxiliary targets from the inputs of a dataset.

    Parameters
    ----------
    X : array-like
        The training inputs. ``"signal"``: (n, time) or (n, time, channels), or a list of (time_i,) or (time_i,
        channels) series; ``"image"``: (n, height, width[, channels]); ``"video"``: (n, time, height, width [,
        channels]); ``"any"``: (n, ...), or columns by name, a mapping or a data frame: of numbers, (n,) or (n, d), and
        of texts, whose categories are learned. Numbers must be finite, in any unit. ``"text"``: a list, array or Series
        of n strings, a list of n lists of tokens, or the ids of tokens, (n, steps) or a list of n lists, with
        `vocabulary` or the `tokenizer` that produced them; the model reads the ids unchanged. A Dask collection works
        too: an array, a bag of samples, a data frame or a column. Images may be files: a folder, with or without one
        folder per class, or a list of paths; see `auxtasks.read_images`. A ``tf.data.Dataset`` or
        ``keras.utils.PyDataset`` of batches, such as ``keras.utils.image_dataset_from_directory`` returns, is read
        once, into memory.
    domain : {"signal", "image", "video", "text", "any"}
        What the inputs are.
    tasks : str, mapping or sequence of these, optional
        What to compute; `auxtasks.list_tasks` lists the tasks. A mapping sets options, as in ``{"fft":
        {"n_coefficients": 50}}``, or an alias, as in ``{"low": {"task": "fft", "n_coefficients": 5}}``. The defaults of
        the domain if None.
    y : array-like, mapping of str to array-like or "inferred", optional
        The main labels, of all samples or of the first of them: classes as integers or strings, rows of 0 and 1, or
        numbers as floats; -1, NaN, None or a mask where one is missing. A mapping holds those of several outputs. If
        some are missing, the task ``"soft_labels"`` is the default: a teacher, simple models on features of the domain,
        predicts labels for the unlabelled samples, and the model's own main output learns them. Such targets depend on
        the labels: compute them from training samples only. ``{"soft_labels": {"teacher": ..., "features": ...}}``
        names an estimator of scikit-learn, and tasks, or a function from samples to an array (n, d), that it reads.
        Teachers are fitted on at most 20,000 samples, including all labelled ones. Labels may be Dask collections. With
        ``"inferred"``, labels come with the inputs: the folder names of images, sorted as in Keras and missing for
        files beside these folders, or the labels in batches of ``(x, y)``.
    label_columns : mapping of str to array-like or data frame, optional
        Label columns that exist at training time only; each becomes a target, under its name.
    scale, seed, dtype, padding, padding_value, n_jobs, progress, image_size : optional
        See `AuxTargetGenerator`.
    tokenizer, vocabulary, max_tokens, max_length, model_inputs, tagger, tagger_model, batch_size, cache : optional
        How texts are read, for domain ``"text"`` only; see `AuxTargetGenerator`.
    save_to : path-like, optional
        A folder to create, for inputs larger than memory: targets are computed in chunks and written there, in the form
        that `load_targets` reads. `X` may then also be any object with a shape that supports slices (memory maps, HDF5
        data sets, Zarr arrays) or that gives batches, ``x`` or ``(x, y)``, in the same order each time (a generator, a
        ``tf.data.Dataset``, a ``keras.utils.PyDataset``). With `y`, which is written too, the batches are read twice
        more, so a generator does not work.
    overwrite : bool
        Whether to replace other targets at `save_to` once the new ones are finished, and to discard an unfinished run
        of other inputs or options there. If False, both are errors. Files that auxtasks did not write are always
        refused.

    Returns
    -------
    AuxTargets
        A mapping of names to arrays, with their ``specs``, the ``inputs`` to train on, and ``transform`` for validation
        inputs. With `save_to` the arrays are memory maps. So are the inputs if they come in batches or a task shortens
        them; otherwise the inputs are `X` itself and are not written. For a Dask collection, the statistics are fitted
        immediately, and the arrays are dask arrays: `auxtasks.cluster.LazyAuxTargets`.

    Raises
    ------
    UnknownNameError
        If a domain, task or option does not exist.
    InvalidTypeError, InvalidInputError
        If inputs or parameters cannot be used; the message names the place and the next step.
    MissingDependencyError
        If a task needs a package that is not installed.
    StorageError
        If `save_to` holds something else or is a link, nothing can be written there, or another process is writing
        there.

    Warns
    -----
    AuxTasksWarning
        If a target is left out because it is constant or has no value, or if values too large for `dtype` count as
        missing.

    See Also
    --------
    AuxTargetGenerator : The same as an estimator.
    load_targets : Loads the targets at `save_to`.

    Notes
    -----
    A call with `save_to` that was interrupted, for example by ``kill -9`` or a full disk, resumes when you repeat it
    with the same arguments. The result has the same bits as that of an uninterrupted call. Until it is finished, its
    files are in a folder named like `save_to` with the suffix ``.partial``, which is never loaded. Each chunk of inputs
    and targets has a checksum: a resumed call reads the inputs of finished chunks again and compares them, which takes
    less time than computing. The same call after the end checks and returns the existing targets, also on a read-only
    disk. Teachers are not on disk and are fitted again. Texts, series of different lengths and tasks that add copies
    need all samples at once and are refused. Keras copies arrays passed to ``fit`` into memory; read batches from the
    memory maps with `AuxTargets.to_py_dataset` instead (``examples/larger_than_memory.py``).

    Examples
    --------
    >>> import numpy as np, auxtasks
    >>> X = np.array([[0.0, 1.0, 0.0, 1.0], [2.0, 2.0, 2.0, 8.0]])
    >>> auxtasks.make_aux_targets(X, "signal", ["std", "abs_sum_changes"], scale=False)["abs_sum_changes"]
    array([[3.],
           [6.]], dtype=float32)
    """
    given = dict(locals())
    params = {name: value for name, value in given.items() if name not in _OF_THE_CALL}
    if check_flag("overwrite", overwrite) and save_to is None:
        raise InvalidInputError("`overwrite` applies to `save_to` only; pass `save_to` too, or omit `overwrite`.")
    generator = AuxTargetGenerator(**params)
    if save_to is not None:
        if is_dask(X):
            raise InvalidInputError(
                "`save_to` does not take Dask collections; omit it, and call to_zarr(path) on the lazy targets. Dask "
                "workers write them in parallel."
            )
        from auxtasks.scale.disk import make_on_disk

        X, y = streamed(X, y, params)
        fitted, made = make_on_disk(X, params, by_name(label_columns), save_to, y, overwrite=overwrite)
        return generator_of(fitted)._targets(made)
    return generator.fit_transform(X, y, label_columns=label_columns)


_OF_THE_CALL = ("X", "y", "label_columns", "save_to", "overwrite")
"""The arguments of `make_aux_targets` that are no parameters of a generator."""


def load_targets(path: str | PathLike[str], *, mmap: bool = True, verify: bool = True) -> AuxTargets:
    """Load what `AuxTargets.save` or `LazyAuxTargets.to_zarr` wrote.

    Parameters
    ----------
    path : path-like
        The directory.
    mmap : bool
        Whether to leave the arrays on disk until they are read.
    verify : bool
        Whether to read all files once and compare their checksums, which takes as long as the disk takes, or a second
        for some 2 GB that are in memory already. Each chunk of Zarr arrays is compared whenever it is read, and not
        beforehand. Without it a bit that changed in an array is not seen.

    Returns
    -------
    AuxTargets
        As they were saved, with a ``transform`` of the same scaling. A directory of Zarr arrays gives an
        `auxtasks.cluster.LazyAuxTargets` of dask arrays, or with ``mmap=False`` what its ``compute`` returns.

    Raises
    ------
    StorageError
        If the directory or a file is absent, is a link, or is not to the last bit what was written; of a chunk of a
        Zarr array this is seen when it is computed.
    MissingDependencyError
        If the directory holds Zarr arrays, and Dask or Zarr is not installed.

    Examples
    --------
    >>> import tempfile, auxtasks
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     auxtasks.make_aux_targets([[1.0, 3.0], [2.0, 2.0]], "signal", "std").save(f"{folder}/targets")
    ...     auxtasks.load_targets(f"{folder}/targets", mmap=False)["std"]
    array([[ 1.],
           [-1.]], dtype=float32)
    """
    folder, mmap, verify = check_path("path", path), check_flag("mmap", mmap), check_flag("verify", verify)
    is_zarr = holds_zarr(folder)
    fitted, made = read_zarr(folder, verify=verify) if is_zarr else read_targets(folder, mmap=mmap, verify=verify)
    description, again = (ZARR_DESCRIPTION, ZARR_AGAIN) if is_zarr else (DESCRIPTION, AGAIN)
    with damage_named(folder / description, again):
        generator = generator_of(fitted)
    targets = generator._targets(made)
    return cast("LazyAuxTargets", targets).compute() if is_zarr and not mmap else targets


def generator_of(fitted: Fitted) -> AuxTargetGenerator:
    return AuxTargetGenerator(**fitted.params)._learned(fitted)


def input_tags(domain: object) -> dict[str, bool]:
    """Say in scikit-learn's words which inputs a domain has."""
    text = domain == "text"
    tables = domain in ("any", "signal")
    return {"one_d_array": text, "two_d_array": tables, "three_d_array": not text, "string": text}
