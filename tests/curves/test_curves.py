"""Curves and confusion matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

import auxtasks
from auxtasks.curves import draw_curves, plot_curves
from auxtasks.curves.decisions import decisions_of
from auxtasks.curves.points import mean_precision_recall, mean_roc, pooled, precision_recall, roc
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import attach_heads

RNG = np.random.default_rng(0)


def classes(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    p = np.exp(rng.normal(size=(n, k)) + 1.5 * np.eye(k)[y])
    return y, p / p.sum(axis=1, keepdims=True)


def legend(figure: Any) -> dict[str, list[float]]:
    said = [text.get_text().rsplit(": ", 1) for text in figure.legends[0].get_texts()]
    return {name: [float(area) for area in areas.split(", ")] for name, areas in said}


@settings(max_examples=15)
@given(st.integers(3, 6), st.integers(0, 50))
def test_areas_are_those_of_scikit_learn_and_of_the_points_drawn(k: int, seed: int) -> None:
    y, p = classes(40, k, seed)
    found = decisions_of(y, p)
    assert found is not None
    rocs, prs = [roc(each) for each in found.drawn], [precision_recall(each) for each in found.drawn]
    one_hot = np.eye(k)[y]
    for average, areas in (
        ("macro", (mean_roc(rocs), mean_precision_recall(prs))),
        ("micro", (roc(pooled(found.classes)), precision_recall(pooled(found.classes)))),
    ):
        assert areas[0].area == pytest.approx(metrics.roc_auc_score(one_hot, p, average=average))
        assert areas[1].area == pytest.approx(metrics.average_precision_score(one_hot, p, average=average))
        # The drawn mean has the area that is written beside it, by the rule of each curve.
        assert np.trapezoid(areas[0].y, areas[0].x) == pytest.approx(areas[0].area, abs=1e-9)
        steps = -np.diff(areas[1].x) * areas[1].y[:-1]
        assert steps.sum() == pytest.approx(areas[1].area, abs=1e-9)


def test_figures_say_the_areas_of_each_class() -> None:
    y, p = classes(200, 4)
    figures = draw_curves(y, p, classes=["a", "b", "$c", "d"])
    said = legend(figures["curves"])
    assert list(said) == ["a", "b", "$c", "d", "mean of classes", "all pooled"]
    assert said["$c"][0] == pytest.approx(metrics.roc_auc_score(y == 2, p[:, 2]), abs=6e-4)
    assert said["d"][1] == pytest.approx(metrics.average_precision_score(y == 3, p[:, 3]), abs=6e-4)
    axes = figures["confusion"].axes[0]
    written = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    counts = metrics.confusion_matrix(y, p.argmax(axis=1))
    assert written == {where: str(count) for where, count in np.ndenumerate(counts) if count}


def test_labels_that_are_missing_are_left_out_entry_by_entry() -> None:
    y, p = classes(100, 3)
    some = np.where(RNG.random(100) < 0.4, -1, y)
    whole, part = decisions_of(some, p), decisions_of(y[some >= 0], p[some >= 0])
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(whole.truth, part.truth)
    flags, chances = (RNG.random((100, 4)) < 0.4).astype(int), RNG.random((100, 4))
    holes = np.where(RNG.random((100, 4)) < 0.3, -1, flags)
    found = decisions_of(holes, chances)
    assert found is not None
    for column, each in enumerate(found.classes):
        present = holes[:, column] >= 0
        np.testing.assert_array_equal(each.members, flags[present, column] == 1)
        np.testing.assert_allclose(each.scores, chances[present, column])


def test_steps_without_a_prediction_are_left_out() -> None:
    p = RNG.dirichlet(np.ones(3), size=(6, 5))
    y = RNG.integers(0, 3, (6, 5))
    p[2, 3:], y[0, 4] = np.nan, -1
    found = decisions_of(y, p, problem="multiclass")
    assert found is not None
    assert len(found.truth) == 30 - 3


def test_a_class_without_samples_has_no_curve_and_is_named() -> None:
    y, p = classes(60, 5)
    figures = draw_curves(np.where(y == 3, 1, y), p)
    assert "3" not in legend(figures["curves"])
    assert "none or all of the samples are of it: 3" in figures["curves"].get_suptitle()
    assert "no sample of: 3" in figures["confusion"].axes[0].get_title(loc="left")


def test_many_classes_are_grey_but_for_the_worst() -> None:
    y, p = classes(900, 40)
    figure = draw_curves(y, p)["curves"]
    worst = np.argsort([metrics.average_precision_score(y == at, p[:, at]) for at in range(40)])[:5]
    assert list(legend(figure)) == [*map(str, sorted(worst)), "mean of classes", "all pooled"]


def test_forty_labels_are_drawn_in_small() -> None:
    flags, chances = (RNG.random((50, 40)) < 0.4).astype(int), RNG.random((50, 40))
    figure = draw_curves(flags, chances)["confusion"]
    assert (len(figure.axes), "10 more labels" in figure.get_suptitle()) == (30, True)


@pytest.mark.parametrize(
    ("y", "p", "options", "names"),
    [
        ([0, 1, 1, 0], [0.1, 0.6, 0.4, 0.5], {}, ["1"]),
        ([0, 1, 1, 0], [[-2.0], [1.0], [0.5], [0.1]], {"from_logits": True, "classes": ["no", "yes"]}, ["yes"]),
        ([0, 1, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]], {}, ["1"]),
        ([-1, 1, 1, -1], [[-2.0], [1.0], [0.5], [0.1]], {"loss": "hinge"}, ["1"]),
        ([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]], {"problem": "multilabel"}, ["0", "1"]),
    ],
)
def test_every_form_of_two_classes(y: Any, p: Any, options: Any, names: list[str]) -> None:
    said = legend(draw_curves(y, p, **options)["curves"])
    assert [name for name in said if name not in ("mean of classes", "all pooled")] == names


def test_one_class_alone_has_no_curve() -> None:
    with pytest.warns(AuxTasksWarning, match="'pose' has no curves: no class has samples of it and others"):
        figures = draw_curves([0, 0, -1], [0.4, 0.6, 0.7], task="pose", problem="binary")
    assert list(figures) == ["confusion"]


def test_numbers_have_no_curves() -> None:
    assert draw_curves([0.5, 1.5], [0.4, 1.0]) == {}


@pytest.mark.parametrize(
    ("y", "p", "options", "error", "message"),
    [
        ([0, 1], [0.5, 0.2], {"classes": ["a"]}, InvalidInputError, "`classes` must name the 2 classes; got 1"),
        ([0, 1, 2], [[0.5, 0.5]] * 3, {}, InvalidInputError, "`y` must fit the output of the model"),
        ([0, 1, 1], [[0.2, 0.3, 0.5]] * 2, {}, InvalidInputError, "must have a label for each prediction"),
        (["a"], [0.5], {}, InvalidTypeError, "`y_true` must hold integers or floats"),
        ([-1, -1, -1], [[0.5, 0.2, 0.3]] * 3, {}, InvalidInputError, "`y` holds no label at all"),
        ([0, 1, 2], np.full((3, 3), np.nan), {}, InvalidInputError, "no finite prediction for any sample"),
        ([0, 1, 1], [-1.5, 2.0, 0.3], {}, InvalidInputError, "goes from -1.5 to 2; for logits pass from_logits=True"),
    ],
)
def test_what_does_not_fit_is_refused(y: Any, p: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        draw_curves(y, p, **options)


@pytest.fixture(scope="module")
def trained() -> Any:
    x = RNG.normal(size=(60, 12, 1)).astype("float32")
    y = (x[:, -1, 0] > 0).astype(int)
    pose = np.array(["left", "right", "up"])[RNG.integers(0, 3, 60)]
    given = {"a/pose": pose, "flags": (RNG.random((60, 4)) < 0.5).astype(int)}
    targets = auxtasks.make_aux_targets(x, "signal", ["std"], given=given)
    layers = [keras.layers.Conv1D(3, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    model = attach_heads(keras.Sequential([keras.Input((12, 1)), *layers]), targets)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    return model, x, y, targets


def test_one_call_writes_the_figures_of_every_task(trained: Any, tmp_path: Path) -> None:
    model, x, y, targets = trained
    written = plot_curves(model, x, targets.with_main(y), tmp_path / "new", classes=["down", "up"])
    tasks = ("main", "a/pose", "flags")
    assert list(written) == [f"{task}_{kind}" for task in tasks for kind in ("curves", "confusion")]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in written.values()}
    assert written["a/pose_curves"].name == "a_pose_curves.png"
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written.values())
    again = plot_curves(model.base, x, y, tmp_path / "base", classes=["down", "up"], from_logits=True)
    assert again["main_curves"].read_bytes() == written["main_curves"].read_bytes()


def test_minus_one_is_missing_in_targets_also_beside_nothing_but_one(trained: Any, tmp_path: Path) -> None:
    model, x, _, _ = trained
    flags = np.where(RNG.random((60, 4)) < 0.5, -1, 1)
    with pytest.warns(AuxTasksWarning, match="'flags' has no curves"):
        assert list(plot_curves(model, x, {"flags": flags}, tmp_path)) == ["flags_confusion"]


def test_tasks_without_any_label_are_left_out(trained: Any, tmp_path: Path) -> None:
    model, x, y, _ = trained
    with pytest.warns(AuxTasksWarning, match="'a/pose' has no label in `y`"):
        written = plot_curves(model, x, {"main": y, "a/pose": np.full(60, -1)}, tmp_path)
    assert list(written) == ["main_curves", "main_confusion"]


def test_several_outputs_are_drawn_by_name(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    outputs = {"kind": keras.layers.Dense(3, "softmax")(inputs), "size": keras.layers.Dense(1)(inputs)}
    model = keras.Model(inputs, outputs)
    labels = {"kind": np.arange(12) % 3, "size": RNG.normal(size=12)}
    written = plot_curves(model, RNG.normal(size=(12, 3)), labels, tmp_path)
    assert list(written) == ["kind_curves", "kind_confusion"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": {"mian": [1]}}, UnknownNameError, "`y`: there is no task named 'mian'. Did you mean 'main'"),
        ({"classes": {"mian": "ab"}}, UnknownNameError, "`classes`: there is no task named 'mian'"),
        ({"classes": "up"}, InvalidTypeError, "got the single name 'up'"),
        ({"model": len}, InvalidTypeError, "`model` must be a keras.Model; got builtin_function_or_method"),
    ],
)
def test_calls_that_cannot_be_are_refused(trained: Any, change: Any, error: Any, message: str, tmp_path: Path) -> None:
    model, x, y, _ = trained
    with pytest.raises(error, match=message):
        plot_curves(**{"model": model, "x": x, "y": y, "folder": tmp_path / "none", **change})
    assert not (tmp_path / "none").exists()
