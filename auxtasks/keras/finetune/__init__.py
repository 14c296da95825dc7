"""Training the head on a frozen trunk, then the trunk too, at a lower rate; and a new head for other classes."""

from auxtasks.keras.finetune.freezing import Frozen, freeze
from auxtasks.keras.finetune.head import replace_head
from auxtasks.keras.finetune.phases import fine_tune

__all__ = ["Frozen", "fine_tune", "freeze", "replace_head"]
