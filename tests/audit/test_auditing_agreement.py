"""An audit of agreement shows beside it the network that learns changed copies of the labelled samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from small import FAST, TARGETS, X, Y, build_model

import auxtasks
from auxtasks.audit import audit
from auxtasks.audit.audit import experiment_of
from auxtasks.audit.experiment import BASELINE, Arm, arms_of
from auxtasks.audit.reuse import Models
from auxtasks.errors import InvalidInputError, InvalidTypeError

FEW = np.where(np.arange(60) % 3, -1, Y)
ALONE, BOTH = Arm(("agreement",)), Arm(("std", "abs_sum_changes", "agreement"))


def experiment(targets: Any = TARGETS, **settings: Any) -> Any:
    settings = {"epochs": 1, "batch_size": 16, "agreement": "scaling", **settings}
    return experiment_of(build_model, X, FEW, targets, None, None, "auto", settings)[0]


def test_agreement_has_a_control_of_its_own_always() -> None:
    assert arms_of(["std", "agreement"], (1.0, 0.1), together=False, controls=False) == [
        BASELINE,
        Arm(("std",)),
        Arm(("std",), 0.1),
        ALONE,
        ALONE.control,
    ]
    assert [arm.label for arm in (ALONE, ALONE.control, BOTH.control)] == [
        "agreement",
        "changed copies",
        "std + abs_sum_changes + changed copies, shuffled",
    ]


def test_the_control_learns_labelled_copies_alone() -> None:
    found = experiment()
    train = found.samples
    arms = {arm: found.attached(build_model(), arm, train) for arm in (BASELINE, ALONE, ALONE.control, BOTH)}
    assert arms[BASELINE].agreement is None
    assert {arm: model.agreement.weight for arm, model in arms.items() if arm.tasks} == {
        ALONE: 10.0,
        ALONE.control: 0.0,
        BOTH: 10.0,
    }
    assert list(arms[BOTH].specs) == ["std", "abs_sum_changes"]
    assert not arms[ALONE].specs


def test_the_control_beside_other_tasks_is_trained() -> None:
    found = experiment()
    run = found.run(BOTH.control, found.splits(None, None, [0])[0])
    assert set(run.curves) == {"main", "std", "abs_sum_changes"}


@pytest.mark.usefixtures("untrained")
def test_both_are_in_the_report() -> None:
    targets = auxtasks.make_aux_targets(X, "signal", ["std"])
    report = audit(build_model, X, FEW, targets, agreement="scaling", controls=False, **FAST)
    both = Arm(("std", "agreement"))
    assert {run.arm for run in report.runs} == {BASELINE, Arm(("std",)), ALONE, ALONE.control, both, both.control}
    (finding,) = (each for each in report.findings if each.arm == ALONE)
    by_arm = {(run.arm, run.seed): run.scores["accuracy"] for run in report.runs}
    assert finding.over_control is not None
    assert finding.control is not None
    for comparison, one, other in (
        (finding.comparison, BASELINE, ALONE),
        (finding.over_control, ALONE.control, ALONE),
        (finding.control, BASELINE, ALONE.control),
    ):
        np.testing.assert_allclose(
            comparison.differences, [by_arm[other, seed] - by_arm[one, seed] for seed in (0, 1)], atol=1e-12
        )
    assert "Changed copies of labelled samples alone: " in finding.reason
    assert "shuffled" not in finding.reason


@pytest.mark.usefixtures("untrained")
def test_without_targets_agreement_alone_is_audited() -> None:
    report = audit(build_model, X, FEW, None, agreement="scaling", **FAST)
    assert [finding.arm for finding in report.findings] == [ALONE]
    assert len(report.runs) == 6


@pytest.mark.graph
def test_a_model_that_is_used_again_begins_anew() -> None:
    def build() -> keras.Model:
        model = build_model()
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        return model

    settings = {"epochs": 1, "batch_size": 64, "agreement": "scaling"}
    found = experiment_of(build, X, FEW, None, None, None, "auto", settings)[0]
    first, second = found.splits(None, None, [0, 1])
    with Models() as models:
        shared = replace(found, models=models)
        shared.run(ALONE, first)
        (kept,) = models._kept.values()
        again = shared.run(ALONE, second)
        assert list(models._kept.values()) == [kept]
    assert {**vars(again), "seconds": 0.0} == {**vars(found.run(ALONE, second)), "seconds": 0.0}


def test_what_cannot_be_audited_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="`targets` must be AuxTargets"):
        audit(build_model, X, FEW, None, **FAST)
    with pytest.raises(InvalidTypeError, match=r"`agreement` must be the name of a set of changes .*; got 3"):
        experiment(agreement=3)
    copies = auxtasks.make_aux_targets(X, "signal", ["transform"])
    with pytest.raises(InvalidInputError, match="`targets` holds transformed copies of the samples"):
        experiment(copies)


def test_what_the_changes_are_is_a_part_of_what_results_are_made_of() -> None:
    found = [experiment(agreement=each).made_of() for each in ("scaling", "jitter")]
    assert found[0]["the changes of agreement"] != found[1]["the changes of agreement"]
    without = experiment(agreement=None).made_of()
    assert {**without, "the changes of agreement": ""}.keys() == found[0].keys()
    assert without["the settings"] == found[0]["the settings"]
