"""Tasks computed from texts; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.grammar import dependency, head_distance, pos, pos_fine, pos_histogram, tree_depth
from auxtasks.extractors.text.phrases import chunk, entity_presence, ner
from auxtasks.extractors.text.words import next_word, previous_word, reconstruction, text_statistics, word_shape

# fmt: off
__all__ = [  # noqa: RUF022 (the order in which the tasks are listed)
    "pos", "pos_fine", "pos_histogram", "ner", "entity_presence", "chunk", "dependency", "tree_depth", "head_distance",
    "next_word", "previous_word", "reconstruction", "word_shape", "text_statistics", "Documents",
]
# fmt: on
