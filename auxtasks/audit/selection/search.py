"""Candidates compared on validation parts of the labelled samples."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from auxtasks.audit.arms import Arm
from auxtasks.audit.experiment import Experiment
from auxtasks.audit.fingerprint import fingerprint, named
from auxtasks.audit.paired import Comparison, compare
from auxtasks.audit.records import Records
from auxtasks.audit.running import run_all
from auxtasks.audit.selection.candidate import Candidate
from auxtasks.audit.splits import Split
from auxtasks.audit.verdicts import Rule


class Step(NamedTuple):
    """One candidate tried.

    Parameters
    ----------
    stage : {"tasks", "weight", "depth", "warm-up", "confirmation"}
        What was looked for.
    candidate : Candidate
        What was tried.
    gain : Comparison
        Over the best one before; in the confirmation over the single task.
    accepted : bool
        Whether it became the best one.
    """

    stage: str
    candidate: Candidate
    gain: Comparison
    accepted: bool


class Search:
    """Trains candidates, keeps their scores, and remembers the best.

    Parameters
    ----------
    experiment : Experiment
        What is trained.
    rule : Rule
        The judged metric.
    made_of : dict of str to str
        What the runs depend on; see `Records`.
    results : Path or None
        A folder of finished runs.
    n_jobs : int
        The number of processes.
    progress : bool
        Whether to show bars.
    """

    def __init__(
        self,
        experiment: Experiment,
        rule: Rule,
        made_of: dict[str, str],
        results: Path | None,
        n_jobs: int,
        *,
        progress: bool,
    ) -> None:
        self._experiment, self._rule = experiment, rule
        self._made_of, self._results = made_of, results
        self._n_jobs, self._progress = n_jobs, progress
        self._records: dict[str, Records] = {}
        self._asked: set[tuple[str, Arm, int, int]] = set()
        self.best = Candidate()
        self.steps: list[Step] = []
        self._started = time.perf_counter()

    @property
    def n_models(self) -> int:
        """How many models the search needed: those of its folder that it asked for included, others not."""
        return len(self._asked)

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return time.perf_counter() - self._started

    def try_all(self, stage: str, candidates: Iterable[Candidate], splits: Sequence[Split], overlap: float) -> bool:
        """Compare candidates with the best one so far, and take the best of them if it gains.

        Parameters
        ----------
        stage : str
            What is looked for.
        candidates : iterable of Candidate
            What to try.
        splits : sequence of Split
            The validation parts.
        overlap : float
            Of their training parts.

        Returns
        -------
        bool
            Whether there is a new best one.

        Notes
        -----
        The mean gain must exceed its standard error, in the manner of the one-standard-error rule (Breiman et al. 1984,
        Classification and Regression Trees). Taking the best of several is optimistic, which the confirmation on other
        seeds makes up for.
        """
        before = self._scores(self.best, splits)
        tried = [
            (candidate, compare(before, self._scores(candidate, splits), overlap=overlap)) for candidate in candidates
        ]
        if not tried:
            return False
        winner, gain = max(tried, key=lambda pair: pair[1].mean)
        accepted = gain.mean > gain.error + gain.rounding
        self.steps += [Step(stage, each, found, accepted and each == winner) for each, found in tried]
        if accepted:
            self.best = winner
        return accepted

    def confirm(self, splits: Sequence[Split], overlap: float) -> Comparison:
        """Compare the best candidate with the single task."""
        return compare(
            self._scores(Candidate(), splits),
            self._scores(self.best, splits),
            confidence=self._rule.confidence,
            overlap=overlap,
        )

    def _scores(self, candidate: Candidate, splits: Sequence[Split]) -> list[float]:
        settings = replace(self._experiment.settings, at=candidate.at, weighting=candidate.weighting)
        if not candidate.tasks:
            settings = self._experiment.settings
        experiment = replace(self._experiment, settings=settings)
        name = fingerprint(named([settings.at, settings.weighting]))
        records = self._records_of(name)
        runs = run_all(
            experiment, [candidate.arm], splits, records, self._rule.metric, self._n_jobs, progress=self._progress
        )
        self._asked |= {(name, run.arm, run.seed, run.fold) for run in runs}
        sign = 1.0 if self._rule.higher_is_better else -1.0
        return [sign * run.scores[self._rule.metric] for run in runs]

    def _records_of(self, name: str) -> Records:
        if name not in self._records:
            path = None if self._results is None else self._results / f"{name}.jsonl"
            self._records[name] = Records(path, self._made_of)
        return self._records[name]
