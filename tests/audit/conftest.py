"""What the tests of the audit share."""

from __future__ import annotations

from typing import Any

import pytest

from auxtasks.audit.experiment import Arm, Data, Experiment, Run, parts_name
from auxtasks.audit.splits import Split


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[Data]:
    """Judge models as they were built; the list gets the samples that each run would train on."""
    seen: list[Data] = []

    def run(self: Any, arm: Arm, split: Split) -> Run:
        train, test = self.parts(split)
        seen.append(train)
        scores = self.settings.metrics.score(test.main, self.build_model()(test.inputs))
        learned, curves = dict.fromkeys(arm.tasks, 1.0), {name: [1.0] for name in ("main", *arm.tasks)}
        return Run(arm, split.seed, split.fold, scores, learned, 1.0, curves, parts_name(split))

    monkeypatch.setattr(Experiment, "run", run)
    return seen
