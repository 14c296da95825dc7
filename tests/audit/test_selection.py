from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedShuffleSplit, TimeSeriesSplit
from small import FAST, TARGETS, X, Y, build_model

import auxtasks
from auxtasks.audit import Selection, paired_comparison, rank_tasks, select_tasks, selection
from auxtasks.audit.audit import experiment_of
from auxtasks.audit.experiment import Arm, Experiment
from auxtasks.audit.records import progress_bar
from auxtasks.audit.screen import Ranking, TaskRank
from auxtasks.audit.search import Candidate, Plan, Search, named_agreements
from auxtasks.audit.selection import default_folds, n_steps, screened
from auxtasks.audit.splits import Split, splits_of
from auxtasks.audit.verdicts import Rule
from auxtasks.errors import InvalidInputError, InvalidTypeError, StorageError, UnknownNameError
from auxtasks.keras import attach
from auxtasks.keras.agreement import options_of_agreement
from auxtasks.keras.model import AuxModel

QUARTER = StratifiedShuffleSplit(1, test_size=0.25)
EXPERIMENT = experiment_of(build_model, X, Y, TARGETS, None, None, 1.0, {"epochs": 1, "batch_size": 32})[0]
NOTHING_ELSE: dict[str, Any] = {"weights": [], "depths": [], "warm_up": False}


def planned(monkeypatch: Any, scores: Any) -> None:
    """Let candidates score as a function of them and of the seed says, without training."""

    def of_plan(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        return [scores(candidate) + 0.001 * np.sin(7 * split.seed + len(candidate.label)) for split in splits]

    monkeypatch.setattr(Search, "_scores", of_plan)


def chosen(**options: Any) -> Any:
    return select_tasks(build_model, X, Y, TARGETS, **{**FAST, "seeds": 5, **options})


def test_tasks_are_added_while_they_gain_and_then_refined(monkeypatch: Any) -> None:
    gains = {"std": 0.05, "abs_sum_changes": 0.02}
    best = {"weight": 0.09, "at": 0.66}  # three times the weight where all samples have a label

    def score(candidate: Candidate) -> float:
        refined = (
            sum(getattr(candidate, name) == pytest.approx(value) for name, value in best.items())
            if candidate.tasks
            else 0
        )
        return 0.7 + sum(gains[task] for task in candidate.tasks) + 0.01 * refined - 0.1 * bool(candidate.warm_up)

    planned(monkeypatch, score)
    found = chosen()
    assert found.chosen == Candidate(("std", "abs_sum_changes"), 0.09, 0.66)
    assert [step.stage for step in found.steps if step.accepted] == [
        "tasks",
        "tasks",
        "weight",
        "depth",
        "confirmation",
    ]
    assert found.confirmation.mean == pytest.approx(0.09, abs=0.002)
    assert "Use std + abs_sum_changes, weight 0.09, at 0.66: +9.0 points (" in repr(found)
    model = found.attach(build_model(), TARGETS)
    assert model.loss_weights == {"std": 0.009, "abs_sum_changes": 0.009}  # of which each has a tenth


def test_what_gains_less_than_the_margin_is_not_chosen(monkeypatch: Any) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * bool(candidate.tasks))
    assert chosen(margin=0.04, **NOTHING_ELSE).tasks
    found = chosen(margin=0.06, **NOTHING_ELSE)
    assert (found.tasks, len(found.proposed.tasks)) == ((), 1)
    assert "Train the model as it is" in repr(found)
    base = build_model()
    assert found.attach(base, TARGETS) is base


