"""A tagger of a few rules, whose answers can be told by looking."""

from __future__ import annotations

import re

import numpy as np

from auxtasks.extractors.text.spans import Annotations, Spans
from auxtasks.extractors.text.taggers.base import Corpus

POS = {"the": "DET", "a": "DET", "old": "ADJ", "dog": "NOUN", "city": "NOUN", "saw": "VERB", "is": "AUX", ".": "PUNCT"}
ENTITIES = {"Ada": "PER", "Lovelace": "PER", "London": "LOC", "Paris": "LOC"}
NAMES = {
    "pos": ("DET", "ADJ", "NOUN", "VERB", "AUX", "PUNCT", "PROPN"),
    "tag": ("word", "mark"),
    "dependency": ("root", "other"),
    "entity": ("LOC", "PER"),
}


class ToyTagger:
    """Words and marks apart; names are PROPN; the last token of a text is the root of all others."""

    def __init__(self):
        self.asked = []

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        self.asked.append(needs)
        spans = corpus.given or Spans.of(
            [(m.start(), m.end()) for m in re.finditer(r"\w+|[^\w\s]", text)] for text in corpus.texts
        )
        words = [corpus.texts[r][s:e] for r, s, e in zip(spans.row, spans.starts, spans.ends, strict=True)]
        pos = ["PROPN" if word in ENTITIES else POS.get(word.lower(), "") for word in words]
        entity = [ENTITIES.get(word, "") for word in words]
        last = spans.first[1:][spans.row] - 1
        head = (last - np.arange(len(words))).astype(np.int32)
        columns = {
            "pos": self._codes("pos", pos),
            "tag": self._codes("tag", ["word" if word.isalnum() else "mark" for word in words]),
            "dependency": self._codes("dependency", ["root" if not distance else "other" for distance in head]),
            "head": head,
            "depth": (head > 0).astype(np.int32),
            "entity": self._codes("entity", entity),
            "entity_run": self._runs(spans, entity),
            "entity_any_run": self._runs(spans, ["any" if kind else "" for kind in entity]),
            "chunk_run": self._runs(spans, ["NP" if tag in ("DET", "ADJ", "NOUN") else "" for tag in pos]),
        }
        return Annotations(spans, {name: columns[name] for name in needs}, NAMES)

    def fingerprint(self, needs: frozenset[str]) -> str:
        return f"toy {sorted(needs)}"

    @staticmethod
    def _codes(column, values):
        return np.array([NAMES[column].index(value) if value else -1 for value in values], np.int32)

    @staticmethod
    def _runs(spans, kinds):
        runs, count = [], 0
        for at, (row, kind) in enumerate(zip(spans.row, kinds, strict=True)):
            before = kinds[at - 1] if at and spans.row[at - 1] == row else ""
            count += bool(kind) and kind != before
            runs.append(count if kind else -1)
        return np.array(runs, np.int32)
