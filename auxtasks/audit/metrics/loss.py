"""What a compiled loss says of the outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Scale = Literal["probabilities", "logits", "margins"]
"""What the outputs of a classifier are; margins are those of hinge losses, of which the sign alone decides."""


class AboutLoss(NamedTuple):
    """The name of a loss in small letters only, empty where it is not known, and whether it takes logits."""

    name: str
    from_logits: bool

    @property
    def scale(self) -> Scale:
        """What the outputs are that the loss is made for."""
        if "hinge" in self.name:
            return "margins"
        return "logits" if self.from_logits else "probabilities"

    @property
    def of_one_class(self) -> bool:
        """Whether the loss takes the outputs of one sample for the probabilities of classes that exclude each other."""
        return "categorical" in self.name or self.name.startswith("kl") or "kullback" in self.name

    @property
    def of_each_unit(self) -> bool:
        """Whether the loss takes each output for a yes or no of its own."""
        return self.name.startswith(("binary", "bce")) or ("hinge" in self.name and not self.of_one_class)


def about_loss(loss: Any) -> AboutLoss:
    """Read what the compiled loss of a model says.

    Parameters
    ----------
    loss : str, keras.losses.Loss, callable or None
        As it was given to ``compile``; a list or a dict of a single loss too.

    Returns
    -------
    AboutLoss
        With an empty name where nothing is known.

    Examples
    --------
    >>> about_loss("sparse_categorical_crossentropy")
    AboutLoss(name='sparsecategoricalcrossentropy', from_logits=False)
    """
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        loss = loss[0] if len(loss) == 1 else None
    if isinstance(loss, str):
        return AboutLoss(_plain(loss), False)
    if callable(getattr(loss, "get_config", None)):
        # The class tells what a loss is also where its user has renamed it.
        return AboutLoss(_plain(type(loss).__name__), bool(loss.get_config().get("from_logits", False)))
    return AboutLoss(_plain(getattr(loss, "__name__", "")), False)


def _plain(name: str) -> str:
    """Bring ``BinaryCrossentropy`` and ``binary_crossentropy`` to one form."""
    return name.replace("_", "").lower()