def test_a_gain_of_the_search_alone_is_chance(monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    drawn: dict[Any, float] = {}

    def of_chance(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        return [drawn.setdefault((candidate, split.seed, split.fold), rng.normal()) for split in splits]

    monkeypatch.setattr(Search, "_scores", of_chance)
    # What is drawn for one pair tells nothing of another.
    monkeypatch.setattr(selection, "overlap_of", lambda *_: 0.0)
    # Neither depends on chance: made once, because models are built for the first and fitted for the second.
    made = experiment_of(build_model, X, Y, TARGETS, None, None, 1.0, {"epochs": 1, "batch_size": 32})
    ranking = rank_tasks(TARGETS, Y)
    monkeypatch.setattr(selection, "experiment_of", lambda *_: made)
    monkeypatch.setattr(selection, "rank_tasks", lambda *_: ranking)
    monkeypatch.setattr(selection, "check_depths", lambda depths, _: list(depths))
    taken, proposed = 0, 0
    for _ in range(60):
        drawn.clear()
        found = chosen()
        proposed += bool(found.proposed.tasks)
        taken += bool(found.tasks)
    assert proposed > 5
    assert taken <= 6  # 60 searches at 2.5 % each: more than 6 would be one chance in 1,000


def test_nothing_is_trained_for_what_the_screen_leaves_out() -> None:
    def row(task: str, **values: Any) -> TaskRank:
        plain = {"promise": 0.5, "relevance": 0.5, "redundancy": 0.0, "redundant_with": "", "triviality": 0.0}
        plain |= {"from_label": 0.0, "entropy": 0.5, "missing": 0.0, "warnings": ()}
        return TaskRank(task, **{**plain, **values})

    rows = [
        row("good"),
        row("same", redundancy=1.0, redundant_with="good"),
        row("given away", from_label=1.0),
        row("trivial", triviality=1.0),
        row("empty", missing=1.0),
        row("unknown", relevance=float("nan"), promise=float("nan"), triviality=float("nan")),
    ]
    kept, left_out = screened(Ranking(rows, [], 10, 10))
    assert kept == ("good", "unknown")
    assert left_out == {
        "same": "good already covers it.",
        "given away": "it follows from the main label.",
        "trivial": "it is a linear function of the input.",
        "empty": "all its values are missing.",
    }


@pytest.mark.usefixtures("untrained")
def test_a_search_goes_on_where_it_was_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = []

    def counting() -> keras.Model:
        made.append(1)
        return build_model()

    def search(seeds: Any, **options: Any) -> Any:
        made.clear()
        asked = {**FAST, "seeds": seeds, "confirm": 2, "results": tmp_path / "search", "cv": QUARTER, **NOTHING_ELSE}
        asked |= options
        return select_tasks(counting, X, Y, TARGETS, **asked)

    first = search(3, progress=True)
    said = capsys.readouterr().err
    assert "select_tasks: 15 trainings at most. To confirm: 2 pairs" in said
    # Nothing was there to confirm, so that the bar ends with fewer: one bar for all.
    assert re.findall(r"\| (\d+/\d+) ", said.splitlines()[-1])[-1] == "8/8"
    n_trained = len(made)
    again = search(3)
    assert len(made) == 2  # one to check it, one for its fingerprint
    assert n_trained - 2 == first.n_models == again.n_models == 8  # the better of two tasks alone has all three seeds
    assert (repr(first.steps), first.chosen) == (repr(again.steps), again.chosen)
    assert (search(2).n_models, len(made)) == (6, 2)  # and not all that are in the folder


def test_the_gain_of_a_step_is_over_the_best_before(monkeypatch: Any) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * len(candidate.tasks))
    found = chosen(**NOTHING_ELSE)
    assert [round(step.gain.mean, 2) for step in found.steps] == [0.05, 0.05, 0.05, 0.1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"confirm": 1}, InvalidInputError, "`confirm`"),
        ({"max_tasks": 0}, InvalidInputError, "`max_tasks`"),
        ({"weights": [-1.0]}, InvalidInputError, "`weights` must be at least 0.0"),
        ({"weights": [0.0]}, InvalidInputError, "`weights` must be positive"),
        ({"weights": ["a"]}, InvalidTypeError, "`weights` must be a number; got 'a'"),
        ({"weights": 3.0}, InvalidTypeError, "`weights` must be a list.*got 3.0"),
        ({"depths": ["nonsense"]}, UnknownNameError, "nonsense"),
        ({"depths": [99]}, InvalidInputError, "99"),
        ({"depths": [None]}, InvalidTypeError, "`depths` must hold numbers .* got None"),
        ({"depths": "auto"}, InvalidTypeError, "`depths` must be a list.*got 'auto'"),
        ({"warm_up": "no"}, InvalidTypeError, "`warm_up` must be True or False"),
        ({"margin": -1}, InvalidInputError, "`margin`"),
        ({"results": __file__}, StorageError, "`results`: .* is a file"),
        ({"agreement": "shifts"}, InvalidTypeError, "`agreement` must be a list .* got 'shifts'"),
        ({"agreement": {"weak": None}}, InvalidTypeError, "`agreement` must be a list .* got {'weak': None}"),
        ({"validation": (X, Y), "cv": 3}, InvalidInputError, "`validation` .* and `cv` and `groups` draw"),
        ({"cv": KFold(3)}, InvalidInputError, "`cv` gives the same parts for every seed"),
        ({"cv": TimeSeriesSplit(3)}, InvalidInputError, "`cv` gives the same parts for every seed"),
        ({"cv": iter([(range(40), range(40, 60))])}, InvalidInputError, "`cv` gives the same parts for every seed"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_trained(
    options: Any, error: Any, message: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Search, "_scores", lambda *_: pytest.fail("something was trained"))
    with pytest.raises(error, match=message):
        chosen(**options)


@pytest.mark.parametrize("cv", [None, 3, KFold(3, shuffle=True)])
def test_what_depends_on_the_seed_can_be_confirmed(cv: Any, monkeypatch: Any) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * bool(candidate.tasks))
    assert chosen(cv=cv, **NOTHING_ELSE).tasks


