"""The demo from beginning to end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auxtasks.audit import Comparison, compare
from auxtasks.audit.audit import experiment_of
from auxtasks.audit.experiment import BASELINE, Arm
from auxtasks.audit.splits import Split
from auxtasks.aux_targets import AuxTargets
from auxtasks.demo_figure import N_SHOWN, draw_figure, outcome_table, verdict_lines
from auxtasks.errors import InvalidInputError
from auxtasks.generator import make_aux_targets
from auxtasks.optional import require
from auxtasks.splits import hide_labels
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int, check_number

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Settings:
    """How often each unlabelled image is seen, and the weight of the HOG loss, which is divided by its chance.

    Both are the same for all seeds; chosen on seeds 100 to 105, whereas the demo reports seeds from 0 on.
    """

    epochs: int = 10
    weight: float = 3.0


def run_demo(
    console: Console, output: Path, n_seeds: int = 6, n_labelled: int = 50, settings: Settings | None = None
) -> Comparison:
    """Train both arms for each seed, print the table and draw the figure."""
    settings = settings or Settings()
    check_int("n_seeds", n_seeds, low=2)
    check_int("epochs", settings.epochs, low=1)
    check_number("weight", settings.weight, low=0.0)
    check_output(output)
    require("matplotlib", extra="demo")
    images, labels = load_digits()
    digits = [split_digits(images, labels, n_labelled, seed) for seed in range(n_seeds)]
    console.print(
        f"Handwritten digits: {n_labelled} labelled, {N_TRAIN - n_labelled:,} unlabelled and {len(digits[0].x_test)} "
        f"test images, split anew for each of {n_seeds} seeds.",
        highlight=False,
    )
    found = _train_pairs(digits, settings)
    console.print()
    console.print(outcome_table(found))
    for line in verdict_lines(found):
        console.print(line, highlight=False)
    _draw(output, digits[0], found)
    console.print(f"Figure: {output}", highlight=False, soft_wrap=True)
    return found


def _train_pairs(digits: list[Digits], settings: Settings) -> Comparison:
    """Train as an audit does: from the same weights, as many steps, as many labelled images in each.

    Nothing of the test images is known before, not even the statistics of their targets.
    """
    progress = require("tqdm", extra="demo").tqdm
    load_tensorflow()
    accuracies: dict[Arm, list[float]] = {BASELINE: [], Arm(("hog",), settings.weight): []}
    with progress(total=2 * len(digits), unit="model", leave=False, dynamic_ncols=True) as bar:
        for seed, (x_train, y_train, x_test, y_test) in enumerate(digits):
            build = partial(make_cnn, settings.epochs * ceil((y_train < 0).sum() / _LABELLED_PER_BATCH))
            how: dict[str, Any] = {"epochs": settings.epochs, "fit_options": {"labelled_share": 0.5}}
            how["batch_size"] = 2 * _LABELLED_PER_BATCH
            targets, test = hog_targets(x_train), (x_test, y_test)
            experiment, _ = experiment_of(build, x_train, y_train, targets, test, "accuracy", 1.0, how)
            for arm, accuracy in accuracies.items():
                bar.set_description(f"seed {seed}, {arm.label}")
                run = experiment.run(arm, Split(seed, 0, np.arange(N_TRAIN), np.arange(0)))
                accuracy.append(run.scores["accuracy"])
                bar.update()
    return compare(*accuracies.values())


def _draw(output: Path, digits: Digits, found: Comparison) -> None:
    """Show the labelled digits of the first classes, with the targets that were trained, in their own units."""
    targets = hog_targets(digits.x_train)
    shown = [int((digits.y_train == digit).argmax()) for digit in range(N_SHOWN)]
    hogs = targets.unscale("hog", targets["hog"][shown])
    draw_figure(output, targets.inputs[shown], hogs.reshape(N_SHOWN, 2, 2, 3, 3, 9), found)


N_CLASSES = 10
N_TRAIN = 1050
"""Labelled and unlabelled images together; the other 747 of the 1,797 are the test set."""


class Digits(NamedTuple):
    """One division of the digits, the same shares of every class in all parts; labels are -1 where hidden."""

    x_train: Floats
    y_train: Array
    x_test: Floats
    y_test: Array


def load_digits() -> tuple[Floats, Array]:
    """Load the handwritten digits that come with scikit-learn.

    The test part of "Optical Recognition of Handwritten Digits", Alpaydin and Kaynak 1998, UCI Machine Learning
    Repository: 16 counts of ink in each of 8×8 blocks of pixels.
    """
    digits = require("sklearn.datasets", extra="demo").load_digits()
    images: Floats = (digits.images / 16).astype("float32")[..., None]
    return images, digits.target


def split_digits(images: Floats, labels: Array, n_labelled: int, seed: int) -> Digits:
    """Draw labelled, unlabelled and test images, stratified by class."""
    check_int("n_labelled", n_labelled, low=N_CLASSES, high=N_TRAIN - 50)
    divide = require("sklearn.model_selection", extra="demo").train_test_split
    x_train, x_test, y_train, y_test = divide(images, labels, train_size=N_TRAIN, stratify=labels, random_state=seed)
    return Digits(x_train, np.asarray(hide_labels(y_train, N_TRAIN - n_labelled, seed=seed)), x_test, y_test)


def hog_targets(images: Floats) -> AuxTargets:
    """Compute HOG of images."""
    return make_aux_targets(images, domain="image", tasks=["hog"])


_LABELLED_PER_BATCH = 16
_LEARNING_RATE = 2e-3


def make_cnn(steps: int) -> Any:
    """Make a small convolutional network for 8×8 images, whose learning rate falls to 0 in some steps."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(N_CLASSES),
        ],
        name="cnn",
    )
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Compiling by XLA costs more time here than it saves.
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    return model


SUFFIXES = (".png", ".svg", ".pdf")


def check_output(path: Path) -> None:
    """Make sure that a figure can be written, making the folder where there is none."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInputError(f"`--output` must end in {', '.join(SUFFIXES)}; got {str(path)!r}.")
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise InvalidInputError(
            f"`--output`: cannot write {str(path)!r} ({error.strerror}). Choose a file in a folder you may write to, "
            "such as --output auxtasks_demo.png."
        ) from error
    if not existed:
        path.unlink()


def load_tensorflow() -> None:
    """Import TensorFlow and run one operation, with the messages about the machine that this prints left out.

    ``TF_CPP_MIN_LOG_LEVEL`` silences what TensorFlow logs after it has started. What it writes while it starts goes
    past Python straight to file descriptor 2, which is therefore closed to it for that while.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with standard_error_discarded():
        tensorflow = require("tensorflow", extra="demo")
        tensorflow.zeros(1)


@contextmanager
def standard_error_discarded() -> Iterator[None]:
    """Discard what is written to file descriptor 2, also by libraries in C, until the block ends."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
