"""The forms in which data come: arrays, and batches from a data set or generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from auxtasks.backend import check_tensorflow
from auxtasks.columns import entries_of, is_column, plain_array, read_column
from auxtasks.errors import InvalidInputError, InvalidTypeError, wrong_type
from auxtasks.labels import read_labels
from auxtasks.typing import Array
from auxtasks.validation import check_depth

if TYPE_CHECKING:
    import tensorflow as tf


class AuxBatch(NamedTuple):
    """What the model reads, and beside it what belongs to the auxiliary tasks.

    `labelled` is 1 for samples with a main label and 0 for others; it is empty where no label is missing, and then the
    main loss and metrics are computed by Keras exactly as without heads.
    """

    inputs: Any
    targets: dict[str, Any]
    weights: dict[str, Any]
    labelled: Any = ()

    @property
    def counts(self) -> tuple[int, int]:
        """How many samples have a main label, and how many there are; to be asked of arrays."""
        n = len(keras.tree.flatten(self.inputs)[0])
        return n if isinstance(self.labelled, tuple) else int(np.sum(self.labelled)), n


Pack = Callable[..., tuple[Any, Any, Any]]
"""`Packer.pack`, of ``(x, y)`` or ``(x, y, sample_weight)``."""


class PackedDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are packed as they are read."""

    def __init__(self, source: keras.utils.PyDataset, pack: Pack) -> None:
        super().__init__(
            workers=source.workers,
            use_multiprocessing=source.use_multiprocessing,
            max_queue_size=source.max_queue_size,
        )
        self.source = source
        self._pack = pack

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return _packed(self._pack, self.source[index])

    @property
    def num_batches(self) -> int | None:
        batches: int | None = self.source.num_batches
        return batches

    def on_epoch_begin(self) -> None:
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.source.on_epoch_end()


def map_dataset(dataset: tf.data.Dataset, pack: Pack) -> tf.data.Dataset:
    check_tensorflow(
        "x",
        "a tf.data.Dataset is read",
        "targets join its inputs in its graph",
        "Pass arrays or a PyDataset",
    )
    import tensorflow as tf

    # Moving references about costs nothing, and in order, so no parallel calls are needed.
    # AutoGraph would hide the type of an error, and there is nothing for it to convert.
    return dataset.map(tf.autograph.experimental.do_not_convert(lambda *batch: _without_none(pack(*batch))))


def map_generator(batches: Iterator[Any], pack: Pack) -> Iterator[Any]:
    return (_packed(pack, batch) for batch in batches)


def as_tuple(batch: Any) -> tuple[Any, ...]:
    """Return a batch, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``, as a tuple."""
    if isinstance(batch, (tuple, list)) and not isinstance(batch, AuxBatch):
        if not 1 <= len(batch) <= 3:
            raise InvalidTypeError(f"a batch must be (x, y) or (x, y, sample_weight); got {len(batch)} entries.")
        return tuple(batch)
    return (batch,)


def _packed(pack: Pack, batch: Any) -> tuple[Any, ...]:
    x, *rest = as_tuple(batch)
    return _without_none(pack(as_tensors(x), *rest))


