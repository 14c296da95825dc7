"""Auxiliary targets for Keras models: labels that need no annotation.

`make_aux_targets` computes them, `auxtasks.keras.attach_heads` trains a model on them.
"""

from auxtasks._version import __version__
from auxtasks.aux_targets import AuxTargets
from auxtasks.fuse import fuse
from auxtasks.generator import AuxTargetGenerator, load_targets, make_aux_targets
from auxtasks.image_files import LabelledImages, read_images
from auxtasks.registry import Extractor, list_tasks, register_task
from auxtasks.specs import TargetSpec

__all__ = [
    "AuxTargetGenerator",
    "AuxTargets",
    "Extractor",
    "LabelledImages",
    "TargetSpec",
    "__version__",
    "fuse",
    "list_tasks",
    "load_targets",
    "make_aux_targets",
    "read_images",
    "register_task",
]
