"""What a teacher reads: features of each domain, fitted on all samples, of which no label is needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.image.hog import hog
from auxtasks.optional import require
from auxtasks.teacher.convolutions import PatchDictionary, Rocket
from auxtasks.typing import Array, Floats


class Features(Protocol):
    """A way of computing features, fitted on training samples without their labels."""

    name: str

    def fit(self, samples: Any) -> Floats:
        """Learn what the features need, and return those of the training samples, shape (n, d)."""

    def of(self, samples: Any) -> Floats:
        """Return the features of other samples."""


_NUMBERS = 2**21
"""Numbers of the samples that are read at once."""
_FITTED_ON = 2000
_WIDE = 1000
_LEAST_SIDE = 3
"""Smaller images have no HOG."""


def _slices(samples: Any) -> Iterator[slice]:
    per_row = max(1, int(np.prod(samples.row_shape)))
    rows = max(1, _NUMBERS // per_row)
    return (slice(start, min(start + rows, samples.n)) for start in range(0, samples.n, rows))


def _unit_of(X: Floats) -> float:
    """Return the power of two that inputs are read in units of, so that their squares are numbers; 1 for most."""
    exponent = int(np.frexp(np.abs(X).max())[1])
    return 1.0 if abs(exponent) <= 30 else 2.0**exponent


class RocketFeatures:
    """MiniRocket features of series whose channels are standardised.

    Where series differ in length, features are shares of the steps of each; with `padded` of those of the longest
    training series, so that they tell of the length too. On some data the one is better by far, on some the other.
    """

    def __init__(self, *, padded: bool = False) -> None:
        self.name = "MiniRocket features of padded series" if padded else "MiniRocket features"
        self.padded = padded
        self.longest = 0

    def fit(self, samples: Any) -> Floats:
        drawn = np.unique(np.linspace(0, samples.n - 1, min(samples.n, _FITTED_ON)).astype(int))
        X, lengths = _padded(samples, drawn)
        if self.padded:
            self.longest = samples.row_shape[0]
        inside = np.arange(X.shape[1]) < lengths[:, np.newaxis]
        self.mean = X[inside].mean(axis=0, dtype=np.float64)
        std = X[inside].std(axis=0, dtype=np.float64)
        self.std = np.where(std > 1e-12 * np.abs(self.mean), std, 1.0)
        self.rocket = Rocket().fit(*self._read(X, lengths))
        return self.of(samples)

    def of(self, samples: Any) -> Floats:
        blocks = (_padded(samples, np.arange(samples.n)[rows]) for rows in _slices(samples))
        return np.concatenate([self.rocket.transform(*self._read(*block)) for block in blocks])

    def _read(self, X: Floats, lengths: Array) -> tuple[Floats, Array]:
        """Return standardised series with zeros behind them, and how many steps of each count."""
        X = ((X - self.mean) / self.std).astype(np.float32)
        X[np.arange(X.shape[1]) >= lengths[:, np.newaxis]] = 0.0
        if not self.padded:
            return X, lengths
        missing = max(self.longest - X.shape[1], 0)
        X = np.pad(X, ((0, 0), (0, missing), (0, 0)))[:, : self.longest]
        return X, np.full(len(X), self.longest)


def _padded(samples: Any, rows: Array) -> tuple[Floats, Array]:
    """Return some series with zeros behind them, and their lengths."""
    if not hasattr(samples, "series"):
        X = samples.read(rows)
        return X, np.full(len(X), X.shape[1])
    series = [samples.series[row] for row in rows]
    lengths = np.array([len(each) for each in series])
    X = np.zeros((len(series), max(int(lengths.max()), 1), series[0].shape[1]), samples.compute)
    for row, each in enumerate(series):
        X[row, : len(each)] = each
    return X, lengths


class ImageFeatures:
    """HOG, and nearness to a dictionary of patches."""

    name = "HOG and a dictionary of patches"

    def fit(self, samples: Any) -> Floats:
        most = max(1, min(samples.n, _FITTED_ON, 32 * _NUMBERS // int(np.prod(samples.row_shape))))
        drawn = np.unique(np.linspace(0, samples.n - 1, most).astype(int))
        X = samples.read(drawn)
        self.unit = _unit_of(X)
        self.dictionary = PatchDictionary().fit(self._read(X))
        return self.of(samples)

    def of(self, samples: Any) -> Floats:
        parts = []
        for rows in _slices(samples):
            X = self._read(samples.read(rows))
            found = [self.dictionary.transform(X)]
            if min(X.shape[1:3]) >= _LEAST_SIDE:
                found.insert(0, hog(X, layout="blocks").reshape(len(X), -1))
            parts.append(np.concatenate(found, axis=1))
        return np.concatenate(parts)

    def _read(self, X: Floats) -> Floats:
        return (X / self.unit).astype(np.float32)


class TextFeatures:
    """TF-IDF of words, pairs of words and the n-grams of their letters, reduced by a truncated SVD of all texts."""

    name = "TF-IDF of words and letters"

    def fit(self, samples: Any) -> Floats:
        text = require("sklearn.feature_extraction.text", extra="sklearn")
        from scipy.sparse import hstack

        few = samples.n < 200
        words = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1 if few else 2, max_features=50_000)
        letters = text.TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=1 if few else 3, max_features=50_000
        )
        texts = list(samples.texts)
        # Without white space, words do not occur twice; of one letter each, they are none.
        tables = {vectorizer: _terms(vectorizer, texts) for vectorizer in (words, letters)}
        self.vectorizers = [vectorizer for vectorizer, table in tables.items() if table is not None]
        if not self.vectorizers:
            raise InvalidInputError(
                "`features`: the texts share no words and no letters that a teacher could read; pass a function as "
                "the option 'features', or leave the task 'soft_labels' out."
            )
        table = hstack([tables[vectorizer] for vectorizer in self.vectorizers], format="csr")
        decomposition = require("sklearn.decomposition", extra="sklearn")
        size = max(1, min(200, *(length - 1 for length in table.shape)))
        self.svd = decomposition.TruncatedSVD(size, random_state=0)
        with np.errstate(invalid="ignore"):  # the share of a variance of 0
            return _unit(self.svd.fit_transform(table))

    def of(self, samples: Any) -> Floats:
        from scipy.sparse import hstack

        texts = list(samples.texts)
        table = hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers], format="csr")
        return _unit(self.svd.transform(table))


def _terms(vectorizer: Any, texts: list[str]) -> Any:
    """Fit on texts, and return how much of each term is in each; None where there are no terms."""
    try:
        return vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's way to say that there are none
        return None


def _axes(X: Floats, size: int) -> Any:
    pca = require("sklearn.decomposition", extra="sklearn").PCA
    with np.errstate(invalid="ignore"):  # the share of a variance of 0
        return pca(min(size, *X.shape), svd_solver="randomized", random_state=0).fit(X)


def _unit(rows: Array) -> Floats:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = (rows / np.where(norm > 0, norm, 1.0)).astype(np.float32)
    return found


class Columns:
    """The numbers of a sample themselves; those of large ones by their principal components."""

    name = "the columns"

    def fit(self, samples: Any) -> Floats:
        X = _flat(samples)
        self.unit = _unit_of(X)
        X /= self.unit
        self.axes = _axes(X, 2 * N_COMPONENTS) if X.shape[1] > _WIDE else None
        return self._reduced(X)

    def of(self, samples: Any) -> Floats:
        X = _flat(samples)
        X /= self.unit
        return self._reduced(X)

    def _reduced(self, X: Floats) -> Floats:
        return X if self.axes is None else np.asarray(self.axes.transform(X))


def _flat(samples: Any) -> Floats:
    return np.concatenate([samples.read(rows).reshape(rows.stop - rows.start, -1) for rows in _slices(samples)])


class OwnFeatures:
    """What a function of the user's own, or our tasks, compute; with `gaps` NaN is taken for the mean."""

    def __init__(self, function: Callable[[Any], Any], name: str, *, gaps: bool = False) -> None:
        self.function = function
        self.name = name
        self.gaps = gaps

    def fit(self, samples: Any) -> Floats:
        return self.of(samples)

    def of(self, samples: Any) -> Floats:
        try:
            X = np.asarray(self.function(samples), np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidTypeError(f"`features`: {self.name} does not give an array of numbers: {error}") from error
        if X.ndim < 2 or len(X) != samples.n:
            raise InvalidInputError(
                f"`features`: {self.name} must give one row for each of the {samples.n} samples; found shape {X.shape}."
            )
        X = X.reshape(len(X), -1)
        if not X.shape[1]:
            raise InvalidInputError(f"`features`: {self.name} gives no column; a teacher needs at least one.")
        if not self.gaps and not np.isfinite(X).all():
            row, column = np.argwhere(~np.isfinite(X))[0]
            raise InvalidInputError(
                f"`features`: {self.name} gives {X[row, column]} for sample {row}, column {column}; numbers are "
                "expected everywhere. Fill or leave out such columns."
            )
        return X


STATISTICS = [
    "mean", "std", "abs_sum_changes", "rms", "quantiles", "zero_crossings", "slope", "autocorrelation",
    {"fft": {"n_coefficients": 16}},
]  # fmt: skip
"""The tasks whose targets teach of signals, beside what `RocketFeatures` computes."""
BY_DOMAIN: dict[str, Callable[[], Features]] = {
    "signal": RocketFeatures,
    "image": ImageFeatures,
    "text": TextFeatures,
    "video": Columns,
    "any": Columns,
}
N_COMPONENTS = 50

Known = dict[str, Floats]
"""Views of the features of some samples by name: ``"features"`` themselves, ``"components"``, and others."""


class FeatureSet:
    """All that the members of a committee read: features and others, by the name of their view.

    They are standardised, but for those of texts, whose rows have length 1.
    """

    def __init__(self, main: Features, **others: Features) -> None:
        self.parts: dict[str, Features] = {"features": main, **others}
        self.units: dict[str, tuple[Floats, Floats]] = {}
        self.axes: Any = None

    @property
    def name(self) -> str:
        return " and ".join(part.name for part in self.parts.values())

    def fit(self, samples: Any, *, components: bool) -> Known:
        """Learn all of it from training samples, and return their features."""
        found = {}
        for name, part in self.parts.items():
            X = part.fit(samples)
            if not isinstance(part, TextFeatures):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any number
                    mean, std = np.nanmean(X, axis=0, dtype=np.float64), np.nanstd(X, axis=0, dtype=np.float64)
                known = std > 1e-6 * np.abs(mean)
                self.units[name] = np.where(known, mean, 0.0), np.where(known, std, np.inf)
            found[name] = self._scaled(name, X)
        if components:
            self.axes = _axes(found["features"], N_COMPONENTS)
        return self._with_components(found)

    def of(self, samples: Any) -> Known:
        """Return the features of other samples."""
        return self._with_components({name: self._scaled(name, part.of(samples)) for name, part in self.parts.items()})

    def _scaled(self, name: str, X: Floats) -> Floats:
        if name in self.units:
            mean, std = self.units[name]
            X = np.nan_to_num((X - mean) / std, copy=False)
        return np.asarray(X, np.float32)

    def _with_components(self, known: Known) -> Known:
        if self.axes is not None:
            known["components"] = np.asarray(self.axes.transform(known["features"]))
        return known
