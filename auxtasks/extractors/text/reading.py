"""From texts to samples: cut into the model's tokens, numbered, and tagged if a task asks for it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.cache import cached
from auxtasks.extractors.text.documents import Documents, FittedTexts, Vocabulary
from auxtasks.extractors.text.spans import Annotations, Spans, align, words_of
from auxtasks.extractors.text.taggers.base import Corpus
from auxtasks.extractors.text.taggers.choose import make_backend
from auxtasks.extractors.text.tokenizers.base import Tokens
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer, from_dict
from auxtasks.label_columns import Labels, StepLabels, as_labels
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_int, check_processes

_MANY, _PADDED = 100_000_000, 0.1
"""So many steps, of which so few are tokens, are refused."""


def read_documents(X: object, settings: TextSettings, fitted: FittedTexts | None = None) -> Documents:
    """Read texts and cut them into the model's tokens."""
    corpus = read_texts(X)
    tokens, vocabulary, length = tokenize(corpus, settings)
    if fitted is None:
        if not tokens.spans.counts.any():
            raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
        fitted = FittedTexts(
            vocabulary or Vocabulary.fit(tokens.words, settings.max_tokens), length or _longest(tokens.spans.counts)
        )
    elif vocabulary is not None and vocabulary != fitted.vocabulary:
        raise InvalidInputError(
            "`tokenizer` has another vocabulary than it had when the generator was fitted, so that words would have "
            "other numbers; fit again, or set the tokenizer as it was."
        )
    return Documents(
        texts=corpus.texts,
        spans=tokens.spans,
        ids=fitted.vocabulary.ids(tokens.words) if tokens.ids is None else tokens.ids,
        fitted=fitted,
        padding=settings.padding,
        as_texts=settings.inputs == "texts",
        given=corpus.given,
    )


def tagged(X: Documents, settings: TextSettings, needs: Collection[str], *, training: bool) -> Documents:
    """Tag texts, if a task needs it."""
    if not needs:
        return X
    for parameter in (settings.backend, settings.pipeline):
        if isinstance(parameter, Unsaved):
            raise parameter.missed()
    backend = make_backend(
        settings.backend,
        settings.pipeline,
        batch_size=settings.batch_size,
        n_process=settings.n_process,
        progress=settings.progress,
    )
    said = cached(backend, Corpus(X.texts, X.given, training), frozenset(needs), settings.cache)
    if not isinstance(said, Annotations):
        raise InvalidTypeError(
            f"`backend`: `annotate` must return Annotations; {type(backend).__name__} returned {type(said).__name__}."
        )
    return replace(X, annotations=said)


def _longest(counts: Array) -> int:
    """Return the largest count; refuse where a few long texts would make nearly everything padding."""
    longest = int(counts.max())
    cells = longest * len(counts)
    if cells > _MANY and counts.sum() < _PADDED * cells:
        most = int(np.quantile(counts, 0.99))
        raise InvalidInputError(
            f"`X[{int(counts.argmax())}]` has {longest} tokens, and 99 % of the texts have at most {most}: padded to "
            f"the longest, {1 - counts.sum() / cells:.0%} of {cells:,} steps would be padding. Pass length={most} to "
            "cut the longest texts, or a length of your own."
        )
    return longest


def tokenize(corpus: Corpus, settings: TextSettings) -> tuple[Tokens, Vocabulary | None, int | None]:
    """Cut texts into tokens; given tokens are the model's own unless a tokenizer is named."""
    if corpus.given is not None and settings.tokenizer is None:
        words = [word for of_text in words_of(corpus.texts, corpus.given) for word in of_text]
        return Tokens(corpus.given, words), None, settings.length
    if isinstance(settings.tokenizer, Unsaved):
        raise settings.tokenizer.missed()
    tokenizer = as_tokenizer(settings.tokenizer)
    if getattr(tokenizer, "pads_left", False) and settings.padding != "pre":
        raise InvalidInputError(
            "`padding`: the tokenizer pads on the left; pass padding='pre', so that targets and inputs lie as in what "
            "it gives by itself."
        )
    lengths = {length for length in (settings.length, tokenizer.length) if length is not None}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"`length` is {settings.length}, and the tokenizer pads to {tokenizer.length}; leave `length` out."
        )
    return tokenizer.tokenize(corpus.texts), tokenizer.vocabulary, next(iter(lengths), None)