def test_rounding_is_no_gain(monkeypatch: Any) -> None:
    monkeypatch.setattr(Search, "_scores", lambda _, c, splits: [0.1 + 0.2 if c.tasks else 0.3] * len(splits))
    assert chosen(**NOTHING_ELSE).proposed == Candidate()


@pytest.mark.parametrize(
    ("n_labelled", "options", "of_epoch"),
    [
        (60, {}, 3),  # 45 samples in batches of 16
        (12, {}, 6),  # 9 labelled and 48 others, 8 of these a batch
        (12, {"labelled_share": None}, 4),
        (12, {"shuffle": False}, 4),
        (12, {"steps_per_epoch": 5}, 5),
    ],
)
def test_the_weight_rises_in_a_third_of_the_steps_made(
    n_labelled: int, options: Any, of_epoch: int, monkeypatch: Any
) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * bool(candidate.tasks))
    y = np.where(np.arange(60) < n_labelled, Y, -1)
    asked: dict[str, Any] = {
        **FAST,
        "seeds": 5,
        "epochs": 9,
        "batch_size": 16,
        "fit_options": options,
        "weights": [],
        "cv": QUARTER,
    }
    found = select_tasks(build_model, X, y, TARGETS, **{**asked, "depths": []})
    assert [step.candidate.warm_up for step in found.steps if step.stage == "warm-up"] == [3 * of_epoch]


@pytest.mark.parametrize("n_labelled", [60, 12])
def test_steps_are_counted_as_training_makes_them(n_labelled: int) -> None:
    y = np.where(np.arange(60) < n_labelled, Y, -1)
    made = count()

    class Counting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            next(made)

    options: dict[str, Any] = {"epochs": 2, "batch_size": 16, "fit_options": {"callbacks": [Counting()]}}
    experiment, _ = experiment_of(build_model, X, y, TARGETS, None, None, 1.0, options)
    (split,) = splits_of(experiment.main, experiment.labelled, None, None, [0], has_test=False)
    experiment.run(Arm(("std",)), split)
    assert n_steps(experiment, split) == next(made) > 0


def test_ranking_says_that_it_is_no_verdict() -> None:
    assert "screen" in repr(rank_tasks(TARGETS, Y))


def test_a_comparison_of_equals_has_no_error() -> None:
    found = paired_comparison([0.5, 0.6], [0.5, 0.6])
    assert (found.mean, found.error, found.p_above(), found.p_below()) == (0.0, 0.0, 1.0, 1.0)


def test_generators_are_screened_too(monkeypatch: Any) -> None:
    planned(monkeypatch, lambda _: 0.5)
    generator = auxtasks.AuxTargetGenerator("signal", ["std"])
    assert select_tasks(build_model, X, Y, generator, **FAST, **NOTHING_ELSE).ranking.names == ("std",)


