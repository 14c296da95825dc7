"""What a tagger says of its own tokens: one flat column for each thing it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auxtasks.text.spans import Spans
from auxtasks.typing import Array

COLUMNS: Mapping[str, str] = {
    "pos": "the universal part of speech",
    "tag": "the tagger's own part of speech",
    "dependency": "the relation to the head",
    "head": "the place of the head less the token's own, in the tagger's tokens; 0 for a root or none",
    "depth": "how many steps lead up to the root; -1 for a token that is in no tree",
    "entity": "the type of the entity the token is in, -1 outside",
    "entity_run": "which entity of the text, counted from 0; -1 outside",
    "entity_any_run": "the same where types do not matter, for which a tagger may have a model of its own",
    "chunk_run": "which base noun phrase of the text, counted from 0; -1 outside",
}
"""The columns a backend can be asked for. Those with names hold codes into these; -1 stands for nothing to say."""

NAMED: frozenset[str] = frozenset({"pos", "tag", "dependency", "entity"})


@dataclass(frozen=True)
class Annotations:
    """What a tagger says of n texts.

    Parameters
    ----------
    spans : Spans
        Where the tagger's tokens lie; sorted and without overlap within a text.
    columns : mapping of str to ndarray of int32
        One value a token, by the names of `COLUMNS`.
    names : mapping of str to tuple of str
        For the columns in `NAMED`, what the codes stand for.

    Examples
    --------
    >>> said = Annotations(Spans.of([[(0, 2)], [(0, 1)]]), {"tag": np.array([1, 0], np.int32)}, {"tag": ("IN", "NN")})
    >>> said.codes("tag", ["NN"]).tolist()
    [0, -1]
    """

    spans: Spans
    columns: Mapping[str, Array]
    names: Mapping[str, tuple[str, ...]]

    def codes(self, column: str, classes: Sequence[str]) -> Array:
        """Return a named column as numbers of the given classes; -1 for what is none of them."""
        number = {name: at for at, name in enumerate(classes)}
        # One entry more, which a code of -1 finds as the last.
        table = np.array([number.get(name, -1) for name in self.names[column]] + [-1], np.int32)
        return table[self.columns[column]]

    def found(self, column: str) -> tuple[str, ...]:
        """Return the names that occur in a column, sorted."""
        codes = self.columns[column]
        return tuple(sorted(self.names[column][code] for code in np.unique(codes[codes >= 0])))

    def take(self, rows: slice) -> Annotations:
        """Return what is said of some consecutive texts, as views."""
        flat = self.spans.flat(rows)
        columns = {name: column[flat] for name, column in self.columns.items()}
        return Annotations(self.spans.take(rows), columns, self.names)
