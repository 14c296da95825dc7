"""Tasks computed from texts; importing this package registers them."""

# The order of import is the order in which the tasks are listed.
# isort: off
from auxtasks.text.documents import Documents
from auxtasks.text.parts_of_speech import pos, pos_fine, pos_histogram
from auxtasks.text.entities import entity_presence, ner
from auxtasks.text.phrases import chunk
from auxtasks.text.tree import dependency, head_distance, tree_depth
from auxtasks.text.words import next_word, previous_word, reconstruction
from auxtasks.text.shape import word_shape
from auxtasks.text.statistics import text_statistics
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
