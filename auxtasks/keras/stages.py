"""The stages of a model, in the order of the forward pass, over which depth is counted."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from auxtasks.errors import InvalidInputError
from auxtasks.keras.trial import Output


def stages(outputs: Sequence[Output]) -> list[Output]:
    """Return the outputs that depth is counted over.

    Parameters
    ----------
    outputs : sequence of Output
        What a trial run saw.

    Returns
    -------
    list of Output
        The layers of the model and of models nested in it, in the order of the forward pass. Left out are layers
        inside composite layers, layers called more than once and outputs that a head cannot read.

    Raises
    ------
    InvalidInputError
        If nothing is left.
    """
    models = {output.path for output in outputs if isinstance(output.layer, keras.Model)}
    found = [
        output
        for output in outputs
        if output.usable and output.n_calls == 1 and output.path not in models and _parents(output.path) <= models
    ]
    if not found:
        raise InvalidInputError(
            "`at`: the model has no layer of its own whose output a head could read; name a layer inside it instead. "
            "Layers called inside a tf.function cannot be read; leave that decorator out."
        )
    return found


def stage_at(fraction: float, outputs: Sequence[Output], argument: str = "at") -> Output:
    """Return the stage at a fraction of the depth.

    Parameters
    ----------
    fraction : float
        From 0.0 (first stage) to 1.0 (last).
    outputs : sequence of Output
        What a trial run saw.
    argument : str, default "at"
        What the fraction was given as, for the error.

    Returns
    -------
    Output
        The nearest stage.

    Raises
    ------
    InvalidInputError
        If it is out of range.
    """
    if not 0.0 <= fraction <= 1.0:
        raise InvalidInputError(f"`{argument}`: a fraction of the depth lies from 0.0 to 1.0; got {fraction!r}.")
    known = stages(outputs)
    return known[round(fraction * (len(known) - 1))]


def trunk(outputs: Sequence[Output]) -> list[Output]:
    """Return the stages below the main head, which is the last layer with weights and what follows it.

    Parameters
    ----------
    outputs : sequence of Output
        What a trial run saw.

    Returns
    -------
    list of Output
        In the order of the forward pass.

    Raises
    ------
    InvalidInputError
        If the model is a single layer with weights, which leaves nothing to share.
    """
    known = stages(outputs)
    weighted = [index for index, output in enumerate(known) if output.layer.weights]
    below = known[: weighted[-1]] if weighted else known
    shared = [output for output in below if not output.is_model_output]
    # What lies before the last stage counts also where it is called more than once, as a shared encoder is.
    if not shared or not any(output.layer.weights for output in outputs[: outputs.index(shared[-1]) + 1]):
        raise InvalidInputError(
            "`at`: below its last layer the model has no layer with weights that auxiliary tasks could share. Give "
            "the layer by name, or put a hidden layer before the output."
        )
    return shared


def _parents(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}
