"""The methods of a generator that work on tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from auxtasks.targets.graph_targets import check_graph_form, graph_targets

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


class OnTensors:
    """The part of `AuxTargetGenerator` that computes inside TensorFlow's graphs."""

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

    @property
    def with_targets(self) -> Callable[..., tuple[Any, ...]]:
        """Function that puts the targets of one batch beside its labels; for ``tf.data.Dataset.map`` after `batch`.

        Its arguments are those of a batch, ``(x, y)`` or ``(x, y, sample_weight)``, of which y may be a mapping for
        several outputs. It returns ``(x, {"main": y, **targets})``, and the weights if there are any: what ``fit``
        takes. Targets that y holds are kept. Errors are those of `in_graph`.

        Returns
        -------
        callable
            The function.

        Examples
        --------
        >>> import auxtasks, numpy as np, tensorflow as tf
        >>> X = np.random.default_rng(0).normal(size=(20, 32, 3))
        >>> generator = auxtasks.AuxTargetGenerator("signal", ["std", "fft"]).fit(X)
        >>> batches = tf.data.Dataset.from_tensor_slices((X, np.arange(20) % 2)).batch(4).map(generator.with_targets)
        >>> {name: tuple(target.shape) for name, target in batches.element_spec[1].items()}
        {'main': (None,), 'std': (None, 3), 'fft': (None, 51)}
        """
        import tensorflow as tf

        # AutoGraph would hide the type of an error, and there is nothing for it to convert.
        function: Callable[..., tuple[Any, ...]] = tf.autograph.experimental.do_not_convert(self._with_targets)
        return function

    def _with_targets(self, x: Any, y: Any, sample_weight: Any = None) -> tuple[Any, ...]:
        labels = dict(y) if isinstance(y, Mapping) else {"main": y}
        computed = {name: target for name, target in self.in_graph(x).items() if name not in labels}
        batch = x, {**labels, **computed}
        return batch if sample_weight is None else (*batch, sample_weight)