_SURROGATE = re.compile("[\ud800-\udfff]")
_EXPECTED = "a list of strings, a list of lists of tokens, a NumPy array of strings or a pandas Series"


def read_texts(X: object) -> Corpus:
    """Check texts, and join tokens to texts where tokens are given."""
    entries = _entries(X)
    if not entries:
        raise InvalidInputError(f"`X` holds no texts; expected {_EXPECTED}.")
    if isinstance(entries[0], str):
        for row, entry in enumerate(entries):
            _check_text(entry, row, "a string, as the first entry is")
        return Corpus(tuple(map(str, entries)))
    lists = [_tokens(entry, row) for row, entry in enumerate(entries)]
    return Corpus(tuple(map(" ".join, lists)), _joined_spans(lists))


def _entries(X: object) -> Sequence[object]:
    if isinstance(X, str):
        raise InvalidTypeError(
            f"`X` is a single string, {X[:40]!r}; pass a list of texts, [text] if there is only one."
        )
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray):
        if X.ndim != 1:
            raise InvalidInputError(
                f"`X` must have the shape (n,) for domain 'text', one text a sample; got shape {X.shape}. Pass one "
                "column, such as X[:, 0]."
            )
        X = X.tolist()
    if not isinstance(X, (list, tuple)):
        raise InvalidTypeError(f"`X` must be {_EXPECTED}; got {type(X).__name__}.")
    return X


def _check_text(text: object, row: int, expected: str) -> None:
    if isinstance(text, (bytes, np.bytes_)):
        raise InvalidTypeError(f"`X[{row}]` is bytes, {text[:40]!r}; decode it first, such as by .decode('utf-8').")
    if not isinstance(text, str):
        raise InvalidTypeError(
            f"`X[{row}]` must be {expected}; got {text!r:.60} of type {type(text).__name__}. Leave such samples out, "
            "or use '' for a text that is missing."
        )
    if not text.isascii() and (found := _SURROGATE.search(text)):
        raise InvalidInputError(
            f"`X[{row}]` holds a lone surrogate, {found.group()!r} at character {found.start()}, which no encoding can "
            "express; decode the text with errors='replace'."
        )


def _tokens(entry: object, row: int) -> Sequence[str]:
    if isinstance(entry, np.ndarray):
        entry = entry.tolist()
    if not isinstance(entry, (list, tuple)):
        # Raises for everything but a string, which the first entry is not.
        _check_text(entry, row, "a string or a list of tokens")
        raise InvalidTypeError(f"`X[{row}]` is a string, and `X[0]` is a list of tokens; pass all texts in one form.")
    for place, token in enumerate(entry):
        if not isinstance(token, str):
            raise InvalidTypeError(
                f"`X[{row}][{place}]` must be a token, a string; got {token!r:.60} of type {type(token).__name__}."
            )
        if not token.strip():
            raise InvalidInputError(f"`X[{row}][{place}]` is the blank token {token!r}; leave blank tokens out.")
        _check_text(token, row, "a string")
    return entry


def _joined_spans(lists: Iterable[Sequence[str]]) -> Spans:
    sizes = [[len(token) for token in tokens] for tokens in lists]
    counts = np.fromiter(map(len, sizes), np.int64, len(sizes))
    flat = np.fromiter((size for row in sizes for size in row), np.int64, int(counts.sum()))
    # Every token begins where the sizes before it in its text end, and one space later for each of them.
    before = np.cumsum(flat + 1) - (flat + 1)
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    of_text = np.repeat(before[np.minimum(first, max(len(flat) - 1, 0))] if len(flat) else first, counts)
    starts = before - of_text
    return Spans(counts, starts.astype(np.int32), (starts + flat).astype(np.int32))


