"""Tasks computed from texts; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.form import text_statistics, word_shape
from auxtasks.extractors.text.parts_of_speech import pos, pos_fine, pos_histogram
from auxtasks.extractors.text.phrases import chunk, entity_presence, ner
from auxtasks.extractors.text.tree import dependency, head_distance, tree_depth
from auxtasks.extractors.text.words import next_word, previous_word, reconstruction

# fmt: off
__all__ = [  # noqa: RUF022 (the order in which the tasks are listed)
    "pos", "pos_fine", "pos_histogram", "ner", "entity_presence", "chunk", "dependency", "tree_depth", "head_distance",
    "next_word", "previous_word", "reconstruction", "word_shape", "text_statistics", "Documents",
]
# fmt: on
