"""Callbacks for training with heads; those of Keras work as well."""

from auxtasks.keras.callbacks.base_checkpoint import BaseCheckpoint
from auxtasks.keras.callbacks.prune_opposed import PruneOpposed

__all__ = ["BaseCheckpoint", "PruneOpposed"]
