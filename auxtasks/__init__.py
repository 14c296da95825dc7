"""Auxiliary targets for Keras models: labels nobody had to write.

`make_aux_targets` computes them, `auxtasks.keras.attach_heads` trains a model on them.
"""

from auxtasks._version import __version__
from auxtasks.registry import Extractor, extractor, list_tasks
from auxtasks.specs import TargetSpec

__all__ = ["Extractor", "TargetSpec", "__version__", "extractor", "list_tasks"]
