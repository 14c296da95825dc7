"""From texts to samples: how they are read, cut into the model's tokens, numbered, and tagged if a task asks for it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auxtasks.columns import entries_of
from auxtasks.errors import InvalidInputError, InvalidTypeError, abbreviated, wrong_type
from auxtasks.extractors.text.cache import cached
from auxtasks.extractors.text.documents import Documents, FittedTexts
from auxtasks.extractors.text.ids import ids_in, read_ids
from auxtasks.extractors.text.spans import Annotations, Spans, Tokens, words_of
from auxtasks.extractors.text.taggers.base import Corpus, Tagger
from auxtasks.extractors.text.taggers.nltk_tagger import NltkTagger
from auxtasks.extractors.text.taggers.spacy_tagger import SpacyTagger
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer, from_dict
from auxtasks.extractors.text.vocabularies import Vocabulary, as_vocabulary
from auxtasks.typing import Array
from auxtasks.validation import check_choice, check_int, check_path, check_processes

LONGEST = 1_000_000
"""So many steps a text can have."""


@dataclass(frozen=True)
class TextSettings:
    """How texts are read; `auxtasks.AuxTargetGenerator` describes each parameter."""

    tokenizer: Any
    vocabulary: Vocabulary | None
    max_tokens: int | None
    max_length: int | None
    model_inputs: str
    tagger: Any
    tagger_model: Any
    batch_size: int
    n_jobs: int
    cache: Path | None
    padding: str = "post"
    progress: bool = False


def checked_text_settings(params: Mapping[str, Any]) -> TextSettings:
    p = params
    model_inputs = check_choice("model_inputs", p["model_inputs"], ("ids", "texts"))
    if model_inputs == "texts" and p["padding"] == "pre":
        raise InvalidInputError(
            "`padding`: a model that is given texts pads at the end, as TextVectorization does; use padding='post'."
        )
    return TextSettings(
        tokenizer=p["tokenizer"],
        vocabulary=as_vocabulary(p.get("vocabulary")),
        max_tokens=None if p["max_tokens"] is None else check_int("max_tokens", p["max_tokens"], low=3),
        max_length=None if p["max_length"] is None else check_int("max_length", p["max_length"], low=1, high=LONGEST),
        model_inputs=model_inputs,
        tagger=p["tagger"],
        tagger_model=p["tagger_model"],
        batch_size=check_int("batch_size", p["batch_size"], low=1),
        n_jobs=check_processes("n_jobs", p["n_jobs"]),
        cache=_folder(p["cache"]),
        padding=p["padding"],
        progress=p["progress"],
    )


def _folder(value: object) -> Path | None:
    if value is None:
        return None
    folder = check_path("cache", value).expanduser()
    # `exists` raises where a name is too long.
    if os.path.exists(folder) and not folder.is_dir():  # noqa: PTH110
        raise InvalidInputError(f"`cache`: {folder} is a file; pass the path of a folder.")
    return folder


BACKENDS = ("spacy", "nltk")
OBJECTS = ("tokenizer", "tagger", "tagger_model")
"""The parameters whose values JSON may not know."""


def describe_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the parameters whose values JSON does not know; `restore_params` is the inverse."""
    vocabulary = as_vocabulary(params.get("vocabulary"))
    known = {} if vocabulary is None else {"vocabulary": list(vocabulary.words)}
    return {"cache": None, **known, **{name: _describe(name, params[name]) for name in OBJECTS}}