@dataclass(frozen=True)
class TextSettings:
    """How texts are read; `auxtasks.AuxTargetGenerator` describes each.

    Parameters
    ----------
    tokenizer, max_tokens, length, inputs, backend, pipeline, batch_size, n_process, cache
        As `auxtasks.AuxTargetGenerator` has them.
    padding : {"post", "pre"}
        The side that is padded.
    progress : bool
        Whether to show a progress bar while texts are tagged.
    """

    tokenizer: Any
    max_tokens: int | None
    length: int | None
    inputs: str
    backend: Any
    pipeline: Any
    batch_size: int
    n_process: int
    cache: Path | None
    padding: str = "post"
    progress: bool = False


def checked_text_settings(params: Mapping[str, Any]) -> TextSettings:
    """Check the parameters of a generator that only texts have."""
    p = params
    inputs = check_choice("inputs", p["inputs"], ("ids", "texts"))
    if inputs == "texts" and p["padding"] == "pre":
        raise InvalidInputError(
            "`padding`: a model that is given texts pads at the end, as TextVectorization does; use padding='post'."
        )
    return TextSettings(
        tokenizer=p["tokenizer"],
        max_tokens=None if p["max_tokens"] is None else check_int("max_tokens", p["max_tokens"], low=3),
        length=None if p["length"] is None else check_int("length", p["length"], low=1),
        inputs=inputs,
        backend=p["backend"],
        pipeline=p["pipeline"],
        batch_size=check_int("batch_size", p["batch_size"], low=1),
        n_process=check_processes("n_process", p["n_process"]),
        cache=_folder(p["cache"]),
        padding=p["padding"],
        progress=p["progress"],
    )


def _folder(value: object) -> Path | None:
    if value is None:
        return None
    if value == "":
        raise InvalidInputError("`cache` is ''; pass the path of a folder, such as '.', or None for no cache.")
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidTypeError(f"`cache` must be the path of a folder; got {value!r} of type {type(value).__name__}.")
    folder = Path(value).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"`cache`: {folder} is a file; pass the path of a folder.")
    return folder


def lay_out_labels(given: Mapping[str, object], X: Documents) -> dict[str, object]:
    """Turn columns with a label for each token into columns with a label for each step of the model.

    A model's token takes the label of the given token that it follows by `auxtasks.extractors.text.spans.align`. Where
    all labels are of the IOB scheme, only the first piece of a token keeps its B-; the others go on with I-.
    """
    if X.given is None:
        return dict(given)
    return {name: _lay_out(name, values, X, X.given) for name, values in given.items()}


def _lay_out(name: str, values: object, X: Documents, given: Spans) -> object:
    lists = _lists(values)
    if lists is None or len(lists) != X.n:
        return values  # a wrong number is refused where all columns are
    counts = given.counts.tolist()
    lengths = [count if labels is None else len(labels) for labels, count in zip(lists, counts, strict=True)]
    wrong = next((row for row in range(X.n) if lengths[row] != counts[row]), None)
    if wrong is not None and len(set(lengths)) == 1 and _are_flags(lists):
        return values
    if wrong is not None:
        raise InvalidInputError(
            f"`given`: {name!r} has {lengths[wrong]} labels for the {counts[wrong]} tokens of `X[{wrong}]`; give one "
            "for each token, None where it is missing."
        )
    known = [[None] * count if labels is None else labels for labels, count in zip(lists, counts, strict=True)]
    return _on_steps(as_labels(name, [label for labels in known for label in labels], None), X, given)


