"""Heads for auxiliary targets on an existing Keras model, and the model back.

`attach_heads` wraps a model, `AuxModel` trains it with plain ``fit``, `strip_heads` returns the very model that was
passed in. Keras may run on TensorFlow, JAX or PyTorch; what one of them cannot do is refused by name.
"""

from auxtasks.optional import require_keras

require_keras()

from auxtasks.keras.agreement import show_changes  # noqa: E402
from auxtasks.keras.alternating.batches import TaskBatches  # noqa: E402
from auxtasks.keras.attach import attach_heads, strip_heads  # noqa: E402
from auxtasks.keras.callbacks import BaseCheckpoint, PruneOpposed  # noqa: E402
from auxtasks.keras.finetune import Frozen, fine_tune, freeze, replace_head  # noqa: E402
from auxtasks.keras.losses import Rebalanced  # noqa: E402
from auxtasks.keras.model import AuxModel  # noqa: E402
from auxtasks.keras.multitask import OutputSpec, build_multitask_model  # noqa: E402
from auxtasks.keras.taps import Tap  # noqa: E402

__all__ = [
    "AuxModel",
    "BaseCheckpoint",
    "Frozen",
    "OutputSpec",
    "PruneOpposed",
    "Rebalanced",
    "Tap",
    "TaskBatches",
    "attach_heads",
    "build_multitask_model",
    "fine_tune",
    "freeze",
    "replace_head",
    "show_changes",
    "strip_heads",
]
