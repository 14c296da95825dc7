"""What an audit, and a search with scikit-learn, cost beside the trainings they make, in seconds of one processor.

The trainings alone are the ``fit`` and ``predict`` of all runs, each as long as those of its arm with a model that was
traced before. An audit with a fresh model for each run is what it would cost if runs shared none. So it is with
``--search``: `cross_validate` of an `AuxClassifier` on ten splits, whose trainings are those of its fits.

    python benchmarks/audit.py --seeds 3 10
    python benchmarks/audit.py --search
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

import auxtasks
from auxtasks.audit import audit
from auxtasks.audit.reuse import Models
from auxtasks.keras.model import AuxModel
from auxtasks.sklearn import AuxClassifier, base

LENGTH, CHANNELS, SAMPLES, LABELS = 64, 3, 300, 60
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(SAMPLES, LENGTH, CHANNELS)) * RNG.uniform(0.5, 2, (SAMPLES, 1, 1))).astype("float32")
Y = (X.std(axis=(1, 2)) > 1.2).astype("int64")[:LABELS]


def build(input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
    inner = [keras.layers.Conv1D(32, 5, activation="relu"), keras.layers.BatchNormalization()]
    inner += [keras.layers.MaxPooling1D(2), keras.layers.Conv1D(64, 5, activation="relu")]
    ends = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dropout(0.3), keras.layers.Dense(n_classes, "softmax")]
    return keras.Sequential([keras.Input(input_shape), *inner, *ends])


def build_model() -> keras.Model:
    model = build((LENGTH, CHANNELS), 2)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Trainings:
    """The seconds of each ``fit`` and ``predict``, by tasks and by whether the model was traced before."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, ...], dict[bool, list[float]]] = {}
        self.models: list[keras.Model] = []

    def timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method of models that is timed."""

        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            is_fit = method.__name__ == "fit"
            traced = any(model is each for each in self.models)
            start = time.process_time()
            found = method(model, *args, **kwargs)
            spent = time.process_time() - start
            of_arm = self.seconds.setdefault(tuple(model.specs), {True: [], False: []})[traced]
            if is_fit:
                of_arm.append(spent)
            else:
                of_arm[-1] += spent
                self.models.append(model)
            return found

        return call

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the trainings that are made meanwhile."""
        self.models.clear()
        parts = [patch.object(AuxModel, each.__name__, self.timed(each)) for each in (AuxModel.fit, AuxModel.predict)]
        with parts[0], parts[1]:
            yield
        self.models.clear()

    @property
    def alone(self) -> float:
        """The seconds of all of them, had every model been traced before."""
        return sum(
            float(np.median(all_[True])) * (len(all_[True]) + len(all_[False])) for all_ in self.seconds.values()
        )


def search(tasks: Sequence[str], epochs: int) -> None:
    """Cross-validate an estimator with models that fits share, and with fresh ones."""
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    estimator = AuxClassifier(build, "signal", list(tasks), random_state=0, epochs=epochs)
    fits: list[float] = []
    fit = AuxModel.fit

    def timed(model: Any, *args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        found = fit(model, *args, **kwargs)
        fits.append(time.process_time() - start)
        return found

    seconds = {}
    for name, models in (("fresh", Models(0)), ("shared", base._models)):
        fits.clear()
        with patch.object(base, "_models", models), patch.object(AuxModel, "fit", timed):
            start = time.process_time()
            cross_validate(estimator, X[:LABELS], Y, cv=folds)
            seconds[name] = time.process_time() - start
    alone = len(fits) * float(np.median(fits))
    print(f"{len(fits)} fits: the trainings alone take {alone:.1f} s of a processor")
    print(f"    cross_validate {seconds['shared']:.1f} s ({seconds['shared'] / alone:.2f} times)")
    print(f"    with a fresh model for each fit {seconds['fresh']:.1f} s ({seconds['fresh'] / alone:.2f} times)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--tasks", nargs="+", default=["std"])
    parser.add_argument("--fresh", action="store_true", help="also time audits with a fresh model for each run")
    parser.add_argument("--search", action="store_true", help="time a cross-validation with scikit-learn instead")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if arguments.search:
        search(arguments.tasks, arguments.epochs)
        return
    targets = auxtasks.make_aux_targets(X, "signal", arguments.tasks)
    made = partial(audit, build_model, X, Y, targets, epochs=arguments.epochs, progress=False)
    for seeds in arguments.seeds:
        trainings = Trainings()
        with trainings.noted():
            start = time.process_time()
            runs = len(made(seeds=seeds).runs)
            shared = time.process_time() - start
        alone = trainings.alone
        print(f"{seeds} seeds, {runs} runs: the trainings alone take {alone:.1f} s of a processor")
        print(f"    the audit {shared:.1f} s ({shared / alone:.2f} times)")
        if arguments.fresh:
            with patch.object(sys.modules[audit.__module__], "Models", partial(Models, most=0)):
                start = time.process_time()
                made(seeds=seeds)
                fresh = time.process_time() - start
            print(f"    with a fresh model for each run {fresh:.1f} s ({fresh / alone:.2f} times)")


if __name__ == "__main__":
    main()
