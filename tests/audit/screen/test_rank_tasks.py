"""A screen finds what was planted, whatever the order, the units and the holes; and says so."""

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_tasks import N, planted, vector

import auxtasks
from auxtasks import TargetSpec
from auxtasks.audit.screen import Ranking, TaskRank, rank_tasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.typing import Array

TARGETS, SPECS, Y, X = planted()


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    return rank_tasks(TARGETS, Y, inputs=X, specs=SPECS)


def by_name(ranking: Ranking) -> dict[str, TaskRank]:
    return {row.task: row for row in ranking}


def test_the_relevant_one_comes_first_and_what_has_no_promise_last(ranking: Ranking) -> None:
    assert ranking.names[0] == "relevant"
    assert ranking.names[-1] == "constant"
    rows = by_name(ranking)
    assert rows["relevant"].promise > 0.8
    assert max(rows[name].promise for name in ("redundant", "trivial", "of_label", "noise")) < 0.1


def test_measures_are_those_planted(ranking: Ranking) -> None:
    rows = by_name(ranking)
    assert rows["relevant"].relevance > 0.8
    assert abs(rows["noise"].relevance) < 0.1
    assert rows["redundant"].redundancy > 0.95
    assert rows["redundant"].redundant_with == "relevant"
    assert rows["trivial"].triviality == pytest.approx(1, abs=1e-3)
    assert rows["of_label"].from_label == pytest.approx(1, abs=1e-3)
    assert 0.5 < rows["relevant"].from_label < 0.9
    for name in ("relevant", "noise", "of_label"):
        assert rows[name].triviality < 0.1


def test_warnings_name_the_numbers(ranking: Ranking) -> None:
    said = {row.task: row.warnings for row in ranking}
    assert said["relevant"] == ()
    assert said["constant"] == ("constant: the same for all samples; there is nothing to learn.",)
    assert said["trivial"][0] == (
        "trivial: 100 % of it is a linear function of the input; a deep trunk has little to learn from it."
    )
    assert any("of it is a linear function of relevant; it adds little" in line for line in said["redundant"])
    assert any("100 % of it follows from the main label" in line for line in said["of_label"])
    assert any(line.startswith("noise: from it, a linear model predicts the main") for line in said["noise"])


@settings(max_examples=4)
@given(order=st.permutations(list(TARGETS)))
def test_the_order_of_tasks_does_not_matter(ranking: Ranking, order: list[str]) -> None:
    found = rank_tasks({name: TARGETS[name] for name in order}, Y, inputs=X, specs=SPECS)
    assert list(map(str, found)) == list(map(str, ranking))


@settings(max_examples=4)
@given(scale=st.sampled_from([1e-12, 1e-3, 1.0, 1e9]), shift=st.floats(-3, 3))
def test_units_do_not_matter(ranking: Ranking, scale: float, shift: float) -> None:
    rescaled = {name: scale * (target + shift) for name, target in TARGETS.items()}
    found = rank_tasks(rescaled, Y, inputs=(X - shift) * scale, specs=SPECS)
    assert sorted(found.names) == sorted(ranking.names)
    for name, row in by_name(ranking).items():
        other = by_name(found)[name]
        assert other.redundant_with == row.redundant_with
        for field in ("promise", "relevance", "redundancy", "triviality", "from_label", "missing"):
            assert getattr(other, field) == pytest.approx(getattr(row, field), abs=2e-3, nan_ok=True), field


def test_of_two_that_say_the_same_one_keeps_its_promise() -> None:
    twins = {"b": TARGETS["relevant"], "a": 3 * TARGETS["relevant"] - 1}
    rows = by_name(rank_tasks(twins, Y, specs={name: vector(name, 3) for name in twins}))
    assert rows["a"].promise == pytest.approx(rows["a"].relevance)
    assert rows["b"].promise == pytest.approx(0, abs=1e-4)
    assert (rows["a"].redundant_with, rows["b"].redundant_with) == ("b", "a")


