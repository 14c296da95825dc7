"""An audit of soft labels: each split has a teacher of its own, which knows no label that is held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from joblib import _parallel_backends
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from small import FAST, RNG, TARGETS, X, Y, build_model, told

import auxtasks
from auxtasks.audit import audit, rank_tasks, select_tasks, selection
from auxtasks.audit.audit import experiment_of, made_targets
from auxtasks.audit.experiment import BASELINE, Arm, Data, Experiment, _for_arm, _same_steps
from auxtasks.audit.search import Candidate, Search
from auxtasks.audit.splits import Split
from auxtasks.batches.composition import DEFAULT_SHARE, SHARE_WITH_SOFT_LABELS, compose
from auxtasks.batches.planned import Ordered
from auxtasks.errors import InvalidInputError
from auxtasks.labels import present_rows
from auxtasks.splits import SemiSupervisedSplit
from auxtasks.teacher.choice import Committee, Member

SIMPLE: dict[str, Any] = {"soft_labels": {"teacher": LogisticRegression(), "features": ["std", "mean"]}}
"""A teacher that is fitted in no time."""
WITHOUT = np.sort(RNG.permutation(60)[:40])
FEW = Y.copy()
FEW[WITHOUT] = -1
SOFT = auxtasks.make_aux_targets(X, "signal", ["std", SIMPLE], y=FEW)
ARM = Arm(("soft_labels",))


def experiment(targets: Any = SOFT, y: Any = FEW, **changes: Any) -> Experiment:
    weights = changes.pop("weights", "auto")
    settings = {"epochs": 1, "batch_size": 16, **changes}
    return experiment_of(build_model, X, y, targets, None, None, weights, settings)[0]


def splits(found: Experiment, hidden: int = 0) -> Split:
    """Hold out every fourth labelled sample, and hide some of the others."""
    labelled = np.flatnonzero(FEW >= 0)
    test = labelled[::4]
    train = np.setdiff1d(np.arange(found.n_original), test)
    return Split(0, 0, train, test, np.setdiff1d(labelled, test)[:hidden])


def test_soft_labels_are_those_of_the_training_part_alone() -> None:
    found = experiment()
    split = splits(found, hidden=3)
    lesson = found.lessons(split, ARM)["soft_labels"]
    shown = FEW.copy()
    shown[[*split.test, *split.hidden]] = -1
    alone = auxtasks.make_aux_targets(X, "signal", ["std", SIMPLE], y=shown)
    np.testing.assert_array_equal(lesson.soft, alone["soft_labels"])
    np.testing.assert_array_equal(lesson.said, alone["soft_labels"][split.test])
    assert lesson.spec == alone.specs["soft_labels"]
    assert lesson.spec.options["n_labelled"] == 12 < SOFT.specs["soft_labels"].options["n_labelled"]
    assert np.isfinite(lesson.soft[split.hidden]).all()
    assert not np.array_equal(lesson.soft[WITHOUT], SOFT["soft_labels"][WITHOUT])


def test_hidden_labels_are_taught_where_every_sample_has_one() -> None:
    generator = auxtasks.AuxTargetGenerator("signal", [SIMPLE])
    hiding = SemiSupervisedSplit(25)
    found = experiment_of(build_model, X, Y, generator, None, None, "auto", {"epochs": 1, "batch_size": 16}, hiding)[0]
    split = found.splits(hiding, None, [0])[0]
    shown = np.full_like(Y, -1)
    kept = np.setdiff1d(split.train, split.hidden)
    shown[kept] = Y[kept]
    lesson = found.lessons(split, ARM)["soft_labels"]
    alone = auxtasks.make_aux_targets(X, "signal", [SIMPLE], y=shown)
    np.testing.assert_array_equal(lesson.soft, alone["soft_labels"])
    assert np.isfinite(lesson.soft[split.hidden]).all()


def test_the_committee_is_chosen_anew_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that all labels chose may be another than that of a training part."""
    named = {"ridge": Ridge(), "guess": DummyRegressor()}
    ridge, guess = (Committee((Member(name, estimator),)) for name, estimator in named.items())
    monkeypatch.setattr("auxtasks.teacher.teaching.committees_of", lambda *_, **__: [ridge, guess])
    table, y = RNG.normal(size=(60, 2)), RNG.normal(size=60)
    y[20:40] = 5 * table[20:40, 0]
    y[50:] = np.nan
    shown = np.where(np.arange(60) < 20, y, np.nan)
    teacher, alone = (
        auxtasks.make_aux_targets(table, "any", ["soft_labels"], y=known).teachers[0] for known in (y, shown)
    )
    anew = teacher.shown(shown)
    assert (teacher.committee.name, anew.committee.name) == ("ridge", "guess")
    assert anew.spec == alone.spec
    np.testing.assert_array_equal(teacher.shown(shown).soft_labels(), alone.soft_labels())
    assert teacher.shown(y) is teacher


