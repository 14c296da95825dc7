"""The demo from beginning to end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auxtasks.audit import Comparison, paired_comparison
from auxtasks.aux_targets import AuxTargets
from auxtasks.errors import InvalidInputError
from auxtasks.files import write_through, written_as_a_whole
from auxtasks.generator import make_aux_targets
from auxtasks.optional import require
from auxtasks.typing import Array, Floats
from auxtasks.validation import check_int

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console
    from rich.table import Table


EPOCHS = 40
"""How often each unlabelled image is seen."""


def run_demo(
    console: Console, output: Path, n_seeds: int = 6, n_labelled: int = 50, epochs: int = EPOCHS
) -> Comparison:
    check_int("n_seeds", n_seeds, low=2)
    check_int("epochs", epochs, low=1)
    check_output(output)
    require("matplotlib", extra="demo")
    images, labels = load_digits()
    splits = [split_digits(images, labels, n_labelled, seed) for seed in range(n_seeds)]
    console.print(
        f"Handwritten digits: {n_labelled} labelled, {N_TRAIN - n_labelled:,} unlabelled and {len(splits[0].x_test)} "
        f"test images, split anew for each of {n_seeds} seeds.",
        highlight=False,
    )
    found, teacher, first = _train_pairs(splits, epochs)
    shown = np.arange(n_labelled, n_labelled + N_SHOWN)
    # Before anything more is printed: a reader that closes the pipe ends the command.
    draw_figure(output, first.inputs[shown], first["soft_labels"][shown], found)
    console.print()
    console.print(outcome_table(found, teacher))
    for line in verdict_lines(found, teacher):
        console.print(line, highlight=False)
    console.print(f"Figure: {output}", highlight=False, soft_wrap=True)
    return found


def _train_pairs(splits: list[Split], epochs: int) -> tuple[Comparison, Floats, AuxTargets]:
    """Return how both arms compare, the accuracies of the teachers, and the targets of the first seed."""
    load_tensorflow()
    import keras
    from tqdm.auto import tqdm

    from auxtasks.backend import without_retracing_warnings

    alone, taught, teacher, made = [], [], [], []
    total = 2 * len(splits) * epochs
    # None: only where it is seen as it moves. In a file each of its states would be a line.
    bar = tqdm(total=total, unit="epoch", leave=False, dynamic_ncols=True, disable=None)
    with bar, without_retracing_warnings():
        callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: bar.update())
        for seed, split in enumerate(splits):
            bar.set_description(f"seed {seed}, network alone")
            alone.append(train_alone(split, epochs, seed, [callback]))
            bar.set_description(f"seed {seed}, network taught")
            made.append(soft_targets(split))
            said = made[-1].transform(split.x_test)["soft_labels"]
            teacher.append(float((said.argmax(axis=1) == split.y_test).mean()))
            taught.append(train_taught(split, made[-1], epochs, seed, [callback]))
    return paired_comparison(alone, taught, smallest_effect=0.01), np.array(teacher), made[0]


N_CLASSES = 10
N_TRAIN = 1050
"""Labelled and unlabelled images together; the other 747 of the 1,797 are the test set."""


class Split(NamedTuple):
    """One division of the digits, the same shares of every class in all three parts."""

    x_labelled: Floats
    y_labelled: Array
    x_unlabelled: Floats
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


def split_digits(images: Floats, labels: Array, n_labelled: int, seed: int) -> Split:
    check_int("n_labelled", n_labelled, low=N_CLASSES, high=N_TRAIN - 50)
    divide = require("sklearn.model_selection", extra="demo").train_test_split
    x_train, x_test, y_train, y_test = divide(images, labels, train_size=N_TRAIN, stratify=labels, random_state=seed)
    x_labelled, x_unlabelled, y_labelled, _ = divide(
        x_train, y_train, train_size=n_labelled, stratify=y_train, random_state=seed
    )
    return Split(x_labelled, y_labelled, x_unlabelled, x_test, y_test)


_LABELLED_PER_BATCH, _UNLABELLED_PER_LABELLED = 16, 4
_LEARNING_RATE = 2e-3


def make_cnn(seed: int, steps: int) -> Any:
    """Make a small convolutional network for 8×8 images; the same seed gives the same initial weights."""
    import keras

    keras.utils.set_random_seed(seed)
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


def soft_targets(split: Split) -> AuxTargets:
    """Make the soft labels of the unlabelled training images, which come after the labelled ones."""
    inputs = np.concatenate([split.x_labelled, split.x_unlabelled])
    return make_aux_targets(inputs, domain="image", y=split.y_labelled)


def train_alone(split: Split, epochs: int, seed: int, callbacks: list[Any]) -> float:
    """Train on the labelled images alone, and return the accuracy on the test images.

    It takes as many steps as `train_taught`, with as many labelled images in each and the same learning rates.
    """
    import tensorflow as tf

    steps = _steps_per_epoch(split)
    model = make_cnn(seed, epochs * steps)
    batches = tf.data.Dataset.from_tensor_slices((split.x_labelled, split.y_labelled))
    batches = batches.shuffle(len(split.x_labelled), seed=seed).repeat().batch(_LABELLED_PER_BATCH)
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, callbacks=callbacks, verbose=0)
    return _accuracy(model, split)


def train_taught(split: Split, targets: AuxTargets, epochs: int, seed: int, callbacks: list[Any]) -> float:
    """Train on all images, those without a label by their soft labels, and return the accuracy on the test images."""
    from auxtasks.keras import attach_heads, strip_heads

    base = make_cnn(seed, epochs * _steps_per_epoch(split))
    model = attach_heads(base, targets)
    model.fit(
        targets.inputs,
        targets.with_main(),
        batch_size=(1 + _UNLABELLED_PER_LABELLED) * _LABELLED_PER_BATCH,
        epochs=epochs,
        seed=seed,
        callbacks=callbacks,
        verbose=0,
    )
    return _accuracy(strip_heads(model), split)


def _steps_per_epoch(split: Split) -> int:
    return ceil(len(split.x_unlabelled) / (_UNLABELLED_PER_LABELLED * _LABELLED_PER_BATCH))


def _accuracy(model: Any, split: Split) -> float:
    logits = np.asarray(model(split.x_test, training=False))
    return float((logits.argmax(axis=1) == split.y_test).mean())


_ALONE, _TAUGHT, _BETTER, _WORSE = "#5b6470", "#0b6e4f", "#0b6e4f", "#b3442f"
N_SHOWN = 4


def draw_figure(path: Path, images: Floats, soft_labels: Floats, found: Comparison) -> None:
    """Draw unlabelled digits beside their soft labels, and the accuracies of both arms with a line for each pair."""
    require("matplotlib", extra="demo").use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.65, 1], squeeze=False)[0]
    left.suptitle("Unlabelled images, and the labels that the teacher predicts", fontsize=11)
    axes = left.subplots(2, N_SHOWN)
    for (above, below), image, shares in zip(axes.T, images, soft_labels, strict=False):
        above.imshow(image[..., 0], cmap="gray_r")
        above.set(xticks=[], yticks=[])
        below.bar(range(len(shares)), shares, color=_TAUGHT)
        below.set(xticks=range(len(shares)), yticks=[0, 1], ylim=(0, 1))
        below.tick_params(labelsize=7)
        below.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("soft label")
    left.supxlabel("The network's own output learns the most probable digit.", fontsize=9)
    _draw_pairs(right.subplots(), found)
    with written_as_a_whole(path) as new:
        figure.savefig(new, format=path.suffix[1:].lower(), dpi=150)
    pyplot.close(figure)


def _draw_pairs(axes: Axes, found: Comparison) -> None:
    for alone, together in zip(100 * found.baseline, 100 * found.auxiliary, strict=True):
        axes.plot([0, 1], [alone, together], color=_BETTER if together >= alone else _WORSE, alpha=0.45, linewidth=1.4)
    for at, (arm, colour) in enumerate([(found.baseline, _ALONE), (found.auxiliary, _TAUGHT)]):
        axes.scatter(np.full(len(arm), at), 100 * arm, color=colour, s=28, zorder=3)
        axes.hlines(100 * arm.mean(), at - 0.12, at + 0.12, color=colour, linewidth=3)
        side = "right" if at == 0 else "left"
        axes.text(at + (0.16 if at else -0.16), 100 * arm.mean(), f"{100 * arm.mean():.1f}", ha=side, va="center")
    axes.set(xlim=(-0.5, 1.5), xticks=[0, 1], ylabel="test accuracy, %")
    axes.set_xticklabels(["network\nalone", "network\ntaught"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{found.verdict.capitalize()}: {100 * found.mean:+.1f} points\n"
        f"(95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, {len(found.baseline)} pairs)",
        fontsize=11,
    )


_WORDS = {
    "helps": "[bold green]Soft labels help: the whole interval is above 0.[/]",
    "no effect": "[bold yellow]Soft labels change less than a point: the whole interval lies within.[/]",
    "unclear": "[bold yellow]Whether soft labels help is unclear: the interval holds 0; more seeds would narrow it.[/]",
    "hurts": "[bold red]Soft labels hurt: the whole interval is below 0.[/]",
}


def outcome_table(found: Comparison, teacher: Floats) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title="Accuracy on 747 test images, in %", box=box.SIMPLE_HEAD, title_style="bold", title_justify="left"
    )
    for heading in ("seed", "network alone", "teacher alone", "network taught", "difference"):
        table.add_column(heading, justify="right")
    columns = (found.baseline, teacher, found.auxiliary)
    for seed, (*scores, difference) in enumerate(zip(*columns, found.differences, strict=True)):
        table.add_row(str(seed), *(f"{100 * score:.1f}" for score in scores), f"{100 * difference:+.1f}")
    table.add_section()
    table.add_row(
        "mean", *(f"{100 * scores.mean():.1f}" for scores in columns), f"{100 * found.mean:+.1f}", style="bold"
    )
    return table


def verdict_lines(found: Comparison, teacher: Floats) -> tuple[str, str, str]:
    mean, low, high = (f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high))
    size = f"Mean difference {mean} points, 95 % interval {low} to {high} (paired t, {len(found.baseline)} seeds)"
    gap = 100 * (float(found.auxiliary.mean()) - float(teacher.mean()))
    ahead = "The network taught is ahead of its teacher" if gap > 0 else "The teacher alone stays ahead of the network"
    return size, _WORDS[found.verdict], f"{ahead} by {abs(gap):.1f} points on average."


SUFFIXES = (".png", ".svg", ".pdf")


def check_output(path: Path) -> None:
    """Make sure that a figure can be written, making the folder where there is none."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInputError(f"`--output` must end in {', '.join(SUFFIXES)}; got {str(path)!r}.")
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_through(path, b"", append=True)
    except OSError as error:
        raise InvalidInputError(
            f"`--output`: cannot write {str(path)!r} ({error.strerror or error}). Choose a file in a folder you may "
            "write to, such as --output auxtasks_demo.png."
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
