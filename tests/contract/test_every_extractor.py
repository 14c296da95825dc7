"""What every registered task must hold, whoever wrote it; new tasks are picked up from the registry."""

import inspect
import json
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

from auxtasks import AuxTargetGenerator, AuxTargets, Extractor, TargetSpec, list_tasks, make_aux_targets
from auxtasks.errors import AuxTasksError, UnknownNameError
from auxtasks.extractors.text import Documents
from auxtasks.extractors.text.reading import checked_text_settings, read_documents, tagged
from auxtasks.extractors.text.spans import COLUMNS
from auxtasks.registry import DOMAINS, tasks_of
from auxtasks.specs import NUMERIC_KINDS
from auxtasks.typing import Array
from tests.extractors.text.toy import ToyTagger

RNG = np.random.default_rng(0)
INPUTS: dict[str, Any] = {
    "signal": RNG.normal(size=(7, 40, 3)).cumsum(axis=1),
    "image": RNG.integers(0, 256, size=(7, 24, 24, 3)).astype(np.float64),
    "video": RNG.random((7, 5, 12, 10, 2)),
    "any": RNG.normal(size=(7, 11)),
    "text": [
        "The old dog saw Ada Lovelace.",
        "London is a city, the old one .",
        "",
        "Ada saw 12 dogs",
        "a dog",
        "PARIS saw the Dog !",
        "the city is old",
    ],
}
# Split at white space, so that marks are tokens of their own and tags differ.
OF_DOMAIN: dict[str, dict[str, Any]] = {"text": {"tagger": ToyTagger(), "tokenizer": "whitespace"}}
CASES = [(domain, task) for domain in DOMAINS for task in tasks_of(domain).values()]
EVERY = pytest.mark.parametrize(("domain", "task"), CASES, ids=[f"{domain}-{task.name}" for domain, task in CASES])
CALLED = [(domain, task) for domain, task in CASES if task.effect != "expands"]
NUMBERS = [(domain, task) for domain, task in CASES if domain != "text"]
DETERMINED = [(domain, task) for domain, task in NUMBERS if task.effect != "expands"]
NOT_DRAWN_NUMBERS = pytest.mark.parametrize(
    ("domain", "task"), DETERMINED, ids=[f"{domain}-{task.name}" for domain, task in DETERMINED]
)
OF_NUMBERS = pytest.mark.parametrize(
    ("domain", "task"), NUMBERS, ids=[f"{domain}-{task.name}" for domain, task in NUMBERS]
)
NOT_DRAWN = pytest.mark.parametrize(
    ("domain", "task"), CALLED, ids=[f"{domain}-{task.name}" for domain, task in CALLED]
)


def make(domain: str, X: Any, tasks: Any, **options: Any) -> AuxTargets:
    return make_aux_targets(X, domain, tasks, **OF_DOMAIN.get(domain, {}), **options)


def documents(texts: list[str]) -> Documents:
    """Read texts as those of the test are read, with everything that a tagger can say of them."""
    settings = checked_text_settings(AuxTargetGenerator("text", **OF_DOMAIN["text"]).get_params())
    fitted = read_documents(INPUTS["text"], settings).fitted
    return tagged(read_documents(texts, settings, fitted), settings, COLUMNS, training=True)


def block(domain: str, rows: Any = slice(None)) -> Any:
    """Return some rows of the inputs as an extractor gets them."""
    if domain != "text":
        return np.ascontiguousarray(INPUTS[domain][rows])
    return documents([INPUTS["text"][row] for row in np.arange(7)[rows]])


def results(task: Extractor, X: Any, seed: int = 0) -> list[Array]:
    """Return all that a task gives: the target, and the inputs it changes if it does."""
    drawn = {"rng": np.random.default_rng(seed)} if task.effect == "expands" else {}
    learnt = {} if task.fit is None else {"classes": task.fit(documents(INPUTS["text"]), **task.options)}
    found = task.function(X, **drawn, **learnt, **task.options)
    return list(found) if task.effect != "none" else [found]