def test_nothing_of_the_test_labels_reaches_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[Any]] = []
    attached = Experiment.attached

    def kept(self: Experiment, *args: Any) -> Any:
        model = attached(self, *args)
        predict = model.predict

        def seen(*inputs: Any, **options: Any) -> Any:
            trained.append([np.asarray(weight) for weight in model.base.get_weights()])
            return predict(*inputs, **options)

        model.predict = seen
        return model

    split = splits(experiment())
    wrong = FEW.copy()
    wrong[split.test] = 1 - wrong[split.test]
    monkeypatch.setattr(Experiment, "attached", kept)
    runs = []
    for y in (FEW, wrong):
        found = experiment(auxtasks.make_aux_targets(X, "signal", ["std", SIMPLE], y=y), y)
        runs.append(found.run(ARM, splits(found)))
    (one, other), (first, second) = trained, runs
    for weight, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(weight, same)
    assert first.curves == second.curves
    assert first.scores["accuracy"] == pytest.approx(1 - second.scores["accuracy"])
    assert first.teacher["accuracy"] == pytest.approx(1 - second.teacher["accuracy"])


@pytest.mark.parametrize(("arm", "said"), [(ARM, "this network"), (ARM.control, "was not compared")])
def test_in_a_run_too_teacher_and_network_are_compared(monkeypatch: pytest.MonkeyPatch, arm: Arm, said: str) -> None:
    models: list[Any] = []
    attached = Experiment.attached
    monkeypatch.setattr(Experiment, "attached", lambda *args: models.append(attached(*args)) or models[-1])
    found = experiment()
    found.run(arm, splits(found))
    assert said in models[-1].told_of_soft_labels[0]


def test_opinions_of_labelled_samples_are_in_the_order_of_the_training_part() -> None:
    found, split = experiment(), splits(experiment())
    turned = Split(0, 0, split.train[::-1], split.test, split.hidden)
    one, other = (found.lessons(each, ARM)["soft_labels"] for each in (split, turned))
    np.testing.assert_array_equal(other.unseen, one.unseen[::-1])
    assert len(one.unseen) == (FEW[split.train] >= 0).sum()


def test_a_split_is_taught_once_for_all_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    found = experiment()
    split, (teacher,) = splits(found), found.teachers
    lesson = found.lessons(split, ARM)["soft_labels"]
    monkeypatch.setattr(type(teacher), "shown", lambda *_: pytest.fail("taught once more"))
    assert found.lessons(split, Arm(("std", "soft_labels"), shuffled=True))["soft_labels"] is lesson
    assert found.lessons(Split(1, 0, split.train, split.test), BASELINE) == {}


def test_a_control_has_the_soft_labels_of_other_samples() -> None:
    soft = np.asarray(SOFT["soft_labels"])
    found = _for_arm(soft, "soft_labels", ARM.control, 0)
    np.testing.assert_array_equal(present_rows(found), present_rows(soft))
    np.testing.assert_array_equal(np.sort(found[WITHOUT], axis=0), np.sort(soft[WITHOUT], axis=0))
    assert not np.array_equal(found[WITHOUT], soft[WITHOUT])


def build() -> keras.Model:
    """Make the model without a graph, which takes long to trace in each process."""
    model = build_model()
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return model


ALONE = auxtasks.make_aux_targets(X, "signal", [SIMPLE], y=FEW)
ASKED: dict[str, Any] = {**FAST, "cv": SemiSupervisedSplit(3)}


@pytest.fixture(scope="module")
def report() -> Any:
    return audit(build, X, FEW, ALONE, **ASKED)


def test_a_report_knows_the_teacher(report: Any, tmp_path: Path) -> None:
    soft = [run for run in report.runs if run.arm.tasks == ("soft_labels",)]
    assert all(set(run.teacher) == set(run.scores) and not run.learned for run in soft)
    assert not any(run.teacher for run in report.runs if run.arm not in (ARM, ARM.control))
    frame = report.teacher_frame()
    assert frame.who.tolist() == ["the network alone", "the teacher alone (LogisticRegression)", "the network taught"]
    for row, scores in ((1, [run.teacher for run in soft if run.arm == ARM]), (2, [run.scores for run in soft[::2]])):
        assert frame.value[row] == pytest.approx(np.mean([each["accuracy"] for each in scores]))
        assert frame.difference[row] == pytest.approx(frame.value[row] - frame.value[0])
    text, page = repr(report), report._repr_html_()
    for name in frame.who:
        assert name in text
        assert name in page
    report.to_json(tmp_path / "report.json")
    again = auxtasks.audit.load_report(tmp_path / "report.json")
    assert again == report
    assert again.teacher_frame().equals(frame)
    (finding,) = (finding for finding in report.findings if finding.arm == ARM)
    assert np.isnan(finding.aux_loss)
    assert np.isnan(finding.relevance)


