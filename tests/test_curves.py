"""Curves and confusion matrices."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

import auxtasks
from auxtasks.curves import (
    Curve,
    decisions_of,
    draw_both,
    draw_confusion,
    file_stems,
    mean_precision_recall,
    mean_roc,
    plot_curves,
    pooled,
    precision_recall,
    roc,
    tasks_of,
)
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


def found_in(y: Any, p: Any, **options: Any) -> Any:
    found = decisions_of(y, p, **options)
    assert found is not None
    return found


@settings(max_examples=15)
@given(st.integers(3, 6), st.integers(0, 50))
def test_areas_are_those_of_scikit_learn_and_of_the_points_drawn(k: int, seed: int) -> None:
    y, p = classes(40, k, seed)
    found = found_in(y, p)
    rocs, prs = [roc(each) for each in found.classes], [precision_recall(each) for each in found.classes]
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
    figures = plot_curves(y, p, classes=pd.Index(["a", "b", "$c", "d"]))
    said = legend(figures["main_curves"])
    assert list(said) == ["a", "b", "$c", "d", "mean of classes", "all pooled"]
    assert said["$c"][0] == pytest.approx(metrics.roc_auc_score(y == 2, p[:, 2]), abs=6e-4)
    assert said["d"][1] == pytest.approx(metrics.average_precision_score(y == 3, p[:, 3]), abs=6e-4)
    axes = figures["main_confusion"].axes[0]
    written = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    written = {where: count for where, count in written.items() if count}
    counts = metrics.confusion_matrix(y, p.argmax(axis=1))
    assert written == {where: str(count) for where, count in np.ndenumerate(counts) if count}


def test_labels_that_are_missing_are_left_out_entry_by_entry() -> None:
    y, p = classes(100, 3)
    some = np.where(RNG.random(100) < 0.4, -1, y)
    whole, part = found_in(some, p), found_in(y[some >= 0], p[some >= 0])
    np.testing.assert_array_equal(whole.parts[0].truth, part.parts[0].truth)
    flags, chances = (RNG.random((100, 4)) < 0.4).astype(int), RNG.random((100, 4))
    holes = np.where(RNG.random((100, 4)) < 0.3, -1, flags)
    found = found_in(holes, chances)
    for column, each in enumerate(found.classes):
        present = holes[:, column] >= 0
        np.testing.assert_array_equal(each.members, flags[present, column] == 1)
        np.testing.assert_allclose(each.scores, chances[present, column])


def test_steps_without_a_prediction_are_left_out() -> None:
    p = RNG.dirichlet(np.ones(3), size=(6, 5))
    y = RNG.integers(0, 3, (6, 5))
    p[2, 3:], y[0, 4] = np.nan, -1
    assert len(found_in(y, p, problem="multiclass").parts[0].truth) == 30 - 3


def test_a_class_without_samples_has_no_curve_and_is_named() -> None:
    y, p = classes(60, 5)
    figures = plot_curves(np.where(y == 3, 1, y), p)
    assert "3" not in legend(figures["main_curves"])
    assert "none or all of the samples are of it: 3" in figures["main_curves"].get_suptitle()
    assert "no sample of: 3" in figures["main_confusion"].axes[0].get_title(loc="left")


def test_many_classes_are_grey_but_for_the_worst() -> None:
    y, p = classes(150, 15)
    figure = draw_both("main", found_in(y, p))
    worst = np.argsort([metrics.average_precision_score(y == at, p[:, at]) for at in range(15)])[:5]
    assert list(legend(figure)) == [*map(str, sorted(worst)), "mean of classes", "all pooled"]


def test_many_labels_are_drawn_in_small_also_those_that_no_sample_has_known() -> None:
    flags, chances = (RNG.random((50, 32)) < 0.4).astype(int), RNG.random((50, 32))
    flags[:, 1] = -1
    figure = draw_confusion("main", found_in(flags, chances))
    assert (len(figure.axes), "2 more labels" in figure.get_suptitle()) == (30, True)
    assert ["".join(text.get_text() for text in axes.texts) > "" for axes in figure.axes[:3]] == [True, False, True]


@pytest.mark.parametrize(
    ("y", "p", "options", "names"),
    [
        ([0, 1, 1, 0], [0.1, 0.6, 0.4, 0.5], {}, ["1"]),
        ([0, 1, 1, 0], [[-2.0], [1.0], [0.5], [0.1]], {"from_logits": True, "names": ["no", "yes"]}, ["yes"]),
        ([0, 1, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]], {}, ["1"]),
        ([-1, 1, 1, -1], [[-2.0], [1.0], [0.5], [0.1]], {"loss": "hinge"}, ["1"]),
        ([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]], {"problem": "multilabel"}, ["0", "1"]),
    ],
)
def test_every_form_of_two_classes(y: Any, p: Any, options: Any, names: list[str]) -> None:
    assert [each.name for each in found_in(y, p, **options).classes] == names


def test_a_curve_is_its_own_mean() -> None:
    rising, falling = Curve(np.r_[0, 0.5, 1], np.r_[0.0, 1, 1], 0.75), Curve(np.r_[1, 0.5, 0], np.r_[0.6, 0.8, 1], 0.7)
    assert mean_roc([rising, rising]).y.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert mean_precision_recall([falling, falling]).y.tolist() == pytest.approx([0.6, 0.8, 1.0])


def test_one_class_alone_has_no_curve() -> None:
    with pytest.warns(AuxTasksWarning, match="'pose' has no curves: no class has samples of it and others") as found:
        figures = plot_curves({"pose": [0, 0, -1]}, {"pose": [0.4, 0.6, 0.7]}, problem="binary")
    assert found[0].filename == __file__
    assert list(figures) == ["pose_confusion"]


def test_numbers_have_no_curves() -> None:
    assert plot_curves([0.5, 1.5], [0.4, 1.0]) == {}


def test_predictions_by_task_are_drawn_where_there_are_labels() -> None:
    (y, p), (pose, chances) = classes(30, 3), classes(30, 4, seed=1)
    labels = {"main": y, "pose": pose, "other": np.zeros(30)}
    figures = plot_curves(labels, {"pose": chances, "main": p}, classes={"pose": list("abcd")})
    assert list(figures) == ["pose_curves", "pose_confusion", "main_curves", "main_confusion"]
    assert list(legend(figures["pose_curves"]))[:4] == list("abcd")


class Dummy:
    """What predicts and is no model of Keras."""

    def predict(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("y", "p", "options", "error", "message"),
    [
        ([0, 1], [0.5, 0.2], {"classes": ["a"]}, InvalidInputError, "`classes` must name the 2 classes; got 1"),
        ([0, 1, 2], [[0.5, 0.5]] * 3, {}, InvalidInputError, "`y` must fit the output of the model"),
        ([0, 1, 1], [[0.2, 0.3, 0.5]] * 2, {}, InvalidInputError, "must have a label for each prediction"),
        ([0, 1, 1], [[0.5, 0.5]] * 4, {"problem": "multilabel"}, InvalidInputError, r"found shape \(3,\) and outputs"),
        ([0, 1], [0.5, 0.2], {"problem": "classes"}, UnknownNameError, "no choice named 'classes'"),
        ([0, 1], [0.5, 0.2], {"classes": "ab"}, InvalidTypeError, ".*as a list; got 'ab'"),
        ([0, 1], [0.5, 0.2], {"classes": 100}, InvalidTypeError, "`classes` must be the names .*as a list; got 100"),
        ([0, 1], [0.5, 0.2], {"from_logits": "no"}, InvalidTypeError, "`from_logits` must be True or False; got 'no'"),
        (["a"], [0.5], {}, InvalidTypeError, "`y_true` must hold integers or floats"),
        ([0, 1], {"main": [0.5, 0.2], "pose": [0, 1]}, {}, UnknownNameError, "`y_pred`: there is no task .* 'pose'"),
        ([0, 1], [0.5, 0.2], {"x": [[1.0], [2.0]]}, InvalidInputError, "`x` is what a model reads"),
        (
            [0, 1],
            Dummy(),
            {"x": [[1.0], [2.0]]},
            InvalidTypeError,
            "`y_pred` must be predictions or a keras.Model; got",
        ),
        ({"a": ["b"]}, {"a": [0.5]}, {}, InvalidTypeError, r"`y_true\['a'\]` must hold integers or floats"),
        ([0, 1, 2], np.full((3, 3), np.nan), {}, InvalidInputError, "no finite prediction for any sample"),
        ([0, 1, 1], [-1.5, 2.0, 0.3], {}, InvalidInputError, "goes from -1.5 to 2; for logits pass from_logits=True"),
    ],
)
def test_what_does_not_fit_is_refused(y: Any, p: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        plot_curves(y, p, **options)


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pixels, which are faster."""
    monkeypatch.setattr("auxtasks.audit.report.figures.DPI", 20)


