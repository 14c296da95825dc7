"""Expressions of persons never seen in training: HOG and other labels of the face as auxiliary targets.

Heads are set once by hand, on the first and second of three blocks, with a weight of 0.1 each; and once where
``at="auto"`` puts them, with default weights. Without --data the faces are drawn: the gain says nothing of other data.
With it they are the CMU faces (pose and sunglasses are given) or CK+ (action units and landmarks are given, also of
faces whose expression nobody named). --audit trains each task alone too, and with shuffled targets.

python examples/face_expression.py --data folder --seeds 10 --epochs 30 --output faces.png
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from loaders.faces import Faces, drawn_faces, read_faces
from matplotlib.figure import Figure
from sklearn.model_selection import GroupShuffleSplit

import auxtasks
from auxtasks.audit import Comparison, audit, paired_comparison
from auxtasks.keras import attach_heads

TEST = 0.25  # the share of the persons that is held out


def make_model(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Make an ordinary network of three blocks; images have the same brightness and contrast first."""
    layers = keras.layers
    stages = [keras.Input(shape), layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False)]
    for number, width in enumerate((16, 32, 64), start=1):
        stages.append(layers.Conv2D(width, 3, padding="same", activation="relu"))
        stages.append(layers.MaxPooling2D(name=f"block_{number}"))
    stages += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(classes, activation="softmax")]
    model = keras.Sequential(stages)
    model.compile("adam", loss="sparse_categorical_crossentropy", jit_compile=False)
    return model


def accuracy(faces: Faces, make: partial[keras.Model], way: dict[str, Any], seed: int, epochs: int) -> float:
    """Train on some persons and test on the others, whose expression is known."""
    train, test = next(GroupShuffleSplit(1, test_size=TEST, random_state=seed).split(faces.images, groups=faces.person))
    test = test[faces.expression[test] >= 0]
    given = {name: labels[train] for name, labels in faces.given.items()}
    targets = auxtasks.make_aux_targets(faces.images[train], domain="image", tasks=["hog"], label_columns=given)
    keras.utils.set_random_seed(seed)
    base = make()
    model = attach_heads(base, targets, **way)
    model.compile("adam", loss="sparse_categorical_crossentropy", jit_compile=False)
    model.fit(targets.inputs, targets.with_main(faces.expression[train]), epochs=epochs, verbose=0, seed=seed)
    predicted = keras.ops.argmax(base(faces.images[test], training=False), axis=1)
    return float((keras.ops.convert_to_numpy(predicted) == faces.expression[test]).mean())


def draw(path: Path, faces: Faces, found: dict[str, Comparison]) -> None:
    """Draw some faces, and what each pair of runs gained."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = np.random.default_rng(0).permutation(len(faces.images))[:15].reshape(3, 5)
    left.imshow(np.block([[faces.images[i, ..., 0] for i in row] for row in rows]), cmap="gray")
    left.set(title="Faces", xticks=[], yticks=[])
    for place, comparison in enumerate(found.values()):
        gains = 100 * comparison.differences
        right.plot(np.linspace(-0.15, 0.15, len(gains)) + place, gains, ".", color="#5b6470")
        half = 100 * (comparison.high - comparison.mean)
        right.errorbar(place, 100 * comparison.mean, half, fmt="D", capsize=6, color="#0b6e4f")
    right.axhline(0, color="black", linewidth=0.8)
    right.set(title="Gain of each pair, mean and 95 % interval", ylabel="points of accuracy")
    right.set_xticks(range(len(found)), list(found))
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train without heads and with both ways of setting them, print a table and draw a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the CMU faces or CK+; faces are drawn without")
    parser.add_argument("--seeds", type=int, default=3, help="how many, at least 2; each holds out other persons")
    parser.add_argument("--epochs", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="where to draw the picture")
    parser.add_argument("--audit", type=Path, help="folder for what `audit` says of each task; takes six times as long")
    options = parser.parse_args(arguments)
    faces = read_faces(options.data) if options.data else drawn_faces(np.random.default_rng(0))
    make = partial(make_model, faces.images.shape[1:], int(faces.expression.max()) + 1)
    by_hand = {"hog": "block_1", **dict.fromkeys(faces.given, "block_2")}
    ways: dict[str, dict[str, Any]] = {"heads by hand": {"at": by_hand, "weights": 0.1}, "heads auto": {}}
    seeds = range(options.seeds)
    # Weight 0: the very batches and weights of plain training.
    base = [accuracy(faces, make, {"weights": 0.0}, seed, options.epochs) for seed in seeds]
    print(f"{'':14} accuracy  gain in points, 95 %    worse in\n{'without heads':14} {np.mean(base):8.1%}")
    found = {}
    for name, way in ways.items():
        scores = [accuracy(faces, make, way, seed, options.epochs) for seed in seeds]
        found[name] = gain = paired_comparison(base, scores, overlap=TEST / (1 - TEST))
        interval = f"{100 * gain.mean:+.1f}  {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
        print(f"{name:14} {np.mean(scores):8.1%}  {interval:22}  {gain.worse} of {options.seeds} seeds: {gain.verdict}")
    if options.output:
        draw(options.output, faces, found)
    if options.audit:
        targets = auxtasks.make_aux_targets(faces.images, domain="image", tasks=["hog"], label_columns=faces.given)
        args = (make, faces.images, faces.expression, targets)
        for name, way in ways.items():
            report = audit(*args, groups=faces.person, seeds=seeds, epochs=options.epochs, **way)
            report.save(options.audit / name.replace(" ", "_"), overwrite=True)
            print(f"\n{name}\n{report}")


if __name__ == "__main__":
    main()