def test_an_audit_in_processes_goes_on_where_it_was_and_gives_the_same_report(
    report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs in one other process: each would import TensorFlow."""
    make_processes = _parallel_backends.get_memmapping_executor
    monkeypatch.setattr(_parallel_backends, "get_memmapping_executor", lambda _, **how: make_processes(1, **how))
    asked = {**ASKED, "controls": False, "results": tmp_path / "runs.jsonl"}
    kept, expected = told(audit(build, X, FEW, ALONE, **asked, n_jobs=2)), told(report)
    assert told(audit(build, X, FEW, ALONE, **asked)) == kept
    assert list(kept) == [key for key in expected if key in kept]
    assert len(kept) == 4
    for key, run in kept.items():
        assert run["teacher"] == pytest.approx(expected[key]["teacher"], abs=1e-6)
        assert run["curves"]["main"] == pytest.approx(expected[key]["curves"]["main"], rel=1e-3)


def test_all_arms_take_as_many_steps() -> None:
    """With soft labels batches hold fewer labelled samples, and an epoch would have fewer batches."""
    found = experiment()
    for n_labelled, said in ((5, "steps_per_epoch"), (15, "labelled_share"), (40, "labelled_share")):
        main = np.where(np.arange(60) < n_labelled, Y, -1)
        labelled = main >= 0
        given = _same_steps(Data(X, main, {}), found.settings)
        share = given.get("labelled_share", SHARE_WITH_SOFT_LABELS)
        plans = [compose(labelled, 16, each, 0) or Ordered(60, 16) for each in (share, DEFAULT_SHARE)]
        assert list(given) == [said]
        assert given.get("steps_per_epoch", plans[0].n_batches) == plans[1].n_batches
    assert _same_steps(Data(X, FEW, {}), experiment(fit_options={"labelled_share": 0.3}).settings) == {}


def test_the_weight_of_soft_labels_is_left_to_fit_unless_there_is_a_number() -> None:
    both, train = Arm(("std", "soft_labels"), 3.0), SOFT.inputs
    for weights, asked in (("auto", "auto"), ({"soft_labels": 0.5}, 1.5), (1.0, 3.0)):
        found = experiment(weights=weights)
        model = found.attached(build_model(), both, Data(train, FEW, {}))
        assert model._weights.asked()["soft_labels"] == asked
        assert model._weights.asked()["std"] != "auto"


def test_a_test_set_is_judged_by_the_teacher_of_all_labels() -> None:
    found, _ = experiment_of(build_model, X, FEW, SOFT, (X, Y), None, "auto", {"epochs": 1, "batch_size": 16})
    (split,) = found.splits(None, None, [0])
    lesson = found.lessons(split, ARM)["soft_labels"]
    np.testing.assert_array_equal(lesson.soft, SOFT["soft_labels"])
    np.testing.assert_array_equal(lesson.said, SOFT.transform(X)["soft_labels"])


def test_a_generator_is_given_labels_where_its_tasks_ask_for_them() -> None:
    generator = auxtasks.AuxTargetGenerator("signal", ["std", SIMPLE])
    np.testing.assert_array_equal(made_targets(generator, X, FEW)["soft_labels"], SOFT["soft_labels"])
    assert list(made_targets(auxtasks.AuxTargetGenerator("signal", ["std"]), X, FEW)) == ["std"]


def test_targets_without_their_teacher_and_other_labels_are_refused(tmp_path: Path) -> None:
    SOFT.save(tmp_path / "targets")
    for lost in (auxtasks.load_targets(tmp_path / "targets"), SOFT.transform(X)):
        with pytest.raises(InvalidInputError, match=r"'soft_labels' without the teacher.*make_aux_targets"):
            audit(build_model, X, FEW, lost, **FAST)
    with pytest.raises(InvalidInputError, match="differs from the labels that these soft labels were computed from"):
        audit(build_model, X, Y, SOFT, **FAST)
    named = auxtasks.make_aux_targets(X, "signal", ["std", SIMPLE], y={"side": FEW})
    with pytest.raises(InvalidInputError, match="of the output 'side', but an audit has a single unnamed output"):
        audit(build_model, X, FEW, named, **FAST)


def test_too_few_labels_in_a_training_part_are_refused_by_name() -> None:
    found = experiment()
    rows = np.flatnonzero(FEW >= 0)
    with pytest.raises(InvalidInputError, match="holds one class only among its 1 labels"):
        found.lessons(Split(0, 0, np.setdiff1d(np.arange(60), rows[1:]), rows[1:]), ARM)


def test_labels_that_no_soft_labels_were_made_from_may_differ() -> None:
    targets = auxtasks.make_aux_targets(X, "signal", ["std"], y=FEW)
    np.testing.assert_array_equal(targets.with_main(Y)["main"], Y)
    np.testing.assert_array_equal(targets.with_main()["main"], FEW)


def test_soft_labels_are_not_ranked() -> None:
    ranking = rank_tasks(SOFT, FEW)
    assert ranking.names == ("std",)
    assert any("soft_labels: not ranked, because soft labels are computed" in note for note in ranking.notes)
    alone = rank_tasks(auxtasks.make_aux_targets(X, "signal", [SIMPLE], y=FEW), FEW)
    assert alone.names == ()
    assert "not ranked" in repr(alone)


def test_a_search_tries_soft_labels_without_weights_or_depths(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        return [0.7 + 0.1 * ("soft_labels" in candidate.tasks) + 0.001 * np.sin(7 * split.seed) for split in splits]

    monkeypatch.setattr(Search, "_scores", score)
    found = select_tasks(build_model, X, FEW, SOFT, **FAST)
    assert found.tasks == ("soft_labels",)
    assert {step.stage for step in found.steps} == {"soft labels", "tasks", "confirmation"}
    model = found.attach(build_model(), SOFT)
    assert model._weights.asked() == {"soft_labels": "auto"}
    assert selection.screened(rank_tasks(TARGETS, Y))[0]


@pytest.mark.parametrize(
    ("task", "gain", "chosen", "said"),
    [
        ("soft_labels", 0.1, True, "Use soft_labels, weight 0.2: likely but not shown to help, +10.0 points ("),
        ("soft_labels", -0.03, True, "Use soft_labels, weight 0.2: not shown to hurt, -3.0 points ("),
        ("std", 0.1, False, "as it is: std, weight 0.2 did not pass, +10.0 points ("),
    ],
)
def test_soft_labels_must_not_lose_a_standard_error_and_other_tasks_gain_two(
    task: str, gain: float, chosen: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gain of 1.5 standard errors tells little of a task that is like most others."""

    def score(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        spread = [0.12 * (-1) ** (4 * split.seed + split.fold) for split in splits]
        return [0.7 + (task in candidate.tasks) * (gain + each) for each in spread]

    monkeypatch.setattr(Search, "_scores", score)
    nothing: dict[str, Any] = {"weights": [], "depths": [], "warm_up": False, "cv": 4}
    found = select_tasks(build_model, X, FEW, SOFT, **{**FAST, "confirm": 3}, **nothing)
    assert (found.proposed.tasks, found.tasks) == ((task,), (task,) if chosen else ())
    assert -1 < found.confirmation.mean / found.confirmation.error < 2
    assert found.confirmation.verdict == "unclear"
    assert said in " ".join(repr(found).split())
    assert "More seeds alone cannot find an effect of 1 point" in " ".join(repr(found).split())


@pytest.mark.parametrize("gain", [-0.12, 0.0])
def test_soft_labels_that_lose_or_change_nothing_are_not_begun_with(
    gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        spread = [0.12 * (-1) ** (4 * split.seed + split.fold) for split in splits]
        gains = [("soft_labels" in candidate.tasks) * (gain + each * (gain != 0)) for each in spread]
        return [0.7 + 0.2 * ("std" in candidate.tasks) + each for each in gains]

    monkeypatch.setattr(Search, "_scores", score)
    nothing: dict[str, Any] = {"weights": [], "depths": [], "warm_up": False, "cv": 4}
    found = select_tasks(build_model, X, FEW, SOFT, **{**FAST, "confirm": 3}, **nothing)
    assert [step.candidate.tasks for step in found.steps] == [("soft_labels",), ("std",), ("std",)]
    assert found.tasks == ("std",)


def test_heads_must_add_to_what_soft_labels_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both pass together; the head of one would not beside soft labels alone."""

    def score(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        later = splits[0].seed >= 2
        gains = {"soft_labels": 0.1, "std": 0.0 if later else 0.05}
        noise = [0.001 * np.sin(7 * split.seed + split.fold + len(candidate.label)) for split in splits]
        return [0.7 + sum(gains[task] for task in candidate.tasks) + each for each in noise]

    monkeypatch.setattr(Search, "_scores", score)
    nothing: dict[str, Any] = {"weights": [], "depths": [], "warm_up": False, "cv": 4}
    found = select_tasks(build_model, X, FEW, SOFT, **FAST, **nothing)
    assert found.proposed.tasks == ("soft_labels", "std")
    assert found.tasks == ("soft_labels",)
    assert [step.accepted for step in found.steps if step.stage == "confirmation"] == [True, False]
