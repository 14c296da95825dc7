"""Several tasks on one encoder."""

from auxtasks.keras.multitask.build import build_multitask_model
from auxtasks.keras.multitask.outputs import OutputSpec

__all__ = ["OutputSpec", "build_multitask_model"]
