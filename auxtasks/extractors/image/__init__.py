"""Tasks computed from images; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.image.colour import colour_histogram
from auxtasks.extractors.image.edges import corners, edges
from auxtasks.extractors.image.hog import hog
from auxtasks.extractors.image.rotation import rotation
from auxtasks.extractors.image.texture import local_binary_patterns
from auxtasks.extractors.image.thumbnail import thumbnail

# fmt: off
__all__ = [  # noqa: RUF022 (the order in which the tasks are listed)
    "hog", "edges", "local_binary_patterns", "colour_histogram", "corners", "thumbnail", "rotation",
]
# fmt: on