def _lists(values: object) -> list[Sequence[object] | None] | None:
    """Return the lists of a column of lists, or None for anything else."""
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim == 2 or values.dtype == object else None
    if not isinstance(values, (list, tuple)):
        return None
    rows = [entry.tolist() if isinstance(entry, np.ndarray) else entry for entry in values]
    of_lists = all(entry is None or isinstance(entry, (list, tuple)) for entry in rows)
    return rows if of_lists and any(entry is not None for entry in rows) else None


def _are_flags(lists: Sequence[Sequence[object] | None]) -> bool:
    return all(label in (-1, 0, 1) for labels in lists for label in labels or ())


def _on_steps(labels: Labels, X: Documents, given: Spans) -> object:
    owner = align(X.spans, given)
    # One entry more, which a token that follows none finds as the last.
    missing = X.padded(np.append(labels.missing, True)[owner], True)
    if labels.family == "float":
        numbers = np.append(labels.values, np.nan)[owner]
        return X.padded(numbers, np.nan)[..., np.newaxis]
    filler = "" if labels.family == "string" else -1
    flat = np.append(labels.values, filler)[owner]
    if labels.family == "string" and _are_iob(labels):
        flat = _goes_on(flat, owner)
    return StepLabels(Labels(X.padded(flat, filler), missing, labels.family))


def _are_iob(labels: Labels) -> bool:
    present = set(labels.values[~labels.missing].tolist())
    return "O" in present and all(label == "O" or label.startswith(("B-", "I-")) for label in present)


def _goes_on(flat: Array, owner: Array) -> Array:
    """Return labels of which a second piece of a token does not begin anything."""
    later = (np.diff(owner, prepend=-2) == 0) & (owner >= 0)
    pairs = zip(flat.tolist(), later.tolist(), strict=True)
    return np.array([f"I{label[1:]}" if piece and label[:1] == "B" else label for label, piece in pairs], object)


def describe_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the parameters whose values JSON does not know."""
    pipeline, cache, tokenizer = params["pipeline"], params["cache"], params["tokenizer"]
    return {
        "tokenizer": _describe_tokenizer(tokenizer),
        "backend": _describe(params["backend"]),
        "pipeline": _describe(pipeline),
        "cache": None if cache is None else os.fspath(cache),
    }


def restore_params(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make the parameters that `describe_params` described."""
    return {name: _restore(name, value) for name, value in fields.items()}


def describe_fitted(fitted: FittedTexts) -> dict[str, Any]:
    """Describe what training texts decided, as JSON types; `restore_fitted` is the inverse."""
    return {"vocabulary": fitted.vocabulary.to_dict(), "length": fitted.length}


def restore_fitted(fields: Mapping[str, Any]) -> FittedTexts:
    """Make what `describe_fitted` described."""
    return FittedTexts(Vocabulary.from_dict(fields["vocabulary"]), int(fields["length"]))


def _describe_tokenizer(tokenizer: Any) -> Any:
    if tokenizer is None or isinstance(tokenizer, (str, Unsaved)):
        return _describe(tokenizer)
    fields = as_tokenizer(tokenizer).to_dict()
    return {"unsaved": f"an object of type {type(tokenizer).__name__}"} if fields is None else {"saved": fields}


def _describe(value: Any) -> Any:
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else os.fspath(value)
    return {"unsaved": value.what if isinstance(value, Unsaved) else f"an object of type {type(value).__name__}"}


def _restore(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return from_dict(value["saved"]) if "saved" in value else Unsaved(name, str(value["unsaved"]))


@dataclass(frozen=True)
class Unsaved:
    """Stands where a parameter was an object that is not written to disk, such as a function or a loaded pipeline.

    Parameters
    ----------
    parameter : str
        The parameter's name.
    what : str
        What it was.
    """

    parameter: str
    what: str

    def missed(self) -> InvalidInputError:
        """Return the error to raise where the object is needed."""
        return InvalidInputError(
            f"`{self.parameter}` was {self.what}, which is not saved with targets; give it again by "
            f"targets.generator.set_params({self.parameter}=...)."
        )
