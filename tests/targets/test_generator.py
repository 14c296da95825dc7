"""The estimator follows scikit-learn's conventions, without importing it."""

import pickle
import threading
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.errors import AuxTasksError, InvalidInputError, MissingDependencyError, UnknownNameError
from auxtasks.targets.tasks import TEXT_ONLY
from auxtasks.typing import Array
from tests.extractors.text.toy import ToyTagger

TASKS = ["std", {"fft": {"n_coefficients": 4}}]
SERIES = [np.arange(6.0), np.arange(4.0) ** 2, np.array([3.0, 1.0, 2.0])]


def test_one_call_is_fit_and_transform(signals: Array) -> None:
    whole = make_aux_targets(signals, "signal", TASKS)
    for targets in (
        AuxTargetGenerator("signal", TASKS).fit_transform(signals),
        AuxTargetGenerator("signal", TASKS).fit(signals, np.arange(12)).transform(signals),
    ):
        assert targets.specs == whole.specs
        for name in whole:
            np.testing.assert_array_equal(targets[name], whole[name])


def test_clone_copies_parameters_and_not_what_was_fitted(signals: Array) -> None:
    fitted = AuxTargetGenerator("signal", TASKS, seed=3, dtype="float64").fit(signals)
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(fresh)
    for ask in (fresh.transform, fresh.prepare, fresh.in_graph):
        with pytest.raises(InvalidInputError, match="not fitted yet; call `fit`"):
            ask(signals)


def test_parameters_are_read_and_set_by_name() -> None:
    generator = AuxTargetGenerator("signal", TASKS)
    assert generator.get_params()["tasks"] is TASKS
    assert generator.set_params(seed=4, padding="pre") is generator
    assert (generator.seed, generator.padding) == (4, "pre")
    with pytest.raises(UnknownNameError, match=r"no parameter of AuxTargetGenerator named 'sede'. Did you mean 'seed'"):
        generator.set_params(scale=False, sede=5)
    assert generator.scale is True


def test_parameters_of_texts_have_the_defaults_by_which_others_are_refused() -> None:
    params = AuxTargetGenerator("text").get_params()
    assert {name: params[name] for name in TEXT_ONLY} == TEXT_ONLY


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(AuxTargetGenerator("signal", ["std"], seed=3)) == (
        "AuxTargetGenerator(domain='signal', tasks=['std'], seed=3)"
    )


def test_works_as_the_end_of_a_pipeline(signals: Array) -> None:
    pipeline = make_pipeline(FunctionTransformer(lambda X: 2 * X), AuxTargetGenerator("signal", "std"))
    expected = make_aux_targets(2 * signals, "signal", "std")["std"]
    np.testing.assert_array_equal(pipeline.fit_transform(signals)["std"], expected)
    np.testing.assert_array_equal(pipeline.fit(signals).transform(signals)["std"], expected)


def test_pickled_generator_transforms_alike(signals: Array) -> None:
    generator = AuxTargetGenerator("signal", TASKS).fit(signals)
    copied = pickle.loads(pickle.dumps(generator))  # noqa: S301
    np.testing.assert_array_equal(copied.transform(signals)["fft"], generator.transform(signals)["fft"])


def test_refitting_does_not_reach_targets_made_before(signals: Array) -> None:
    generator = AuxTargetGenerator("signal", "std")
    targets = generator.fit_transform(signals)
    generator.fit(100 * signals)
    np.testing.assert_array_equal(targets.transform(signals)["std"], targets["std"])


@pytest.mark.parametrize("tasks", [["std"], ["std", {"next_steps": {"horizon": 1}}]])
def test_prepared_inputs_are_laid_out_as_transform_does(tasks: list[Any]) -> None:
    targets = make_aux_targets(SERIES, "signal", tasks)
    np.testing.assert_array_equal(targets.prepare(SERIES[1:]), targets.transform(SERIES[1:]).inputs)


def test_prepared_inputs_have_no_copies() -> None:
    X = np.random.default_rng(0).random((4, 6, 6))
    targets = make_aux_targets(X, "image", ["rotation"])
    np.testing.assert_array_equal(targets.prepare(X), X)


