"""How much each auxiliary task counts while a model trains: weights that follow plans, losses or gradients."""

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.keras.weighting.by_gradient import (
    Answer,
    Conflicts,
    CosineGate,
    GradientWeighting,
    GradNorm,
    Projection,
    Watch,
)
from auxtasks.keras.weighting.by_loss import DynamicWeightAverage, Uncertainty
from auxtasks.keras.weighting.choose import Custom
from auxtasks.keras.weighting.plans import AuxiliaryFirst, Decay, Delayed, WarmUp

__all__ = [
    "Answer",
    "AuxiliaryFirst",
    "Conflicts",
    "CosineGate",
    "Custom",
    "Decay",
    "Delayed",
    "DynamicWeightAverage",
    "Factors",
    "GradNorm",
    "GradientWeighting",
    "Projection",
    "State",
    "Uncertainty",
    "WarmUp",
    "Watch",
    "Weighting",
]
