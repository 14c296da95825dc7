"""The data sets that gains are measured on, each with an ordinary model of its domain."""

from problems.images import CMU_FACES, MNIST, TUNING_IMAGES
from problems.problem import Problem, Split
from problems.signals import HMP, TUNING_SERIES, UCR_UEA
from problems.tables import EMOTIONS, ENB, TUNING_TABLES
from problems.texts import TREC, TUNING_TEXTS

PROBLEMS = {
    "hmp": HMP,
    **UCR_UEA,
    "mnist": MNIST,
    "cmu_faces": CMU_FACES,
    "trec": TREC,
    "enb": ENB,
    "emotions": EMOTIONS,
}

TUNING: dict[str, Problem] = {**TUNING_IMAGES, **TUNING_SERIES, **TUNING_TEXTS, **TUNING_TABLES}
"""More data sets to choose defaults on, so that none is fitted to those above."""

__all__ = ["PROBLEMS", "TUNING", "Problem", "Split"]
