"""How much each auxiliary task counts while a model trains: weights that follow plans, losses or gradients."""

from auxtasks.keras.weighting.base import Factors, State, Weighting
from auxtasks.keras.weighting.conflicts import Answer, Conflicts, GradientWeighting, Watch
from auxtasks.keras.weighting.custom import Custom
from auxtasks.keras.weighting.dwa import DynamicWeightAverage
from auxtasks.keras.weighting.gate import CosineGate
from auxtasks.keras.weighting.gradnorm import GradNorm
from auxtasks.keras.weighting.projection import Projection
from auxtasks.keras.weighting.schedules import AuxiliaryFirst, Decay, Delayed, WarmUp
from auxtasks.keras.weighting.uncertainty import Uncertainty

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
