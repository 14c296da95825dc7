"""What texts must tell before targets can be computed: words, lengths and the names that a tagger uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.cluster.piece import Piece
from auxtasks.text.annotations import NAMED, Annotations
from auxtasks.text.build import tagged, tokenize
from auxtasks.text.documents import Documents, FittedTexts
from auxtasks.text.read import read_texts
from auxtasks.text.settings import checked_text_settings
from auxtasks.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


@dataclass(frozen=True)
class Words:
    """What texts tell of their words.

    Parameters
    ----------
    words, within : Counter of str
        How often each word occurs, and how often among the tokens that the model reads.
    numbers : Counter of int
        The same as `within` by number, where the tokenizer numbers words itself.
    lengths : Counter of int
        How many texts have so many tokens.
    names : mapping of str to set of str
        The names that the tagger uses, by column.
    brings : tuple of Vocabulary or None, and int or None
        The tokenizer's own vocabulary and length.
    """

    words: Counter[str]
    within: Counter[str]
    numbers: Counter[int]
    lengths: Counter[int]
    names: Mapping[str, frozenset[str]]
    brings: tuple[Vocabulary | None, int | None] | None

    def merged(self, other: Words) -> Words:
        """Return what both tell together."""
        columns = self.names.keys() | other.names.keys()
        none: frozenset[str] = frozenset()
        return Words(
            self.words + other.words,
            self.within + other.within,
            self.numbers + other.numbers,
            self.lengths + other.lengths,
            {name: self.names.get(name, none) | other.names.get(name, none) for name in columns},
            self.brings or other.brings,
        )


def see_words(block: Any, piece: Piece, generator: AuxTargetGenerator, needs: frozenset[str]) -> Words:
    """Cut the texts of a partition into tokens and count these; tag them where a tagger's names are classes.

    Parameters
    ----------
    block : sequence of str or of lists of tokens
        The texts.
    piece : Piece
        Which partition it is.
    generator : AuxTargetGenerator
        Whose parameters say how to read them.
    needs : frozenset of str
        The columns of a tagger in which tasks find their classes.

    Returns
    -------
    Words
        As large as the vocabulary of the partition, not as its texts.

    Raises
    ------
    AuxTasksError
        If a text, the tokenizer or the tagger cannot be used; the partition is named.

    Examples
    --------
    >>> import auxtasks
    >>> piece = Piece(0, "partition 0 of `X`", {})
    >>> see_words(["so it goes", "so"], piece, auxtasks.AuxTargetGenerator("text"), frozenset()).lengths
    Counter({3: 1, 1: 1})
    """
    if not len(block):
        return Words(Counter(), Counter(), Counter(), Counter(), {}, None)
    settings = checked_text_settings(piece.own(generator).get_params())
    with piece.named():
        corpus = read_texts(block)
        tokens, vocabulary, length = tokenize(corpus, settings)
        read = tokens.spans.step < (tokens.spans.counts.max() if length is None else length)
        names: dict[str, frozenset[str]] = {}
        if needs:
            ids = np.zeros(len(tokens.spans.starts), np.int32)
            texts = Documents(
                corpus.texts, tokens.spans, ids, FittedTexts(Vocabulary(()), length or 1), given=corpus.given
            )
            said = tagged(texts, settings, needs, training=False).said
            names = {name: _names(said, name) for name in needs}
    lengths = Counter(tokens.spans.counts.tolist())
    if tokens.ids is not None:
        numbers = Counter(tokens.ids[read].tolist())
        return Words(Counter(), Counter(), numbers, lengths, names, (vocabulary, length))
    within = [word for word, in_it in zip(tokens.words, read.tolist(), strict=True) if in_it]
    return Words(Counter(tokens.words), Counter(within), Counter(), lengths, names, (vocabulary, length))


def _names(said: Annotations, column: str) -> frozenset[str]:
    """Return what occurs in a column; of runs, whether there is any."""
    if column in NAMED:
        return frozenset(said.found(column))
    return frozenset({"any"} if (said.columns[column] >= 0).any() else ())
