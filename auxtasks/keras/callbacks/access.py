"""What the callbacks ask of the model they watch."""

from __future__ import annotations

from auxtasks.errors import InvalidTypeError
from auxtasks.keras.model import AuxModel


def model_with_heads(callback: str, model: object) -> AuxModel:
    """Return the model, if it has heads.

    Parameters
    ----------
    callback : str
        The callback's name, for the error.
    model : keras.Model
        What is trained.

    Returns
    -------
    AuxModel
        The same model.

    Raises
    ------
    InvalidTypeError
        If it has no heads.
    """
    if not isinstance(model, AuxModel):
        raise InvalidTypeError(
            f"`callbacks`: {callback} works on an AuxModel, as attach_heads returns it; the model in training is "
            f"of type {type(model).__name__}. Attach heads first, or leave the callback out."
        )
    return model