def restore_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Restore what was described; what a file says decides neither where is written nor what code is loaded."""
    restored: dict[str, Any] = {}
    for name in OBJECTS:
        if isinstance(value := params[name], Mapping):
            saved = value.get("saved")
            restored[name] = Unsaved(name, str(value["unsaved"])) if saved is None else from_dict(saved)
    if isinstance(params["tagger_model"], str):
        restored["tagger_model"] = Unsaved("tagger_model", repr(params["tagger_model"]))
    if isinstance(params["tokenizer"], str):
        as_tokenizer(params["tokenizer"])
    if isinstance(params["tagger"], str):
        check_choice("tagger", params["tagger"], BACKENDS)
    return {**params, "cache": None, **restored}


def _describe(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, str) and name != "tagger_model"):
        return value
    if isinstance(value, Unsaved):
        return {"unsaved": value.what}
    if name == "tokenizer" and (saved := as_tokenizer(value).to_dict()) is not None:
        return {"saved": saved}
    return {"unsaved": repr(value) if isinstance(value, str) else f"an object of type {type(value).__name__}"}


@dataclass(frozen=True)
class Unsaved:
    """Stands where a parameter was what is not taken from the disk, such as a function or a pipeline."""

    parameter: str
    what: str

    def missed(self) -> InvalidInputError:
        return InvalidInputError(
            f"`{self.parameter}` was {self.what}, which is not loaded with targets; set it again with "
            f"targets.generator.set_params({self.parameter}=...)."
        )


_MANY, _PADDED = 100_000_000, 0.1
"""So many steps, of which so few are tokens, are refused."""


def read_documents(X: object, settings: TextSettings, fitted: FittedTexts | None = None) -> Documents:
    """Read texts and cut them into the model's tokens, or take the ids of these as they are."""
    ids = ids_in(X)
    if ids is not None:
        vocabulary = _vocabulary_of_ids(settings, fitted)
        return read_ids(ids, vocabulary, settings.max_length, settings.padding, fitted)
    if fitted is not None and fitted.words == "none":
        raise InvalidInputError(
            "`X` holds texts, but the training texts were ids without a vocabulary; pass ids of the same numbering."
        )
    corpus = read_texts(X)
    tokens, vocabulary, length = tokenize(corpus, settings)
    if fitted is None:
        if not tokens.spans.counts.any():
            raise InvalidInputError("`X`: no text has a token, so there is nothing to learn from; check the texts.")
        fitted = FittedTexts(
            vocabulary or Vocabulary.fit(tokens.words, settings.max_tokens),
            length or _longest(tokens.spans.counts),
            "learned" if vocabulary is None else "known",
        )
    else:
        _check_same(vocabulary, fitted)
    return Documents(
        texts=corpus.texts,
        spans=tokens.spans,
        ids=fitted.vocabulary.ids(tokens.words) if tokens.ids is None else tokens.ids,
        fitted=fitted,
        padding=settings.padding,
        as_texts=settings.model_inputs == "texts",
        given=corpus.given,
    )


def _check_same(vocabulary: Vocabulary | None, fitted: FittedTexts) -> None:
    if vocabulary is not None and vocabulary != fitted.vocabulary:
        raise InvalidInputError(
            "`tokenizer` or `vocabulary` has a different vocabulary than when the generator was fitted, so words "
            "would get other ids; fit again, or restore the vocabulary."
        )


def _vocabulary_of_ids(settings: TextSettings, fitted: FittedTexts | None) -> Vocabulary | None:
    """Return the words that ids stand for: those given, or those of the tokenizer that gave the ids."""
    if settings.model_inputs == "texts":
        raise InvalidInputError(
            "`model_inputs` is 'texts', but `X` holds ids, which the model reads directly; omit `model_inputs`."
        )
    vocabulary = settings.vocabulary
    if settings.tokenizer is not None and not isinstance(settings.tokenizer, Unsaved):
        brought = as_tokenizer(settings.tokenizer).vocabulary
        if vocabulary is None and brought is None:
            raise InvalidInputError(
                "`tokenizer` has no vocabulary, and `X` holds ids, not texts. Omit `tokenizer`, and pass "
                "vocabulary=[...], the token of each id."
            )
        vocabulary = brought if vocabulary is None else vocabulary
    if fitted is not None:
        _check_same(vocabulary, fitted)
    return vocabulary


def tagged(X: Documents, settings: TextSettings, needs: Collection[str], *, training: bool) -> Documents:
    if not needs:
        return X
    tagger = make_tagger(settings)
    said = cached(tagger, Corpus(X.texts, X.given, training), frozenset(needs), settings.cache)
    if not isinstance(said, Annotations):
        raise InvalidTypeError(
            f"`tagger`: `annotate` must return Annotations; {type(tagger).__name__} returned {type(said).__name__}."
        )
    return replace(X, annotations=said)


