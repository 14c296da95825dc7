"""An audit that hides labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small import FAST, TARGETS, X, Y, build_model

from auxtasks.audit import audit, experiment
from auxtasks.audit.experiment import Run
from auxtasks.splits import SemiSupervisedSplit


def test_an_audit_trains_on_hidden_samples_without_their_label(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def untrained(build: Any, specs: Any, train: Any, test: Any, settings: Any, arm: Any, seed: int, fold: int) -> Run:
        seen.append(train)
        return Run(arm, seed, fold, dict.fromkeys(settings.metrics.names, 0.5), dict.fromkeys(arm.tasks, 1.0), 1.0, {})

    monkeypatch.setattr(experiment, "train_run", untrained)
    report = audit(build_model, X, Y, TARGETS, cv=SemiSupervisedSplit(35), controls=False, together=False, **FAST)
    assert {(len(train.inputs), int((train.main >= 0).sum())) for train in seen} == {(45, 10)}
    assert (report.settings["n_train"], report.settings["n_labelled"], report.settings["n_test"]) == (45, 10, 15)
    shown = [tuple(np.flatnonzero(train.main >= 0)) for train in seen]
    assert shown[0] == shown[1] != shown[-1]
