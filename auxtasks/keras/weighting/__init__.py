"""How much each auxiliary task counts while a model trains: weights that follow plans, losses or gradients."""

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.keras.weighting.by_gradient import (
    Answer,
    Conflicts,
    CosineGate,
    GradientWeighting,
    GradNorm,
    Monitor,
    Projection,
)
from auxtasks.keras.weighting.by_loss import DynamicWeightAverage, Uncertainty
from auxtasks.keras.weighting.choose import Custom
from auxtasks.keras.weighting.plans import Decay, Delayed, Pretrain, WarmUp

__all__ = [
    "Answer",
    "Conflicts",
    "CosineGate",
    "Custom",
    "Decay",
    "Delayed",
    "DynamicWeightAverage",
    "Factors",
    "GradNorm",
    "GradientWeighting",
    "Monitor",
    "Pretrain",
    "Projection",
    "State",
    "Uncertainty",
    "WarmUp",
    "Weighting",
]