def make_tagger(settings: TextSettings) -> Tagger:
    s, tagger = settings, settings.tagger
    for parameter in (tagger, s.tagger_model):
        if isinstance(parameter, Unsaved):
            raise parameter.missed()
    if hasattr(tagger, "annotate") and hasattr(tagger, "fingerprint"):
        found: Tagger = tagger
        return found
    if check_choice("tagger", tagger, BACKENDS) == "spacy":
        return SpacyTagger(s.tagger_model, batch_size=s.batch_size, n_jobs=s.n_jobs, progress=s.progress)
    return NltkTagger(s.tagger_model, progress=s.progress)


def _longest(counts: Array) -> int:
    """Return the largest count; refuse where a few long texts would make nearly everything padding."""
    longest = int(counts.max())
    cells = longest * len(counts)
    if cells > _MANY and counts.sum() < _PADDED * cells:
        most = int(np.quantile(counts, 0.99))
        raise InvalidInputError(
            f"`X[{int(counts.argmax())}]` has {longest} tokens, and 99 % of the texts have at most {most}: padded to "
            f"the longest, {1 - counts.sum() / cells:.0%} of {cells:,} steps would be padding. Pass max_length={most} "
            "to cut the longest texts, or a length of your own."
        )
    return longest


def tokenize(corpus: Corpus, settings: TextSettings) -> tuple[Tokens, Vocabulary | None, int | None]:
    """Cut texts into tokens; given tokens are the model's own unless a tokenizer is named."""
    if corpus.given is not None and settings.tokenizer is None:
        words = [word for of_text in words_of(corpus.texts, corpus.given) for word in of_text]
        return Tokens(corpus.given, words), settings.vocabulary, settings.max_length
    if isinstance(settings.tokenizer, Unsaved):
        raise settings.tokenizer.missed()
    tokenizer = as_tokenizer(settings.tokenizer)
    if getattr(tokenizer, "pads_left", False) and settings.padding != "pre":
        raise InvalidInputError(
            "`padding`: the tokenizer pads on the left; pass padding='pre', so that targets and inputs match its "
            "output."
        )
    lengths = {length for length in (settings.max_length, tokenizer.length) if length is not None}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"`max_length` is {settings.max_length}, and the tokenizer pads to {tokenizer.length}; leave `max_length` "
            "out."
        )
    if settings.vocabulary is not None and tokenizer.vocabulary is not None:
        raise InvalidInputError("`vocabulary`: the tokenizer has a vocabulary of its own; leave one of the two out.")
    return tokenizer.tokenize(corpus.texts), tokenizer.vocabulary or settings.vocabulary, next(iter(lengths), None)


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
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    sizes = np.fromiter((len(token) for tokens in lists for token in tokens), np.int64, int(counts.sum()))
    # Every token begins where those before it in its text end, and one space later for each of them.
    ends = np.concatenate([[0], np.cumsum(sizes + 1)])
    starts = ends[:-1] - np.repeat(ends[np.cumsum(counts) - counts], counts)
    spans = Spans(counts, starts.astype(np.int32), (starts + sizes).astype(np.int32))
    return Corpus(tuple(map(" ".join, lists)), spans)


def _entries(X: object) -> Sequence[object]:
    if isinstance(X, str):
        raise InvalidTypeError(
            f"`X` is a single string, {X[:40]!r}; pass a list of texts, [text] if there is only one."
        )
    X = entries_of(X)
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
            f"`X[{row}]` must be {expected}; got {abbreviated(text)} of type {type(text).__name__}. Leave such "
            "samples out, or use '' for a text that is missing."
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
            raise wrong_type(f"X[{row}][{place}]", "a token, a string", token)
        if not token.strip():
            raise InvalidInputError(f"`X[{row}][{place}]` is the blank token {token!r}; leave blank tokens out.")
        _check_text(token, row, "a string")
    return entry
