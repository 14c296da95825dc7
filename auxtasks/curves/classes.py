"""What curves are drawn from: for each class which samples are of it, and how sure the model is that they are."""

from __future__ import annotations

from dataclasses import dataclass

from auxtasks.audit.metrics.problem import Problem
from auxtasks.typing import Array, Floats


@dataclass(frozen=True)
class ClassDecisions:
    """One class, or one label, against the rest.

    Parameters
    ----------
    name : str
        The class.
    members : ndarray of bool, shape (n,)
        Which samples are of it, those without a label left out.
    scores : ndarray of float, shape (n,)
        What the model says of them.
    predicted : ndarray of bool, shape (n,)
        What it decides.
    """

    name: str
    members: Array
    scores: Floats
    predicted: Array

    @property
    def has_curve(self) -> bool:
        """Whether there are samples of the class and others."""
        return bool(self.members.any() and not self.members.all())


@dataclass(frozen=True)
class Decisions:
    """One task.

    Parameters
    ----------
    problem : {"binary", "multiclass", "multilabel"}
        What is decided.
    classes : tuple of ClassDecisions
        Each class against the rest; class 1 alone of a binary problem.
    names : tuple of str
        All classes, both of a binary problem.
    truth, predicted : ndarray of int, shape (n,)
        Class numbers; empty for several labels, which have no common decision.
    """

    problem: Problem
    classes: tuple[ClassDecisions, ...]
    names: tuple[str, ...]
    truth: Array
    predicted: Array

    @property
    def drawn(self) -> list[ClassDecisions]:
        """The classes that have a curve."""
        return [each for each in self.classes if each.has_curve]