def _without_none(packed: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    """Shorten a batch to what it holds: tf.data has no None."""
    x, y, sample_weight = packed
    if sample_weight is not None:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


def is_arrays(x: Any) -> bool:
    return all(hasattr(part, "shape") for part in keras.tree.flatten(x))


def read_rows(argument: str, values: Any, n: int | None = None) -> Any:
    """Return inputs or weights as arrays of numbers or texts, all with one row for each of n samples."""
    check_depth(argument, values)
    return keras.tree.map_structure(lambda part: _checked_rows(argument, part, n), as_inputs(values))


def _checked_rows(argument: str, part: Any, n: int | None) -> Any:
    # The rows of a table are told by position, not by its index.
    rows = plain_array(part) if is_column(part) else part
    if isinstance(rows, (type, np.ma.MaskedArray)) or not hasattr(rows, "shape") or not _holds_numbers_or_texts(rows):
        raise wrong_type(argument, "an array of numbers or texts, or a structure of these", part)
    shape = tuple(rows.shape)
    if not shape or 0 in shape or n not in (None, shape[0]):
        expected = "each sample" if n is None else f"each of the {n} samples"
        raise InvalidInputError(f"`{argument}` must have one row for {expected}; found shape {shape}.")
    return rows


def _holds_numbers_or_texts(array: Any) -> bool:
    dtype = getattr(array, "dtype", None)
    if _is_objects(array):
        return all(isinstance(part, (str, bytes)) for part in array.flat)
    # Floats of 16 and 8 bits, which NumPy does not know, are of kind "V" as records are.
    return getattr(dtype, "kind", "f") not in "cMm" and getattr(dtype, "type", None) is not np.void


def as_arrays(values: Any, *, weights: bool = False) -> Any:
    """Turn lists of numbers, masked arrays and columns of tables into arrays.

    A missing label is -1 or NaN there, and a missing one of `weights` NaN.
    """
    argument = "sample_weight" if weights else "y"
    check_depth(argument, values)
    if isinstance(values, type):
        raise wrong_type(argument, "an array, not a class", values)
    if isinstance(values, Mapping):
        return {name: as_arrays(value, weights=weights) for name, value in values.items()}
    if isinstance(values, (list, tuple)) and any(np.ndim(part) for part in keras.tree.flatten(values)):
        return type(values)(as_arrays(value, weights=weights) for value in values)
    if values is None:
        return None
    array = plain_array(values)
    if array.dtype != object:
        return array
    column = read_column(f"`{argument}`", array)
    if weights and column.family != "string":
        return np.where(column.missing, np.nan, column.values)
    return array if column.family == "string" else read_labels(argument, column)


def as_inputs(x: Any) -> Any:
    """Turn texts among inputs into arrays of objects; everything else is returned as it is.

    Keras takes texts as arrays of dtype object and as tensors. NumPy's own arrays of strings, lists of texts and
    columns of tables hold the same.
    """
    if not hasattr(x, "shape"):
        x = entries_of(x)  # of a data set, or of Arrow
    if isinstance(x, Mapping):
        named = {name: as_inputs(value) for name, value in x.items()}
        return x if all(named[name] is x[name] for name in x) else named
    if isinstance(x, (list, tuple)):
        if x and all(isinstance(part, (str, bytes)) for part in x):
            return np.array([_text(part) for part in x], dtype=object)
        parts = [as_inputs(part) for part in x]
        if all(new is old for new, old in zip(parts, x, strict=True)):
            return x
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return _as_objects(x) if _holds_texts(x) else x


def as_tensors(x: Any) -> Any:
    """Turn texts among the inputs of one batch into tensors, the only form that Keras takes batches of."""
    x = as_inputs(x)
    leaves = keras.tree.flatten(x)
    if not any(map(_is_objects, leaves)):
        return x
    return keras.tree.map_structure(lambda part: keras.ops.convert_to_tensor(part) if _is_objects(part) else part, x)


def _is_objects(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == object


def is_text(array: Any) -> bool:
    dtype = getattr(array, "dtype", None)  # of a symbolic input a name, of all others an object with a name
    return _holds_texts(array) or getattr(dtype, "name", dtype) in ("object", "string")


def changed_texts(inputs: Any, change: Callable[[str], str]) -> Any:
    """Return inputs with every text in them changed, as tensors."""

    def changed(tensor: Any) -> Any:
        if not is_text(tensor):
            return tensor
        texts = np.array([change(text) for text in text_list(tensor)], dtype=object)
        return keras.ops.convert_to_tensor(texts.reshape(tensor.shape))

    return keras.tree.map_structure(changed, inputs)


def shortened(text: str) -> str:
    """Return the first three quarters of a text, by words where it has several."""
    words = text.split()
    if len(words) > 1:
        return " ".join(words[: max(1, len(words) * 3 // 4)])
    return text[: max(1, len(text) * 3 // 4)]


def text_list(array: Any) -> list[str]:
    """Return the texts of an array or tensor of any shape as a list."""
    flat = np.asarray(array).reshape(-1).tolist()
    return [_text(part) for part in flat]


def word_counts(array: Any) -> Array:
    """Count the words between spaces of each text, a measure of length where none is known."""
    return np.array([len(text.split()) for text in text_list(array)])


def _holds_texts(array: Any) -> bool:
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    # "T" is NumPy's dtype of strings of any length; a column of a table says "O" whatever it holds.
    return kind in tuple("UST") or (kind == "O" and hasattr(array, "to_numpy"))


def _as_objects(array: Any) -> Array:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    converted: Array = array.to_numpy(dtype=object) if hasattr(array, "to_numpy") else array.astype(object)
    return converted


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