def agreeing(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let heads be attached with any agreement, which the list gets."""
    seen: list[Any] = []
    attach_heads = attach.attach_heads

    def stand_in(base: Any, targets: Any, *args: Any, agreement: Any = None, **options: Any) -> Any:
        seen.append(agreement)
        specs = getattr(targets, "specs", targets)
        return attach_heads(base, targets, *args, **options) if specs else AuxModel(base, {}, {}, {}, 0)

    monkeypatch.setattr(attach, "attach_heads", stand_in)
    return seen


SHIFTS = options_of_agreement("shifts")
STRONG = {"weak": "shifts", "strong": keras.layers.GaussianNoise(0.1)}


def test_agreement_is_a_candidate_like_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = agreeing(monkeypatch)

    def score(candidate: Candidate) -> float:
        gain = {"": 0.0, "shifts": -0.02, "weak shifts, strong GaussianNoise": 0.05}[candidate.agreement]
        return 0.7 + gain + 0.02 * ("std" in candidate.tasks)

    planned(monkeypatch, score)
    found = chosen(agreement=["shifts", STRONG], **NOTHING_ELSE)
    assert seen.count(SHIFTS) == seen.count(STRONG) == 1  # tried before anything is trained
    assert (found.agreement, found.tasks) == (STRONG, ("std",))
    tried = [step.candidate for step in found.steps]
    assert Candidate(agreement="shifts") in tried
    # What lost by itself is not tried beside others, and there is one agreement at most.
    assert not any(candidate.agreement == "shifts" and candidate.tasks for candidate in tried)
    found.attach(build_model(), TARGETS)
    assert seen[-1] == STRONG
    assert "Use std + agreement (weak shifts, strong GaussianNoise)" in repr(found)


def test_agreement_alone_is_a_choice_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = agreeing(monkeypatch)
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * bool(candidate.agreement) - 0.1 * len(candidate.tasks))
    found = chosen(agreement=["shifts"], **NOTHING_ELSE)
    assert (found.tasks, found.agreement) == ((), "shifts")
    base = build_model()
    assert found.attach(base, TARGETS) is not base
    assert seen[-1] == "shifts"


def test_runs_are_trained_with_the_agreement_and_kept_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = agreeing(monkeypatch)
    monkeypatch.setattr(Experiment, "_measured", lambda *_, **__: ({"accuracy": 0.5}, {}, 1.0, {"main": [1.0]}))
    made, _ = experiment_of(build_model, X, Y, TARGETS, None, None, 1.0, {"epochs": 1, "batch_size": 32})
    splits = made.splits(QUARTER, None, [0, 1])
    rule = Rule("accuracy", higher_is_better=True)
    bar = progress_bar("", 1, progress=False)
    search = Search(made, rule, Plan(splits, splits), tmp_path, 1, bar, {"shifts": "shifts"})
    seen.clear()
    search.gains([Candidate(agreement="shifts")], Candidate(), splits)
    assert seen == [SHIFTS] * 2
    assert search.n_models == 4
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_values_of_agreement_get_names_of_their_own() -> None:
    found = named_agreements(["shifts", ["shifts", "colour"], STRONG, {**STRONG}, len])
    assert list(found) == [
        "shifts",
        "shifts + colour",
        "weak shifts, strong GaussianNoise",
        "weak shifts, strong GaussianNoise, number 4",
        "len",
    ]


def test_half_of_the_candidates_are_judged_on_half_of_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: dict[Candidate, int] = {}

    def score(self: Any, candidate: Candidate, splits: Any) -> list[float]:
        judged[candidate] = len(splits)
        return [0.1 * ("std" in candidate.tasks) + 0.01 * split.fold * bool(candidate.tasks) for split in splits]

    monkeypatch.setattr(Search, "_scores", score)
    splits = [Split(seed, fold, X[:0], X[:0]) for seed in range(2) for fold in range(5)]
    plan = Plan(splits, splits[:5])
    plan.expect("tasks", 4, 3)
    plan.expect("weight", 0)
    assert plan.left == {"single task": 10, "tasks": 20 + 2 * 5 + 15 + 2 * 5, "weight": 0}
    search = Search(None, Rule("accuracy", True), plan, None, 1, None, {})  # type: ignore[arg-type]
    candidates = [Candidate((name,)) for name in ("a", "std", "b", "c")]
    assert search.try_all("tasks", candidates)
    assert search.best == candidates[1]
    assert sorted(judged[each] for each in candidates) == [5, 5, 10, 10]
    assert [len(step.gain.baseline) for step in search.steps] == [judged[each] for each in candidates]


@pytest.mark.parametrize(("n_pairs", "n_seeds", "rounds"), [(1, 5, [3, 5]), (1, 2, [2]), (5, 1, [5]), (5, 2, [5, 10])])
def test_a_round_has_two_pairs_at_least(n_pairs: int, n_seeds: int, rounds: list[int]) -> None:
    splits = [Split(seed, fold, X[:0], X[:0]) for seed in range(n_seeds) for fold in range(n_pairs)]
    assert [len(each) for each in Plan(splits, []).rounds] == rounds


@pytest.mark.parametrize(
    ("counts", "folds"), [((30, 30), 5), ((30, 4), 4), ((30, 1), 3), ((2, 2), 2), ((1, 1), None), ((3, 3), 3)]
)
def test_folds_are_as_many_as_the_labels_allow(counts: tuple[int, int], folds: int | None) -> None:
    y = np.full(60, -1)
    y[: sum(counts)] = np.repeat([0, 1], counts)
    made = replace(EXPERIMENT, samples=replace(EXPERIMENT.samples, main=y))
    assert default_folds(made, None) == folds
    if folds:
        groups = np.where(np.arange(60) < 2, 0, 1)
        assert default_folds(made, groups) == 2


def test_a_validation_part_takes_the_place_of_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * bool(candidate.tasks))
    found = chosen(validation=(X[:20], Y[:20]), seeds=None, **NOTHING_ELSE)
    assert found.tasks
    assert (len(found.confirmation.baseline), found.design.n_test, found.design.overlap) == (10, 20, 0.0)


def selected(candidate: Candidate) -> Selection:
    agreements = {"shifts": "shifts"}
    return Selection(candidate, candidate, None, 0.0, "accuracy", (), {}, Ranking([], [], 60, 60), 1, 1.0, agreements)


def test_what_was_chosen_is_trained_with_the_labels_and_its_own_targets() -> None:
    found = selected(Candidate(("std",), 0.1))
    y = found.with_main(TARGETS, Y)
    assert list(y) == ["main", "std"]
    assert y["std"] is TARGETS["std"]
    np.testing.assert_array_equal(y["main"], Y)
    model = found.attach(build_model(), TARGETS)
    model.compile("sgd", "sparse_categorical_crossentropy")
    others = TARGETS.transform(X[:20])
    history = model.fit(
        TARGETS.inputs, y, validation_data=(others.inputs, found.with_main(others, Y[:20])), epochs=1, verbose=0
    ).history
    assert {"std_loss", "val_std_loss"} <= set(history)
    assert "abs_sum_changes_loss" not in history


def test_agreement_alone_is_trained_with_the_labels_by_name() -> None:
    assert list(selected(Candidate(agreement="shifts")).with_main(TARGETS, Y)) == ["main"]


def test_where_nothing_was_chosen_the_model_is_trained_with_the_labels() -> None:
    found = selected(Candidate())
    y = found.with_main(TARGETS, Y)
    np.testing.assert_array_equal(y, Y)
    found.attach(build_model(), TARGETS).fit(TARGETS.inputs, y, epochs=1, verbose=0)


def test_soft_labels_that_were_chosen_come_with_the_labels_they_were_made_from() -> None:
    few = np.where(np.arange(60) < 20, Y, -1)
    targets = auxtasks.make_aux_targets(X, "signal", ["std", "soft_labels"], y=few)
    y = selected(Candidate(("soft_labels",))).with_main(targets)
    assert list(y) == ["main", "soft_labels"]
    np.testing.assert_array_equal(y["main"], few)


@pytest.mark.parametrize(
    ("targets", "y", "error", "message"),
    [
        ({"std": TARGETS["std"]}, Y, InvalidTypeError, "`targets` must be AuxTargets; got .* of type dict"),
        (TARGETS, {"label": Y}, InvalidInputError, r"`y` must be the labels of the one main output; .* \['label'\]"),
        (TARGETS, [0] * 61, InvalidInputError, "61"),
    ],
)
def test_what_cannot_be_put_beside_the_choice_is_refused(targets: Any, y: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        selected(Candidate(("std",))).with_main(targets, y)


def test_a_choice_is_shown_in_points_with_what_its_columns_are(monkeypatch: pytest.MonkeyPatch) -> None:
    planned(monkeypatch, lambda candidate: 0.7 + 0.05 * ("std" in candidate.tasks))
    text, page = repr(found := chosen(**NOTHING_ELSE)), found._repr_html_()
    for said in ("search, judged by accuracy, in points", "+5.0", "the standard error of the gain"):
        assert said in " ".join(text.split())
        assert said in " ".join(re.sub("<[^>]+>", "", page).split())
    assert "<table" in page
