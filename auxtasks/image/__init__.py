"""Tasks computed from images; importing this package registers them."""

# The order of import is the order in which the tasks are listed.
# isort: off
from auxtasks.image.hog import hog
from auxtasks.image.edges import edges
from auxtasks.image.texture import local_binary_patterns
from auxtasks.image.colour import colour_histogram
from auxtasks.image.corners import corners
from auxtasks.image.thumbnail import thumbnail
from auxtasks.image.rotation import rotation
# isort: on

__all__ = ["colour_histogram", "corners", "edges", "hog", "local_binary_patterns", "rotation", "thumbnail"]
