"""Tasks computed from images; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.image.colour import colour_histogram
from auxtasks.extractors.image.edges import corners, edges
from auxtasks.extractors.image.hog import hog
from auxtasks.extractors.image.rotation import rotation
from auxtasks.extractors.image.texture import local_binary_patterns
from auxtasks.extractors.image.thumbnail import thumbnail

# The order of import is the order in which the tasks are listed.
# isort: off
# isort: on

__all__ = ["colour_histogram", "corners", "edges", "hog", "local_binary_patterns", "rotation", "thumbnail"]
