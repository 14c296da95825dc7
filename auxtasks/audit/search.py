"""The trainings of a search, the better half of the candidates more often, with one progress bar for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Literal, NamedTuple

from auxtasks.audit.candidates import Candidate
from auxtasks.audit.comparison import Comparison, compared
from auxtasks.audit.experiment import Arm, Experiment
from auxtasks.audit.records import Records
from auxtasks.audit.running import run_all
from auxtasks.audit.splits import Split
from auxtasks.audit.verdicts import Rule
from auxtasks.checksums import fingerprint, named

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
        """How many trainings are left at most."""
        return sum(self.left.values())


def better_half(n_candidates: int) -> int:
    """Return how many candidates are judged on all splits."""
    return ceil(n_candidates / 2)


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
        sign = 1.0 if self._rule.higher_is_better else -1.0
        baseline = sign * sum(before) / len(before)
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
        sign = 1.0 if self._rule.higher_is_better else -1.0
        return [sign * run.scores[judged] for run in runs]
