"""Activities by a wrist-worn accelerometer: standard deviation, sum of changes and spectrum as auxiliary targets.

Once with labelled series alone, and once with few of them labelled, drawn anew for each seed, and the others without.
Without --data the series are generated: the gain says nothing of other data. With it they are those of Bruno et al.
(2013, ICRA), which --download fetches from the UCI repository; folders named ``*_MODEL`` are left out, since they hold
copies of other series. A verdict needs ten seeds and --controls.

python examples/accelerometer.py --data HMP_Dataset.zip --seeds 10 --steps 300 --controls --output report
"""

from __future__ import annotations

import argparse
import zipfile
from functools import partial
from pathlib import Path

import keras
import numpy as np

import auxtasks
from auxtasks.audit import audit
from auxtasks.splits import SemiSupervisedSplit

URL = "https://archive.ics.uci.edu/static/public/283/dataset+for+adl+recognition+with+wrist+worn+accelerometer.zip"
TASKS = ["std", "abs_sum_changes", {"fft": {"n_coefficients": 50}}]
FEWEST, LONGEST, BATCH = 25, 512, 32  # series of an activity, steps of a series (16 s), series in a batch


def read_hmp(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Read series of shape (steps, 3), in g, and their activities, from the zip or the folder that it holds."""
    root = zipfile.Path(path) if path.is_file() else path
    root = root / "HMP_Dataset" if (root / "HMP_Dataset").is_dir() else root
    X, y = [], []
    for folder in sorted((at for at in root.iterdir() if at.is_dir()), key=lambda at: at.name):
        files = sorted((at for at in folder.iterdir() if at.name.startswith("Accel")), key=lambda at: at.name)
        if len(files) < FEWEST or folder.name.endswith("_MODEL"):
            continue
        for file in files:
            codes = np.array(file.read_text(encoding="ascii").split(), dtype="float32").reshape(-1, 3)
            X.append(codes[:LONGEST] * (3 / 63) - 1.5)  # 0 to 63 stand for -1.5 g to 1.5 g
            y.append(folder.name)
    if not X:
        raise FileNotFoundError(f"`path`: {path} holds no folder with {FEWEST} files Accelerometer-*.txt.")
    return X, np.unique(y, return_inverse=True)[1].astype("int32")


def generated(rng: np.random.Generator, n: int = 600) -> tuple[list[np.ndarray], np.ndarray]:
    """Make up six movements of three axes: three rates, with pauses and without."""
    y = np.arange(n, dtype="int32") % 6
    X = []
    for kind in y:
        time = np.arange(rng.integers(60, 121))[:, None]
        swing = np.sin(2 * np.pi * ((0.03, 0.06, 0.12)[kind % 3] * rng.uniform(0.8, 1.2) * time + rng.random(3)))
        swing *= np.sin(0.1 * time + rng.uniform(0, 6)) > (0 if kind < 3 else -1)
        X.append(rng.uniform(0.4, 1.2, size=3) * swing + 0.4 * rng.normal(size=swing.shape))
    return X, y


def make_model(classes: int) -> keras.Model:
    """Make an ordinary network for series of any length."""
    layers = keras.layers
    stages = [keras.Input((None, 3))]
    for width in (16, 32, 64):
        stages += [layers.Conv1D(width, 5, padding="same", activation="relu"), layers.MaxPooling1D(3)]
    model = keras.Sequential(
        [*stages[:-1], layers.GlobalAveragePooling1D(), layers.Dense(classes, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    return model


def main(arguments: list[str] | None = None) -> None:
    """Audit the tasks with many labels and with few, print tables and save pages and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="HMP_Dataset.zip, or the folder that it holds")
    parser.add_argument("--download", action="store_true", help="get it, and keep it where Keras keeps data sets")
    parser.add_argument("--seeds", type=int, default=2, help="splits and initial weights, at least 2 (%(default)s)")
    parser.add_argument("--steps", type=int, default=60, help="of training (default: %(default)s)")
    parser.add_argument("--hide", type=float, default=0.9, help="share of labels that is hidden then (%(default)s)")
    parser.add_argument("--controls", action="store_true", help="train with shuffled targets too: twice the time")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for pages and pictures")
    options = parser.parse_args(arguments)
    if options.download:
        options.data = Path(keras.utils.get_file("hmp_dataset.zip", origin=URL))
    X, y = read_hmp(options.data) if options.data else generated(np.random.default_rng(0))
    targets = auxtasks.make_aux_targets(X, domain="signal", tasks=TASKS)
    n = len(X) * 0.75  # a quarter is tested on
    # Where few series have a label, batches are half labelled, and an epoch passes over the others.
    few = (SemiSupervisedSplit(options.hide), n * options.hide / (BATCH / 2))
    ways = {"every series labelled": (None, n / BATCH), "few series labelled": few}
    for name, (cv, steps_in_epoch) in ways.items():
        report = audit(
            partial(make_model, int(y.max()) + 1),
            X,
            y,
            targets,
            cv=cv,
            seeds=options.seeds,
            epochs=max(round(options.steps / steps_in_epoch), 1),
            batch_size=BATCH,
            controls=options.controls,
            n_jobs=options.jobs,
        )
        print(f"\n{name.capitalize()}\n{report}")
        if options.output:
            report.save(options.output / name.replace(" ", "_"), overwrite=True)


if __name__ == "__main__":
    main()
