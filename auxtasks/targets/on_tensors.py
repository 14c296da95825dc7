"""The methods of a generator that work on tensors, and in pipelines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from auxtasks.optional import require
from auxtasks.targets.graph_targets import check_graph_form, graph_targets

if TYPE_CHECKING:
    from auxtasks.pipelines.hugging_face import BatchMap
    from auxtasks.targets.generator import AuxTargetGenerator


class OnTensors:
    """The part of `AuxTargetGenerator` that computes inside graphs and pipelines."""

    def in_graph(self, x: Any) -> dict[str, Any]:
        """Compute the targets of one batch in TensorFlow operations.

        Works in a `tf.function`, compiled by XLA or not, and in ``tf.data.Dataset.map``; nothing leaves the graph.

        Parameters
        ----------
        x : tensor or array, shape (n, ...)
            Inputs of the shape of the training inputs; the number of samples may be unknown.

        Returns
        -------
        dict of str to tensor of float32
            The targets, scaled as `transform` scales them; NaN where missing.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted; if a task has no form for tensors (it is named), changes the inputs or is a
            given column; if the inputs differ in shape from the training inputs, or their shape is not known.
        InvalidTypeError
            If `x` is a structure of several tensors.

        Notes
        -----
        All is computed in float32, and inputs are not searched for NaN: the targets of a sample that holds some may be
        NaN too, and then count as missing. For inputs whose mean lies within some 100 of their standard deviations
        from 0, values agree with those of `transform`, which computes in float64, within 1e-4 of a standard deviation.
        Further off, float32 itself loses digits of what varies: center such inputs first.

        Examples
        --------
        >>> import auxtasks, numpy as np
        >>> X = np.random.default_rng(0).normal(size=(20, 32, 3))
        >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "fft"]).fit(X)
        >>> {name: tuple(target.shape) for name, target in generator.in_graph(X[:4]).items()}
        {'std': (4, 3), 'fft': (4, 51)}
        """
        generator = cast("AuxTargetGenerator", self)
        generator._checked_fitted()
        check_graph_form(generator)
        return graph_targets(generator, x)

    def as_map(
        self, *, batched: bool = True, column: str | None = None, label: str | None = None, in_graph: bool = True
    ) -> Callable[..., tuple[Any, ...]]:
        """Return a function that puts targets beside the elements of a `tf.data.Dataset`, for its ``map``.

        Targets are those of the inputs as they arrive, after a random augmentation, say.

        Parameters
        ----------
        batched : bool, default True
            Whether elements are batches, which is faster, or single samples, not batched yet.
        column : str, optional
            Where elements, or the inputs among them, are mappings: what the targets are computed from. Of several
            inputs, ``({"a": ..., "b": ...}, y)``, all go on to the model; of an element that is a mapping of columns
            as a whole, as TensorFlow Datasets gives it, this one alone.
        label : str, optional
            Where elements are mappings of columns: the column of the main label.
        in_graph : bool, default True
            Whether tasks that have a form for tensors are computed by TensorFlow, in parallel and without Python. If
            False, all are those of `transform` bit for bit.

        Returns
        -------
        callable
            From x, ``(x, y)``, ``(x, y, sample_weight)`` or a mapping of columns to ``(x, labels)`` or ``(x, labels,
            sample_weight)``: what ``fit`` of a model with heads takes. The labels are ``{"main": y, **targets}``; a y
            that is a mapping, for several outputs, stays as it is, and targets that it holds are kept. Shapes and
            dtypes are static but for the number of samples. x is replaced where the model reads something else: texts
            are numbered, series of different lengths padded, and what a task cuts off the inputs is cut off.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted, or a task adds samples.
        InvalidTypeError
            If a parameter is of the wrong type. Elements of a form, shape or dtype that cannot be used are refused when
            the function is mapped; values that `transform` refuses, while the pipeline runs, as an
            ``InvalidArgumentError`` that quotes it.

        Notes
        -----
        Tasks without a form for tensors, and texts, are computed by `transform` within `tf.numpy_function`, so that a
        pipeline with them cannot be serialised. In TensorFlow, the dtypes of `transform` are used, and the order of
        additions differs: in its own units a target of float32 inputs is equal within 1e-6 of its largest value, of
        float64 inputs to nearly all digits; NaN in the inputs is not searched for, and makes targets missing. Given
        columns that y does not hold are missing throughout, as in `transform`. Series of different lengths, and lists
        of tokens, come one by one (``batched=False``) or as a `tf.RaggedTensor`.

        Examples
        --------
        >>> import auxtasks, numpy as np, tensorflow as tf
        >>> X = np.random.default_rng(0).normal(size=(20, 32, 3))
        >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "permutation_entropy"]).fit(X)
        >>> batches = tf.data.Dataset.from_tensor_slices((X, np.arange(20) % 2)).batch(4).map(generator.as_map())
        >>> {name: tuple(target.shape) for name, target in batches.element_spec[1].items()}
        {'main': (None,), 'std': (None, 3), 'permutation_entropy': (None, 3)}
        """
        require("tensorflow", extra="keras")
        from auxtasks.pipelines.tf_map import target_map

        generator = cast("AuxTargetGenerator", self)
        function: Callable[..., tuple[Any, ...]] = target_map(
            generator, batched=batched, column=column, label=label, in_graph=in_graph
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
            Takes a batch and returns the columns to add. It is pickled as what it was fitted to be, in the same bytes
            in every process, so that ``dataset.map(generator.as_batch_map("signal"), batched=True)`` finds its cache.

        Raises
        ------
        InvalidInputError
            If the generator is not fitted, a task adds samples, or a target has the name of the inputs' column.
        InvalidTypeError
            If `column` is no name.

        Examples
        --------
        >>> import auxtasks
        >>> generator = auxtasks.AuxTargetGenerator("signal", "std").fit([[1.0, 3.0], [2.0, 2.0]])
        >>> generator.as_batch_map("signal")({"signal": [[0.0, 0.0]], "label": [1]})
        {'std': array([[-1.]], dtype=float32)}
        """
        from auxtasks.pipelines.hugging_face import BatchMap

        return BatchMap(cast("AuxTargetGenerator", self), column)