@pytest.mark.parametrize(
    ("kind", "target", "shape", "n_classes"),
    [
        ("class", Y, (), 3),
        ("multilabel", np.eye(3, dtype=int)[Y], (3,), None),
        ("distribution", np.eye(3)[Y], (3,), None),
        ("step_class", np.stack([Y, Y, np.full(N, -1)], axis=1), (3,), 3),
        ("step_vector", np.eye(3)[Y][:, None] * np.array([1.0, 2.0, np.nan])[:, None], (3, 3), None),
        ("image", np.eye(3)[Y][:, :, None, None] * np.ones((11, 1)), (3, 11, 1), None),
    ],
)
def test_every_kind_is_read(kind: Any, target: Array, shape: tuple[int, ...], n_classes: int | None) -> None:
    rng = np.random.default_rng(0)
    specs = {"told": TargetSpec("told", "told", kind, shape, n_classes=n_classes), "noise": vector("noise", 1)}
    rows = by_name(rank_tasks({"told": target, "noise": rng.normal(size=(N, 1))}, Y, inputs=np.eye(3)[Y], specs=specs))
    assert rows["told"].relevance == 1
    assert rows["told"].from_label == pytest.approx(1, abs=1e-3)
    assert rows["told"].triviality == pytest.approx(1, abs=1e-3)
    assert isnan(rows["told"].entropy) == (n_classes is None)


@pytest.mark.parametrize(
    ("counts", "entropy"), [((150, 150), 1.0), ((300, 0), 0.0), ((75, 225), 0.8113)], ids=["even", "one", "1:3"]
)
def test_entropy_is_that_of_the_shares(counts: tuple[int, int], entropy: float) -> None:
    target = np.repeat([0, 1], counts)
    row = rank_tasks({"a": target}, Y, specs={"a": TargetSpec("a", "a", "class", (), n_classes=2)})[0]
    assert row.entropy == pytest.approx(entropy, abs=1e-4)


def test_numbers_and_labels_can_be_the_main_task() -> None:
    numbers = TARGETS["relevant"] @ [1.0, 2.0, -1.0] + 0.1 * TARGETS["noise"][:, 0]
    flags = (TARGETS["relevant"] > 0.5).astype(int)
    for y in (numbers, numbers[:, None] * [1.0, -2.0], flags):
        rows = by_name(rank_tasks(TARGETS, y, inputs=X, specs=SPECS))
        assert rows["relevant"].relevance > 0.6
        assert rows["noise"].relevance < 0.1


def test_labels_of_few_samples_are_enough_and_others_do_not_count() -> None:
    few = rank_tasks(TARGETS, Y[:60], inputs=X, specs=SPECS)
    holes = rank_tasks(TARGETS, np.where(np.arange(N) < 60, Y, -1), inputs=X, specs=SPECS)
    assert list(map(str, few)) == list(map(str, holes))
    assert (few.n_samples, few.n_labelled) == (N, 60)
    assert few.notes == ("Relevance rests on only 60 labelled samples and is rough.",)
    assert by_name(few)["relevant"].relevance > 0.6


def test_missing_values_are_counted_and_left_out() -> None:
    holed = TARGETS["relevant"].copy()
    holed[::3] = np.nan
    holed[1::3, 0] = np.nan
    row = rank_tasks({"relevant": holed}, Y, inputs=X, specs={"relevant": vector("relevant", 3)})[0]
    assert row.missing == pytest.approx(1 / 3 + 1 / 9)
    assert row.relevance > 0.6


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.full(N, -1), "only 0 labelled samples"),
        ([0, 1, 0, 1], "only 4 labelled samples"),
        (np.arange(N), "fewer than two classes"),
        (np.full(N, 0.5), "all main labels are the same"),
        (np.arange(2 * N).reshape(N, 2) % 7, "those of single steps"),
    ],
)
def test_labels_that_tell_nothing_give_nan_and_a_note(y: Any, reason: str) -> None:
    found = rank_tasks(TARGETS, y, inputs=X, specs=SPECS)
    assert all(isnan(row.relevance) and isnan(row.promise) and isnan(row.from_label) for row in found)
    assert reason in found.warnings[0]
    assert by_name(found)["trivial"].triviality == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("y", [np.zeros(N, int), np.r_[np.ones(50), np.full(N - 50, np.nan)], np.arange(N) % 2 * 2 - 1])
def test_one_class_is_refused(y: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"`y` holds one class only, [01](\.0)?.*-1 stands for a missing label"):
        rank_tasks(TARGETS, y, inputs=X, specs=SPECS)


@pytest.mark.parametrize("argument", [{"problem": "x"}, {"seed": -1}, {"max_samples": float("nan")}])
def test_arguments_of_no_meaning_are_refused(argument: Any) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError, UnknownNameError), match=f"`{next(iter(argument))}`"):
        rank_tasks(TARGETS, Y, inputs=X, specs=SPECS, **argument)