@pytest.fixture(scope="module")
def trained() -> Any:
    x = RNG.normal(size=(60, 12, 1)).astype("float32")
    y = (x[:, -1, 0] > 0).astype(int)
    pose = np.array(["left", "right", "up"])[RNG.integers(0, 3, 60)]
    given = {"a/pose": pose, "flags": (RNG.random((60, 4)) < 0.5).astype(int)}
    targets = auxtasks.make_aux_targets(x, "signal", ["std"], label_columns=given)
    layers = [keras.layers.Conv1D(3, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    model = attach_heads(keras.Sequential([keras.Input((12, 1)), *layers]), targets)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model, x, y, targets


def test_one_call_writes_the_figures_of_every_task(trained: Any, tmp_path: Path) -> None:
    model, x, y, targets = trained
    figures = plot_curves(targets.with_main(y), model, x=x, folder=tmp_path / "new", classes=["down", "up"])
    tasks = ("main", "a/pose", "flags")
    assert list(figures) == [f"{task}_{kind}" for task in tasks for kind in ("curves", "confusion")]
    written = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    stem = file_stems(["a/pose"])["a/pose"]
    assert re.fullmatch(r"a_pose-[0-9a-f]{8}", stem)
    assert written.keys() == {
        f"{task}_{kind}.png" for task in ("main", stem, "flags") for kind in ("curves", "confusion")
    }
    assert all(content.startswith(b"\x89PNG") for content in written.values())


def test_names_of_files_differ_on_any_file_system() -> None:
    names = ["a/b", "a:b", "a_b", "Pose", "pose", "é", "e\u0301", "x" * 300, "x" * 301, "flags", "..", ""]
    stems = file_stems(names)
    folded = {unicodedata.normalize("NFKC", stem).casefold() for stem in stems.values()}
    assert len(folded) == len(names)
    assert max(len(stem.encode()) for stem in stems.values()) < 200
    assert {name for name, stem in stems.items() if name == stem} == {"é", "flags", "..", ""}
    # A name has the same file whatever other tasks there are.
    assert file_stems(["a:b"]) == {"a:b": stems["a:b"]}


def test_minus_one_is_missing_in_targets_also_beside_nothing_but_one(trained: Any) -> None:
    model, x, _, _ = trained
    labels = {"flags": np.where(RNG.random((60, 4)) < 0.5, -1, 1), "a/pose": np.full(60, -1)}
    with (
        pytest.warns(AuxTasksWarning, match="'flags' has no curves"),
        pytest.warns(AuxTasksWarning, match="'a/pose' has no label in `y_true`"),
    ):
        assert list(plot_curves(labels, model, x=x)) == ["flags_confusion"]


@pytest.mark.parametrize("form", [dict, list])
def test_several_outputs_have_names_and_losses_of_their_own(form: Any) -> None:
    inputs = keras.Input((3,))
    outputs = {name: keras.layers.Dense(units, name=name)(inputs) for name, units in (("kind", 3), ("size", 1))}
    losses = {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"}
    model = keras.Model(inputs, outputs if form is dict else list(outputs.values()))
    model.compile("sgd", losses if form is dict else list(losses.values()))
    found = tasks_of({"size": [0.5, 1, 2], "kind": [0, 1, 2]}, model, np.eye(3), classes={"kind": "abc"})
    assert {name: options["loss"] for name, options in found.items()} == losses
    assert found["kind"]["y_pred"].shape == (3, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y_true": {"mian": [1]}}, UnknownNameError, "`y_true`: there is no task named 'mian'. Did you mean 'main'"),
        ({"classes": {"mian": "ab"}}, UnknownNameError, "`classes`: there is no task named 'mian'"),
        ({"classes": "up"}, InvalidTypeError, ".*as a list; got 'up'"),
        ({"batch_size": 0}, InvalidInputError, "`batch_size` must be at least 1; got 0"),
        ({"x": None}, InvalidInputError, "`x` must be the inputs that the model in `y_pred` predicts from; got None"),
    ],
)
def test_calls_that_cannot_be_are_refused(trained: Any, change: Any, error: Any, message: str, tmp_path: Path) -> None:
    model, x, y, _ = trained
    with pytest.raises(error, match=message):
        plot_curves(**{"y_true": y, "y_pred": model, "x": x, "folder": tmp_path / "none", **change})
    assert not (tmp_path / "none").exists()
