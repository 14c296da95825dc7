"""Columns of targets for Hugging Face data sets: the values of `transform`, under names that caches find again."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import dill
import keras
import numpy as np
import pytest
from datasets.fingerprint import Hasher
from keras import layers

from auxtasks import AuxTargetGenerator
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.keras import attach_heads
from auxtasks.scale.hugging_face import BatchMap

X = np.random.default_rng(0).normal(size=(13, 16, 2)).cumsum(axis=1).astype("float32")
Y = np.arange(13) % 3
TASKS: list[Any] = ["std", {"fft": {"n_coefficients": 4}}, "reconstruction"]
GENERATOR = AuxTargetGenerator("signal", TASKS).fit(X)
FUNCTION = GENERATOR.as_batch_map("signal")
TEXTS = ["The old dog.", "Who saw it, then?", "a dog", "it saw it"]
TEXT_GENERATOR = AuxTargetGenerator("text", ["next_word", "text_statistics"]).fit(TEXTS)
# Fitted and described in a process of its own, by objects that are shared otherwise than here.
ELSEWHERE = """
import numpy as np
from datasets.fingerprint import Hasher
from auxtasks import AuxTargetGenerator
X = np.random.default_rng(0).normal(size=(13, 16, 2)).cumsum(axis=1).astype("float32")
tasks = ["st" + "d".lower(), {"".join("fft"): {"n_" + "coefficients".lower(): int("4")}}, "reconstruction"]
fitted = AuxTargetGenerator("sig" + "nal".lower(), tasks).fit(X)
texts = ["The old dog.", "Who saw it, then?", "a dog", "it saw it"]
of_texts = AuxTargetGenerator("text", ["next_word", "text_statistics"]).fit(texts)
print(Hasher.hash(fitted.as_batch_map("sig" + "nal".lower())), Hasher.hash(of_texts.as_batch_map("text")))
"""


def made(**columns: Any) -> datasets.Dataset:
    return datasets.Dataset.from_dict(columns)


def assert_columns(found: datasets.Dataset, expected: Any) -> None:
    batch = found.with_format("numpy")[:]
    for name, array in expected.items():
        assert batch[name].dtype == array.dtype, name
        np.testing.assert_allclose(batch[name], array, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("form", ["python", "numpy"])
def test_columns_are_those_of_transform(form: str) -> None:
    data = made(signal=X, label=Y).with_format(form, dtype=np.float32) if form == "numpy" else made(signal=X, label=Y)
    found = data.map(GENERATOR.as_batch_map("signal"), batched=True, batch_size=5)
    assert found.column_names == ["signal", "label", "std", "fft", "reconstruction"]
    assert_columns(found, GENERATOR.transform(X.astype("float64") if form == "python" else X))


def test_fingerprints_are_those_of_another_process() -> None:
    found = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=True)  # noqa: S603
    here = [Hasher.hash(GENERATOR.as_batch_map("signal")), Hasher.hash(TEXT_GENERATOR.as_batch_map("text"))]
    assert found.stdout.split() == here


@pytest.mark.parametrize(
    ("generator", "inputs"), [(GENERATOR, X), (TEXT_GENERATOR, TEXTS)], ids=["signals", "texts"]
)  # fmt: skip
def test_fingerprints_survive_computing_and_saving(generator: AuxTargetGenerator, inputs: Any) -> None:
    function = generator.as_batch_map("column")
    before = Hasher.hash(function)
    expected = function({"column": inputs})
    assert Hasher.hash(function) == before
    for copy in (pickle.loads(pickle.dumps(function)), dill.loads(dill.dumps(function))):  # noqa: S301
        assert Hasher.hash(copy) == before
        assert dill.dumps(copy) == dill.dumps(function)
        for name, array in copy({"column": inputs}).items():
            np.testing.assert_array_equal(array, expected[name])


def test_fingerprints_tell_what_is_computed() -> None:
    functions = [
        GENERATOR.as_batch_map("signal"),
        GENERATOR.as_batch_map("other"),
        AuxTargetGenerator("signal", TASKS).fit(X[:12]).as_batch_map("signal"),
        AuxTargetGenerator("signal", TASKS[:2]).fit(X).as_batch_map("signal"),
        AuxTargetGenerator("signal", TASKS, scale=False).fit(X).as_batch_map("signal"),
    ]
    assert len({Hasher.hash(function) for function in functions}) == len(functions)


def test_a_task_of_ones_own_is_told_by_its_code(temporary_task: Any) -> None:
    hashes = set()
    for power in (1, 2):
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def peak(X):\n    'Peak.'\n    return abs(X).max(axis=1) ** {power}", space)  # noqa: S102
        temporary_task(f"test_peak_{power}", space["peak"])
        generator = AuxTargetGenerator("signal", {"peak": {"task": f"test_peak_{power}"}}, scale=False).fit(X)
        found = pickle.loads(dill.dumps(generator.as_batch_map("signal")))({"signal": X})  # noqa: S301
        np.testing.assert_allclose(found["peak"], abs(X).max(axis=1) ** power, rtol=1e-6)
        # The text of the state differs by the name of the task; the code is pickled beside it.
        hashes.add(Hasher.hash(generator.as_batch_map("signal").__reduce__()[1][1]))
    assert len(hashes) == 2


def test_the_cache_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(signal=X).save_to_disk(tmp_path / "data")
    data, calls, compute = datasets.load_from_disk(tmp_path / "data"), [], BatchMap.__call__
    monkeypatch.setattr(BatchMap, "__call__", lambda self, batch: calls.append(1) or compute(self, batch))
    first = data.map(GENERATOR.as_batch_map("signal"), batched=True)
    assert calls
    calls.clear()
    refitted = AuxTargetGenerator("signal", TASKS).fit(X)
    again = datasets.load_from_disk(tmp_path / "data").map(refitted.as_batch_map("signal"), batched=True)
    assert not calls
    assert first.cache_files == again.cache_files
    data.map(AuxTargetGenerator("signal", TASKS).fit(X[:9]).as_batch_map("signal"), batched=True)
    assert calls


def test_features_have_fixed_shapes() -> None:
    function = GENERATOR.as_batch_map("signal")
    data = made(signal=X, label=Y)
    found = data.map(function, batched=True, features=function.features(data.features))
    assert found.features["std"].length == 2
    assert found.features["reconstruction"].shape == (16, 2)
    assert_columns(found, GENERATOR.transform(X.astype("float64")))


def test_texts_get_the_numbers_of_their_tokens() -> None:
    function, data = TEXT_GENERATOR.as_batch_map("text"), made(text=TEXTS)
    for features in (None, function.features(data.features)):
        found = data.map(function, batched=True, batch_size=3, features=features)
        targets = TEXT_GENERATOR.transform(TEXTS)
        np.testing.assert_array_equal(found.with_format("numpy")["input_ids"][:], targets.inputs)
        np.testing.assert_array_equal(found.with_format("numpy")["next_word"][:], targets["next_word"])
    assert list(
        AuxTargetGenerator("text", "next_word", model_inputs="texts").fit(TEXTS).as_batch_map("t")({"t": TEXTS})
    ) == ["next_word"]


def test_tokenizers_that_are_functions_go_along() -> None:
    generator = AuxTargetGenerator("text", "next_word", tokenizer=str.split).fit(TEXTS)
    copy = dill.loads(dill.dumps(generator.as_batch_map("text")))  # noqa: S301
    np.testing.assert_array_equal(copy({"text": TEXTS})["next_word"], generator.transform(TEXTS)["next_word"])


@pytest.mark.parametrize("domain", ["shortened", "series"])
def test_changed_inputs_take_the_place_of_the_column(domain: str) -> None:
    inputs: Any = X if domain == "shortened" else [X[0], X[1, :9], X[2, :12]]
    generator = AuxTargetGenerator("signal", ["std", {"next_steps": {"horizon": 4}}]).fit(inputs)
    function, targets = generator.as_batch_map("signal"), generator.transform(inputs)
    data = made(signal=[each.tolist() for each in inputs])
    found = data.map(function, batched=True, features=function.features(data.features)).with_format("numpy")[:]
    assert found["signal"].dtype == np.float32
    np.testing.assert_array_equal(found["signal"], targets.inputs)
    np.testing.assert_allclose(found["next_steps"], targets["next_steps"], atol=1e-6)


def test_given_columns_are_read_from_the_batch() -> None:
    who = ["anna", "ben", "cleo"]
    generator = AuxTargetGenerator("signal", "std").fit(X[:3], label_columns={"who": who})
    function = generator.as_batch_map("signal")
    assert function({"signal": X[:2], "who": ["cleo", "anna"]})["who"].tolist() == [2, 0]
    assert function({"signal": X[:2]})["who"].tolist() == [-1, -1]


def test_images_of_a_data_set_are_read() -> None:
    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 256, (4, 12, 12, 3)).astype("uint8")
    encoded = []
    for each in pixels:
        Image.fromarray(each).save(file := io.BytesIO(), "png")
        encoded.append({"bytes": file.getvalue(), "path": None})
    data = datasets.Dataset.from_dict({"image": encoded}).cast_column("image", datasets.Image())
    generator = AuxTargetGenerator("image", "hog").fit(pixels)
    assert_columns(data.map(generator.as_batch_map("image"), batched=True), generator.transform(pixels))


def test_training_on_the_data_set() -> None:
    data = (
        made(signal=X, main=Y)
        .map(GENERATOR.as_batch_map("signal"), batched=True)
        .with_format("numpy", dtype=np.float32)
    )
    batches = data.to_tf_dataset(13, columns="signal", label_cols=["main", *GENERATOR.specs_])
    base = keras.Sequential(
        [layers.Conv1D(6, 3, padding="same"), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")]
    )
    model = attach_heads(base, GENERATOR.transform(X), weights=1.0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert {"fft_loss", "val_std_loss"} <= set(model.fit(batches, validation_data=batches, verbose=0).history)


ROTATED = AuxTargetGenerator("signal", "transform").fit(X)
REFUSED = {
    "`column`: there is no column named 'signal'. Did you mean 'signals'": lambda: FUNCTION({"signals": X}),
    "a batch must be a mapping.*without `input_columns`": lambda: FUNCTION(X),  # type: ignore[arg-type]
    "`column` must be the name of a column; got 3": lambda: GENERATOR.as_batch_map(3),  # type: ignore[arg-type]
    r"`X` has samples of shape \(2, 1\).*had \(16, 2\)": lambda: FUNCTION({"signal": X[0].tolist()}),
    "'std' is already the name of a target.*rename the column": lambda: GENERATOR.as_batch_map("std"),
    "not fitted yet": lambda: AuxTargetGenerator("signal").as_batch_map("signal"),
    "'transform' adds transformed copies.*make_aux_targets": lambda: ROTATED.as_batch_map("signal"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_used_is_refused(message: str) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError, UnknownNameError), match=message):
        REFUSED[message]()
