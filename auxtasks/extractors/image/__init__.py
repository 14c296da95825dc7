"""Tasks computed from images; importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.image.edges import corners, edges
from auxtasks.extractors.image.histograms import colour_histogram, local_binary_patterns
from auxtasks.extractors.image.hog import hog
from auxtasks.extractors.image.pixels import rotation, thumbnail

# fmt: off
__all__ = [  # noqa: RUF022 (the order in which the tasks are listed)
    "hog", "edges", "local_binary_patterns", "colour_histogram", "corners", "thumbnail", "rotation",
]
# fmt: on
