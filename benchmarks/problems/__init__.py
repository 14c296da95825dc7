"""The data sets that gains are measured on, each with an ordinary model of its domain."""

from problems.images import CMU_FACES, MNIST
from problems.problem import Arm, Problem, Split
from problems.signals import HMP, UCR_UEA
from problems.tables import EMOTIONS, ENB
from problems.texts import TREC

PROBLEMS = {
    "hmp": HMP,
    **UCR_UEA,
    "mnist": MNIST,
    "cmu_faces": CMU_FACES,
    "trec": TREC,
    "enb": ENB,
    "emotions": EMOTIONS,
}

__all__ = ["PROBLEMS", "Arm", "Problem", "Split"]
