"""What a search tries, and its trainings: the better half of the candidates more often, with one progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Literal, NamedTuple

from auxtasks.audit.comparison import Comparison, compared
from auxtasks.audit.experiment import AGREEMENT, Arm, Experiment, Settings
from auxtasks.audit.records import Records, run_all
from auxtasks.audit.splits import Split
from auxtasks.audit.verdicts import Rule
from auxtasks.checksums import fingerprint, named
from auxtasks.errors import InvalidTypeError
from auxtasks.validation import is_several


@dataclass(frozen=True)
class Candidate:
    """Which tasks, with which weight, where, in how many steps the weight rises, and the name of an agreement.

    Without tasks and agreement it is the model as it is.
    """

    tasks: tuple[str, ...] = ()
    weight: float = 1.0
    at: Any = "auto"
    warm_up: int = 0
    agreement: str = ""

    @property
    def arm(self) -> Arm:
        """The tasks and their weight, as an audit has them; the baseline if there are none."""
        tasks = (*self.tasks, AGREEMENT) if self.agreement else self.tasks
        return Arm(tasks, self.weight if self.tasks else 1.0)

    @property
    def weighting(self) -> Any:
        return {"warm_up": {"steps": self.warm_up}} if self.warm_up else "fixed"

    def settings(self, settings: Settings, agreements: Mapping[str, Any]) -> Settings:
        if self.tasks:
            settings = replace(settings, at=self.at, weighting=self.weighting)
        return agreeing(settings, agreements[self.agreement]) if self.agreement else settings

    def without_heads(self, taught: Sequence[str]) -> Candidate:
        """Return what of it the main output learns: soft labels and agreement."""
        kept = tuple(task for task in self.tasks if task in taught)
        if kept == self.tasks:
            return self
        return Candidate(kept, self.weight if kept else 1.0, agreement=self.agreement)

    @property
    def label(self) -> str:
        if not self.tasks and not self.agreement:
            return "single task"
        parts = [*self.tasks, *([f"agreement ({self.agreement})"] if self.agreement else [])]
        weight = f", weight {self.weight:.3g}" if self.tasks else ""
        place = "" if self.at == "auto" else f", at {self.at}"
        rise = f", warm-up of {self.warm_up} steps" if self.warm_up else ""
        return f"{' + '.join(parts)}{weight}{place}{rise}"


def agreeing(settings: Settings, agreement: Any) -> Settings:
    from auxtasks.keras.agreement import options_of_agreement

    return replace(settings, agreement=options_of_agreement(agreement))


def named_agreements(agreement: Any) -> dict[str, Any]:
    if not is_several(agreement) or isinstance(agreement, Mapping):
        raise InvalidTypeError(
            "`agreement` must be a list of values for the argument `agreement` of attach_heads, such as ['shifts', "
            f"{{'weak': 'shifts', 'strong': 'shifts_and_turns'}}]; got {agreement!r}."
        )
    found: dict[str, Any] = {}
    for number, value in enumerate(agreement, start=1):
        name = _name(value)
        found[f"{name}, number {number}" if name in found else name] = value
    return found


def _name(change: Any) -> str:
    if isinstance(change, Mapping):
        return ", ".join(f"{key} {_name(part)}" for key, part in change.items())
    if isinstance(change, (list, tuple)):
        return " + ".join(map(_name, change))
    if isinstance(change, (str, int, float)) or change is None:
        return str(change)
    return str(getattr(change, "__name__", type(change).__name__))


class Plan:
    """How many trainings each stage takes at most, and how many splits each round of a stage judges on."""

    def __init__(self, splits: Sequence[Split], fresh: Sequence[Split]) -> None:
        seeds = list(dict.fromkeys(split.seed for split in splits))
        early = {*seeds[: ceil(len(seeds) / 2)]}
        first = [split for split in splits if split.seed in early]
        # One pair has no spread.
        self.rounds = [first, list(splits)] if 1 < len(first) < len(splits) else [list(splits)]
        self.fresh = list(fresh)
        self.left: dict[str, int] = {"single task": len(splits)}

    def expect(self, stage: Stage, *numbers: int) -> None:
        """Reckon with so many candidates, one number for each time that a stage is entered."""
        self.left[stage] = sum(map(self._cost, numbers))

    def _cost(self, n_candidates: int) -> int:
        first, *more = map(len, self.rounds)
        return n_candidates * first + sum(better_half(n_candidates) * (n - first) for n in more)

    @property
    def total(self) -> int:
        return sum(self.left.values())


def better_half(n_candidates: int) -> int:
    return ceil(n_candidates / 2)


class Space(NamedTuple):
    """What a search tries.

    It begins with `taught`, the soft labels, and adds at most `max_tasks` of the `names`, and one of the `agreements`.
    Then the `weight` is multiplied by the `factors`, heads are at the `places`, and the weight rises in `rise` steps.
    """

    taught: tuple[str, ...]
    names: tuple[str, ...]
    agreements: Mapping[str, Any]
    max_tasks: int
    weight: float
    factors: Sequence[float]
    places: Sequence[float | str]
    rise: int

    def plan(self, splits: Sequence[Split], fresh: Sequence[Split]) -> Plan:
        """Reckon the trainings of a search, and of its confirmation on fresh splits."""
        plan = Plan(splits, fresh)
        n_rounds, n_first = self.max_tasks + bool(self.agreements), len(self.names) + len(self.agreements)
        plan.left["soft labels"] = len(splits) if self.taught else 0
        plan.expect("tasks", *(n_first - number for number in range(min(n_rounds, n_first))))
        plan.expect("weight", len(self.factors))
        plan.expect("depth", len(self.places))
        plan.expect("warm-up", int(self.rise > 0))
        plan.left["confirmation"] = (2 + bool(self.taught) + bool(self.agreements)) * len(fresh)
        return plan

    def additions(self, search: Search) -> list[Candidate]:
        """Return the best candidate with one task or agreement more; what lost by itself is not tried beside others."""
        begun, best = search.begun, search.best
        lost = {step.candidate for step in search.steps if step.gain.mean <= 0}

        def with_task(candidate: Candidate, name: str) -> Candidate:
            return replace(candidate, tasks=(*candidate.tasks, name), weight=self.weight)

        found = []
        if len(best.tasks) - len(begun.tasks) < self.max_tasks:
            left = [name for name in self.names if name not in best.tasks and with_task(begun, name) not in lost]
            found = [with_task(best, name) for name in left]
        if best.agreement:
            return found
        gaining = [name for name in self.agreements if replace(begun, agreement=name) not in lost]
        return found + [replace(best, agreement=name) for name in gaining]


Stage = Literal["soft labels", "tasks", "weight", "depth", "warm-up", "confirmation"]
SURE, LIKELY = 0.025, 0.16
"""Levels of the one-sided tests of a confirmation: 16 % is that of a gain of one standard error."""
NOT_WORSE = 1.0 - LIKELY
"""The level that soft labels pass unless they lose one standard error, or change nothing."""


class Step(NamedTuple):
    """One candidate tried, its gain over the best one before or, in the confirmation, over what was confirmed."""

    stage: Stage
    candidate: Candidate
    gain: Comparison
    accepted: bool


class Search:
    """Trains candidates, keeps their scores, and remembers the best; `results` is a folder of finished runs."""

    def __init__(
        self,
        experiment: Experiment,
        rule: Rule,
        plan: Plan,
        results: Path | None,
        n_jobs: int,
        bar: Any,
        agreements: Mapping[str, Any],
    ) -> None:
        self._experiment, self._rule, self._plan, self._agreements = experiment, rule, plan, agreements
        self._results, self._made_of = results, {} if results is None else experiment.made_of()
        self._n_jobs, self._bar = n_jobs, bar
        self._records: dict[str, Records] = {}
        self._asked: set[tuple[str, Arm, int, int]] = set()
        self.begun = self.best = Candidate()
        self.steps: list[Step] = []

    @property
    def n_models(self) -> int:
        """How many models the search needed: those of its folder that it asked for included, others not."""
        return len(self._asked)

    def finished(self, *stages: str) -> None:
        """Take stages off the plan, so that the bar tells what is left."""
        for stage in stages:
            self._plan.left.pop(stage, None)
        self._bar.total = self._bar.n + self._plan.total
        self._bar.refresh()

    def explore(self, space: Space) -> None:
        """Go through the stages, each from what is best so far."""
        if space.taught:
            self.begin_with(Candidate(space.taught, space.weight))
            self.finished("single task", "soft labels")
        while self.try_all("tasks", space.additions(self)):
            self.finished("single task")
        self.finished("single task", "tasks")
        # Soft labels and agreement have no head, and their weights are what `fit` and the user decide.
        if self.best.without_heads(space.taught) != self.best:
            self.try_all("weight", [replace(self.best, weight=space.weight * factor) for factor in space.factors])
            self.finished("weight")
            self.try_all("depth", [replace(self.best, at=place) for place in space.places])
            self.finished("depth")
            self.try_all("warm-up", [replace(self.best, warm_up=space.rise)] if space.rise else [])
        self.finished("weight", "depth", "warm-up")

    def begin_with(self, candidate: Candidate) -> None:
        """Begin with soft labels, unless they lose one standard error."""
        (gain,) = self.gains([candidate], self.best, self._plan.rounds[-1])
        accepted = gain.p_above(0.0) <= NOT_WORSE
        self.steps.append(Step("soft labels", candidate, gain, accepted))
        if accepted:
            self.begun = self.best = candidate

    def try_all(self, stage: Stage, candidates: Sequence[Candidate]) -> bool:
        """Compare candidates with the best one so far, and take the best of them if it gains.

        All are judged on the splits of half the seeds, and the better half of them on the others too: one round of
        successive halving (Karnin et al. 2013, ICML; Jamieson and Talwalkar 2016, AISTATS). The mean gain must exceed
        its standard error, in the manner of the one-standard-error rule (Breiman et al. 1984, Classification and
        Regression Trees). Taking the best of several is optimistic, which the confirmation on other seeds makes up for.
        """
        if not candidates:
            return False
        left, gains = list(candidates), dict[Candidate, Comparison]()
        for number, splits in enumerate(self._plan.rounds):
            if number:
                left.sort(key=lambda each: -gains[each].mean)
                left = left[: better_half(len(left))]
            gains |= dict(zip(left, self.gains(left, self.best, splits), strict=True))
        winner = max(left, key=lambda each: gains[each].mean)
        accepted = gains[winner].mean > gains[winner].error + gains[winner].rounding
        self.steps += [Step(stage, each, gains[each], accepted and each == winner) for each in candidates]
        if accepted:
            self.best = winner
        return accepted

    def confirm(self, margin: float, taught: Sequence[str]) -> tuple[Candidate, Comparison | None]:
        """Return what passes on seeds that the search did not see, and how it or else the best compares.

        First soft labels must not lose one standard error, over the margin. Then agreement must gain more than the
        margin by one standard error, and then heads by a test at 2.5 %: see `select_tasks`.
        """
        plain = kept = Candidate()
        if self.best == plain:
            return plain, None
        without_heads = self.best.without_heads(taught)
        levels = {self.best: SURE} | {without_heads: LIKELY} | {replace(without_heads, agreement=""): NOT_WORSE}
        for candidate in sorted(levels, key=lambda each: -levels[each]):
            if candidate != plain:
                (gain,) = self.gains([candidate], kept, self._plan.fresh)
                accepted = gain.p_above(margin) <= levels[candidate]
                self.steps.append(Step("confirmation", candidate, gain, accepted))
                kept = candidate if accepted else kept
        (found,) = self.gains([self.best if kept == plain else kept], plain, self._plan.fresh)
        return kept, found

    def gains(self, candidates: Sequence[Candidate], over: Candidate, splits: Sequence[Split]) -> list[Comparison]:
        """Compare candidates with another one on some splits."""
        before = self._scores(over, splits)
        baseline = self._rule.sign * sum(before) / len(before)
        how = {"overlap": self._rule.overlap, "smallest_effect": self._rule.smallest(baseline)}
        return [compared(before, self._scores(candidate, splits), **how) for candidate in candidates]

    def _scores(self, candidate: Candidate, splits: Sequence[Split]) -> list[float]:
        settings, judged = candidate.settings(self._experiment.settings, self._agreements), self._rule.metric
        with_agreement = [settings.agreement] if candidate.agreement else []
        name = fingerprint(named([settings.at, settings.weighting, *with_agreement]))
        if name not in self._records:
            path = None if self._results is None else self._results / f"{name}.jsonl"
            self._records[name] = Records(path, self._made_of)
        experiment, records = replace(self._experiment, settings=settings), self._records[name]
        self._bar.set_postfix_str(candidate.label, refresh=False)
        runs = run_all(experiment, [candidate.arm], splits, records, judged, self._n_jobs, self._bar)
        self._asked |= {(name, run.arm, run.seed, run.fold) for run in runs}
        return [self._rule.sign * run.scores[judged] for run in runs]