def test_targets_that_tell_nothing_give_nan_and_a_warning() -> None:
    specs = {"gone": vector("gone", 2), "class": TargetSpec("class", "class", "class", (), n_classes=4)}
    found = rank_tasks({"gone": np.full((N, 2), np.nan), "class": np.full(N, -1)}, Y, inputs=X, specs=specs)
    for row in found:
        assert isnan(row.relevance)
        assert isnan(row.triviality)
        assert row.missing == 1
        assert row.warnings == (f"{row.task}: missing for all samples; there is nothing to learn.",)
    assert by_name(found)["gone"].redundant_with == ""


def test_without_inputs_triviality_is_unknown_and_said_to_be() -> None:
    found = rank_tasks(TARGETS, Y, specs=SPECS)
    assert all(isnan(row.triviality) for row in found)
    assert found.notes == ("Triviality is unknown: there are no inputs; pass `inputs`.",)
    assert found.names[0] == "relevant"


def test_aux_targets_bring_specs_and_inputs(signals: Array) -> None:
    targets = auxtasks.make_aux_targets(np.tile(signals, (3, 1, 1)), "signal", ["mean", "std", "reconstruction"])
    rows = by_name(rank_tasks(targets, np.arange(36) % 2))
    assert rows["mean"].triviality > 0.95
    assert rows["reconstruction"].triviality > 0.95


def test_classes_of_steps_are_trivial_where_the_input_at_the_step_tells_them() -> None:
    words = np.random.default_rng(0).choice(["red", "blue", "car", "sky", "sea"], size=(80, 6))
    texts = [list(text[: 3 + index % 4]) for index, text in enumerate(words)]
    targets = auxtasks.make_aux_targets(texts, "text", ["next_word", "reconstruction"])
    rows = by_name(rank_tasks(targets, np.arange(80) % 2))
    assert rows["reconstruction"].triviality == pytest.approx(1, abs=1e-3)
    assert rows["next_word"].triviality < 0.1
    assert rows["reconstruction"].missing == 0, "padding is not missing"
    signs = {"signs": (X[:, :10] > 0).astype(int)}
    spec = {"signs": TargetSpec("signs", "signs", "step_class", (10,), n_classes=2)}
    assert rank_tasks(signs, Y, inputs=X[:, :10, None], specs=spec)[0].triviality == pytest.approx(2 / np.pi, abs=0.03)


def test_transformed_copies_have_no_label_and_count_for_the_rest() -> None:
    images = np.random.default_rng(0).random((40, 8, 8, 1))
    targets = auxtasks.make_aux_targets(images, "image", ["rotation", "thumbnail"])
    found = rank_tasks(targets, np.arange(40) % 2)
    row = by_name(found)["rotation"]
    assert (found.n_samples, found.n_labelled, isnan(row.relevance)) == (80, 40, True)
    assert row.entropy > 0.5
    with pytest.raises(InvalidInputError, match="from 1 to 40 entries"):
        rank_tasks(targets, np.arange(80) % 2)
    assert any("its relevance is unknown" in line for line in row.warnings)


def test_max_samples_bounds_both_draws() -> None:
    found = rank_tasks(TARGETS, Y, inputs=X, specs=SPECS, max_samples=50)
    assert (found.n_samples, found.n_labelled) == (50, 50)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"targets": [1, 2]}, InvalidTypeError, "`targets` must be AuxTargets, or a mapping.*got list"),
        ({"targets": {}}, InvalidInputError, "`targets` must hold at least one target"),
        ({"targets": {"noise": np.zeros((5, 3)), "trivial": np.zeros((6, 3))}}, InvalidInputError, r"'noise' \(5, 3\)"),
        ({"specs": None}, InvalidInputError, "`specs` must hold the TargetSpec of each target.*relevant"),
        ({"y": {"main": Y}}, InvalidTypeError, "`y` must hold the labels of one main output.*main"),
        ({"y": ["a"] * N}, InvalidInputError, "holds one class only"),
        ({"y": np.zeros(N + 1)}, InvalidInputError, f"from 1 to {N} entries"),
        ({"inputs": X[:5]}, InvalidInputError, rf"`inputs` must hold the {N} samples.*\(5, 20\)"),
        ({"inputs": ["a"] * N}, InvalidTypeError, "`inputs` must hold real numbers"),
        ({"max_samples": 5}, InvalidInputError, "`max_samples` must be at least 10"),
    ],
)
def test_what_cannot_be_screened_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"targets": TARGETS, "y": Y, "inputs": X, "specs": SPECS, **change}
    with pytest.raises(error, match=message):
        rank_tasks(given.pop("targets"), given.pop("y"), **given)