def assert_same(found: list[Array], expected: list[Array], **tolerance: float) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@EVERY
@pytest.mark.parametrize("scale", [True, False])
def test_target_is_as_its_spec_says(domain: str, task: Extractor, scale: bool) -> None:
    targets = make(domain, INPUTS[domain], task.name, scale=scale)
    array, spec = targets[task.name], targets.specs[task.name]
    assert array.shape == (targets.n_samples, *spec.shape) == (len(targets.inputs), *spec.shape)
    assert array.dtype == (np.int32 if spec.n_classes else np.int8 if spec.kind == "multilabel" else np.float32)
    assert (spec.task, spec.spatial, spec.options) == (task.name, task.spatial, task.options)
    assert spec.kind == (task.kind or spec.kind)
    assert len(spec.columns) == (spec.shape[0] if spec.kind in ("vector", "multilabel") else 0)
    assert len(set(spec.columns)) == len(spec.columns)
    if spec.n_classes:
        assert len(spec.classes) == spec.n_classes > array.max()
        assert array.min() >= -1
    if spec.kind == "distribution":
        present = array[~np.isnan(array).any(axis=-1)]
        np.testing.assert_allclose(present.sum(axis=-1), 1, rtol=1e-5)
        assert present.min() >= 0
    if scale and spec.kind in NUMERIC_KINDS:
        assert np.nanmean(array) == pytest.approx(0, abs=1e-4)
    np.testing.assert_array_equal(targets.transform(INPUTS[domain])[task.name], array)
    assert TargetSpec.from_dict(json.loads(json.dumps(spec.to_dict()))).shape == spec.shape


@OF_NUMBERS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_stay_untouched_and_the_dtype_is_kept(domain: str, task: Extractor, dtype: Any) -> None:
    X = INPUTS[domain].astype(dtype)
    before = X.copy()
    X.flags.writeable = False
    found = results(task, X)
    np.testing.assert_array_equal(X, before)
    assert all(array.dtype == dtype for array in found if array.dtype.kind == "f")
    assert all(len(array) == len(X) for array in found)


@EVERY
def test_calling_twice_gives_the_same(domain: str, task: Extractor) -> None:
    assert_same(results(task, block(domain)), results(task, block(domain)), rtol=0)


@NOT_DRAWN
def test_batch_is_one_at_a_time(domain: str, task: Extractor) -> None:
    each = (results(task, block(domain, slice(row, row + 1))) for row in range(7))
    alone = [np.concatenate(parts) for parts in zip(*each, strict=True)]
    assert_same(results(task, block(domain)), alone, rtol=1e-9, atol=1e-9)


@NOT_DRAWN
def test_order_of_samples_is_the_order_of_targets(domain: str, task: Extractor) -> None:
    order = np.random.default_rng(1).permutation(7)
    expected = [array[order] for array in results(task, block(domain))]
    assert_same(results(task, block(domain, order)), expected, rtol=1e-9, atol=1e-9)


@NOT_DRAWN_NUMBERS
def test_single_and_double_precision_agree(domain: str, task: Extractor) -> None:
    double = INPUTS[domain].astype(np.float32).astype(np.float64)
    scale = max(np.nanmax(np.abs(array)) for array in results(task, double))
    assert_same(results(task, double.astype(np.float32)), results(task, double), rtol=1e-3, atol=1e-5 * scale)


@OF_NUMBERS
@pytest.mark.parametrize("value", [0.0, 1.0, -1e-3])
def test_constant_inputs_give_numbers_or_missing_and_no_warning(domain: str, task: Extractor, value: float) -> None:
    for array in results(task, np.full_like(INPUTS[domain], value)):
        assert not np.isinf(array).any()


EXPANDERS = [(domain, task) for domain, task in CASES if task.effect == "expands"]


