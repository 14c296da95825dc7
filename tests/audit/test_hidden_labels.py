"""An audit that hides labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from small import FAST, TARGETS, X, Y, build_model

from auxtasks.audit import audit
from auxtasks.splits import SemiSupervisedSplit


def test_an_audit_trains_on_hidden_samples_without_their_label(untrained: list[Any]) -> None:
    report = audit(build_model, X, Y, TARGETS, cv=SemiSupervisedSplit(35), controls=False, together=False, **FAST)
    assert {(len(train.inputs), int((train.main >= 0).sum())) for train in untrained} == {(45, 10)}
    assert (report.settings["n_train"], report.settings["n_labelled"], report.settings["n_test"]) == (45, 10, 15)
    shown = [tuple(np.flatnonzero(train.main >= 0)) for train in untrained]
    assert shown[0] == shown[1] != shown[-1]