@pytest.mark.parametrize("inputs", ["ids", "texts"])
def test_prepared_texts_are_not_tagged(inputs: str) -> None:
    tagger = ToyTagger()
    targets = make_aux_targets(["the dog", "a city"], "text", "pos", tagger=tagger, model_inputs=inputs)
    tagger.asked.clear()
    prepared = targets.prepare(["dog a"])
    assert tagger.asked == []
    np.testing.assert_array_equal(prepared, targets.transform(["dog a"]).inputs)


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_threads_do_not_change_the_result(n_jobs: int) -> None:
    X = np.random.default_rng(0).normal(size=(900, 64, 5)).astype(np.float32)
    one = make_aux_targets(X, "signal")
    more = make_aux_targets(X, "signal", n_jobs=n_jobs)
    assert one.specs == more.specs
    for name in one:
        np.testing.assert_array_equal(one[name], more[name])


def test_threads_are_used(temporary_task: Any) -> None:
    seen = set()

    def where(X: Array) -> Array:
        seen.add(threading.get_ident())
        return X[:, 0]

    temporary_task("where", where)
    make_aux_targets(np.random.default_rng(0).normal(size=(900, 64, 5)), "signal", "where", n_jobs=2)
    assert seen - {threading.get_ident()}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str], n_jobs: int) -> None:
    X = np.random.default_rng(0).normal(size=(900, 64, 5))
    quiet = make_aux_targets(X, "signal", "std")
    assert capsys.readouterr().err == ""
    shown = make_aux_targets(X, "signal", "std", progress=True, n_jobs=n_jobs)
    assert "auxtasks: 100%" in capsys.readouterr().err
    np.testing.assert_array_equal(shown["std"], quiet["std"])


@pytest.mark.parametrize(
    ("other", "tasks", "message"),
    [
        (np.ones((3, 32, 3)), "std", r"samples of shape \(32, 3\), and the training inputs had \(32, 2\)"),
        (np.ones((3, 20, 2)), "reconstruction", r"'reconstruction' has shape \(n, 20, 2\).* had \(n, 32, 2\)"),
        (np.ones((3, 32)), "std", r"samples of shape \(32, 1\)"),
    ],
)
def test_other_inputs_must_be_like_the_training_inputs(signals: Array, other: Any, tasks: str, message: str) -> None:
    targets = make_aux_targets(signals, "signal", tasks)
    with pytest.raises(AuxTasksError, match=message):
        targets.transform(other)


@pytest.mark.parametrize(
    ("function", "declared", "message"),
    [
        (lambda X: X[:1, 0], {}, r"one row per sample: expected shape \(12, ...\), got \(1, 2\)"),
        (lambda X: X.sum(), {}, r"one row per sample: expected shape \(12, ...\), got \(\)"),
        (lambda X: X[:, 0], {"kind": "image"}, "does not match the layout of kind image"),
        (lambda X: X[:, :, :, None, None], {"kind": None}, "does not match the layout of kind vector, step"),
        (lambda X: X[:, :0, 0], {}, r"gives shape \(12, 0\)"),
        (
            lambda X, *, rng: (X[:, :3], np.ones(12)),
            {"effect": "expands", "kind": "class", "classes": lambda options: ("a", "b")},
            r"one copy of the same shape per sample: expected \(12, 32, 2\), got \(12, 3, 2\)",
        ),
        (lambda X: (X[:, 1:], X[:5, 0]), {"effect": "shortens"}, r"expected shape \(12, ...\), got \(5, 2\)"),
    ],
)
def test_a_task_that_breaks_its_word_is_named(
    temporary_task: Any, signals: Array, function: Any, declared: Any, message: str
) -> None:
    temporary_task("broken", function, **declared)
    with pytest.raises(InvalidInputError, match=f"task 'broken' .*{message}"):
        make_aux_targets(signals, "signal", "broken")


def test_tensors_without_keras_and_pipelines_without_tensorflow_say_how_to_install_it(
    signals: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = AuxTargetGenerator("signal", TASKS).fit(signals)
    monkeypatch.setattr("auxtasks.optional.find_spec", lambda name: None)
    asking = {"keras": lambda: generator.in_graph(signals[:2]), "tensorflow": generator.as_map}
    for package, ask in asking.items():
        with pytest.raises(MissingDependencyError, match=rf"`{package}` is .*pip install 'auxtasks\[{package}"):
            ask()
