"""Tasks computed from texts; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.text.documents import Documents
from auxtasks.extractors.text.form import text_statistics, word_shape
from auxtasks.extractors.text.parts_of_speech import pos, pos_fine, pos_histogram
from auxtasks.extractors.text.phrases import chunk, entity_presence, ner
from auxtasks.extractors.text.tree import dependency, head_distance, tree_depth
from auxtasks.extractors.text.words import next_word, previous_word, reconstruction

# The order of import is the order in which the tasks are listed.
# isort: off
# isort: on

__all__ = [
    "Documents",
    "chunk",
    "dependency",
    "entity_presence",
    "head_distance",
    "ner",
    "next_word",
    "pos",
    "pos_fine",
    "pos_histogram",
    "previous_word",
    "reconstruction",
    "text_statistics",
    "tree_depth",
    "word_shape",
]
