"""Of many samples a teacher is fitted on some: what it holds is bounded, and it still answers for all."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from auxtasks import AuxTargets, make_aux_targets
from auxtasks.teacher.features import FeatureSet
from auxtasks.teacher.teaching import course_of

RNG = np.random.default_rng(0)
N = 90
LABELLED = np.sort(RNG.permutation(N)[:20])
CLASSES = np.arange(N) % 2
Y = np.full(N, -1)
Y[LABELLED] = CLASSES[LABELLED]
SIGNALS = (RNG.normal(size=(N, 20, 2)).cumsum(axis=1) * (1 + CLASSES[:, None, None])).astype("float32")
WORDS = [["sun", "rain"], ["bread", "salt"]]
INPUTS: dict[str, Any] = {
    "signal": SIGNALS,
    "ragged": [signal[: 9 + row % 11] for row, signal in enumerate(SIGNALS)],
    "image": RNG.random((N, 8, 8)) + CLASSES[:, None, None],
    "any": SIGNALS[:, 0],
    "text": [" ".join([*RNG.choice(WORDS[CLASSES[row]], 3), "or"]) for row in range(N)],
    "tokens": [[*RNG.choice(WORDS[CLASSES[row]], 3), "or"] for row in range(N)],
}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty samples are many, and eight a block."""
    monkeypatch.setattr("auxtasks.teacher.teaching.MOST_SAMPLES", 40)
    monkeypatch.setattr("auxtasks.targets.samples.BLOCK_ROWS", 8)


def made(kind: str = "signal", y: Any = Y, options: Any = None) -> AuxTargets:
    domain = {"ragged": "signal", "tokens": "text"}.get(kind, kind)
    return make_aux_targets(INPUTS[kind], domain, {"soft_labels": options or {}}, y=y)


def some(kind: str, rows: Any) -> Any:
    return [INPUTS[kind][row] for row in rows] if isinstance(INPUTS[kind], list) else INPUTS[kind][rows]


@pytest.mark.parametrize("kind", INPUTS)
def test_soft_labels_are_those_of_a_teacher_of_the_samples_drawn(kind: str) -> None:
    targets = made(kind)
    (teacher,) = targets.teachers
    drawn, domain = teacher.drawn, targets.generator.domain
    # Where series differ in length, those alone must have the longest among them.
    assert kind != "ragged" or max(map(len, some(kind, drawn))) == max(map(len, INPUTS[kind]))
    alone = make_aux_targets(some(kind, drawn), domain, "soft_labels", y=Y[drawn])
    np.testing.assert_array_equal(targets["soft_labels"][drawn], alone["soft_labels"])
    assert targets.specs == alone.specs
    others = np.setdiff1d(np.arange(N), drawn)
    expected = alone.transform(some(kind, others))["soft_labels"]
    np.testing.assert_allclose(targets["soft_labels"][others], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(targets["soft_labels"]).all(axis=1), Y >= 0)


def test_features_of_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []

    def counted(self: FeatureSet, samples: Any, original: Any = FeatureSet.of) -> Any:
        rows.append(samples.n)
        return original(self, samples)

    monkeypatch.setattr(FeatureSet, "of", counted)
    targets = made("any")
    (teacher,) = targets.teachers
    assert {len(view) for view in teacher.known.values()} == {40}
    assert max(rows) <= 8
    rows.clear()
    targets.transform(INPUTS["any"])
    assert rows == [40, 40, 10]


def test_labelled_samples_are_drawn_and_some_others() -> None:
    course, again = course_of(Y, N, N), course_of(Y, N, N)
    assert course is not None
    assert again is not None
    np.testing.assert_array_equal(course.drawn, again.drawn)
    assert len(np.unique(course.drawn)) == 40
    assert (np.diff(course.drawn) > 0).all()
    assert set(LABELLED) <= set(course.drawn)


def test_more_labels_than_are_drawn() -> None:
    y = np.where(np.arange(N) < 80, CLASSES, -1)  # of which every other would hold one class alone
    (teacher,) = made(y=y).teachers
    assert len(teacher.drawn) == teacher.spec.options["n_labelled"] == 40
    assert teacher.drawn.max() < 80
    unseen, said = teacher.said_unseen(), teacher.opinions()
    assert unseen.shape == (80, 2)
    np.testing.assert_array_equal(unseen[teacher.drawn], teacher.unseen.said)
    rest = np.setdiff1d(np.arange(80), teacher.drawn)
    np.testing.assert_array_equal(unseen[rest], said[rest])


def test_each_output_has_its_share() -> None:
    many = np.where(np.arange(N) < 80, CLASSES, -1)
    late = np.where(np.arange(N) >= 80, CLASSES, -1)
    course = course_of({"a": many, "b": late}, N, N)
    assert course is not None
    assert set(range(80, 90)) <= set(course.drawn)
    assert len(course.drawn) == 30


def test_as_many_as_are_drawn_are_all_drawn() -> None:
    targets = make_aux_targets(SIGNALS[:40], "signal", "soft_labels", y=Y[:40])
    (teacher,) = targets.teachers
    assert teacher.everything is None
    np.testing.assert_array_equal(teacher.drawn, np.arange(40))


@pytest.mark.parametrize("kind", ["signal", "ragged", "text"])
def test_taught_anew(kind: str) -> None:
    targets = made(kind)
    (teacher,) = targets.teachers
    shown = Y.copy()
    shown[LABELLED[::3]] = -1
    anew = teacher.shown(shown)
    soft = anew.soft_labels()
    assert len(anew.opinions()) == N
    assert np.isfinite(anew.opinions()).all()
    np.testing.assert_array_equal(np.isnan(soft).all(axis=1), shown >= 0)
    np.testing.assert_array_equal(soft[shown < 0], anew.opinions()[shown < 0])
    again = pickle.loads(pickle.dumps(teacher))  # noqa: S301
    np.testing.assert_array_equal(again.shown(shown).soft_labels(), soft)


def test_a_memory_map(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", SIGNALS)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    targets = make_aux_targets(mapped, "signal", "soft_labels", y=Y)
    np.testing.assert_array_equal(targets["soft_labels"], made()["soft_labels"])
    (teacher,) = targets.teachers
    again = pickle.loads(pickle.dumps(teacher))  # noqa: S301
    np.testing.assert_array_equal(again.opinions(), teacher.opinions())


def test_copies_have_none() -> None:
    tasks: Any = ["rotation", {"soft_labels": {"teacher": LogisticRegression()}}]
    targets = make_aux_targets(INPUTS["image"], "image", tasks, y=Y)
    assert len(targets["soft_labels"]) == 2 * N
    assert np.isnan(targets["soft_labels"][N:]).all()
    assert np.isfinite(targets["soft_labels"][:N][Y < 0]).all()