@pytest.mark.parametrize(("domain", "task"), EXPANDERS, ids=[task.name for _, task in EXPANDERS])
def test_copies_are_drawn_from_every_class_but_the_original(domain: str, task: Extractor) -> None:
    X = np.concatenate([INPUTS[domain]] * 30)
    copies, classes = results(task, X)
    assert copies.shape == X.shape
    assert task.classes is not None
    assert set(classes.tolist()) == set(range(1, len(task.classes(task.options))))
    changed = (copies != X).reshape(len(X), -1).any(axis=1)
    assert changed.mean() > 0.9
    other = results(task, X, seed=1)
    assert not np.array_equal(other[1], classes)


@pytest.mark.parametrize("task", tasks_of("signal").values(), ids=lambda task: task.name)
def test_ragged_series_give_what_they_give_alone(task: Extractor) -> None:
    """Each series gives what it gives when it comes alone, whatever the padding is made of."""
    series = [
        np.ascontiguousarray(x[:length])
        for x, length in zip(INPUTS["signal"], [40, 33, 40, 35, 33, 38, 40], strict=True)
    ]
    targets = make_aux_targets(series, "signal", task.name, scale=False, padding_value=1e6)
    array = targets[task.name]
    assert array.shape == (targets.n_samples, *targets.specs[task.name].shape)
    if task.effect == "expands":
        np.testing.assert_array_equal(array[:7], 0)
        return
    for row, x in enumerate(series):
        alone = make_aux_targets(x[np.newaxis], "signal", task.name, scale=False)[task.name][0]
        found = array[row, : len(x)] if array.ndim == 3 else array[row]
        np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", list_tasks(), ids=lambda task: f"{task.domain}-{task.name}")
def test_declared_and_documented(task: Extractor) -> None:
    text = inspect.getdoc(task.function) or ""
    assert task.summary.endswith(".")
    assert len(task.source) > 10
    headings = ["Parameters", "Returns", "Examples", *(["Raises"] if task.options else [])]
    assert [h for h in headings if f"{h}\n{'-' * len(h)}" not in text] == []
    assert [name for name in task.options if f"{name} :" not in text] == []
    assert pickle.loads(pickle.dumps(task.function)) is task.function  # noqa: S301
    json.dumps(task.options)


@EVERY
def test_unknown_options_are_refused_by_name(domain: str, task: Extractor) -> None:
    with pytest.raises(UnknownNameError, match=f"no option of task '{task.name}' named 'colour_of_the_sky'"):
        make(domain, INPUTS[domain], {task.name: {"colour_of_the_sky": 1}})


OPTIONS = [(domain, task, option) for domain, task in CASES for option in task.options]
COUNTS = [(domain, task, option) for domain, task, option in OPTIONS if type(task.options[option]) is int]


@pytest.mark.parametrize(("domain", "task", "option"), COUNTS, ids=[f"{t.name}-{o}" for _, t, o in COUNTS])
def test_a_huge_number_asks_for_no_more_memory_than_the_inputs_justify(
    domain: str, task: Extractor, option: str
) -> None:
    for number in (2**30, 2**40):
        options = {"segment_length": 2 * number} if option == "n_bands" else {}
        tracemalloc.start()
        try:
            make(domain, INPUTS[domain], {task.name: {option: number, **options}}, scale=False)
        except AuxTasksError as refused:
            assert f"`{option}`" in str(refused)  # noqa: PT017 (what is not refused is computed)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 2**24


@pytest.mark.parametrize(("domain", "task", "option"), OPTIONS, ids=[f"{t.name}-{o}" for _, t, o in OPTIONS])
def test_a_senseless_value_is_refused_by_the_name_of_its_option(domain: str, task: Extractor, option: str) -> None:
    with pytest.raises(AuxTasksError, match=f"`{option}`"):
        make(domain, INPUTS[domain], {task.name: {option: "senseless"}})
