"""A scaler and a network with auxiliary tasks in one pipeline, and a search over tasks and their weight.

Nine of ten signals have no label, which is -1 as in scikit-learn's semi-supervised estimators; these train the
auxiliary tasks. Weight 0 is the same network without them. The signals are generated: scores say nothing of other data.

python examples/sklearn_pipeline.py --epochs 20
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auxtasks.sklearn import AuxClassifier

MOVEMENTS = np.array(["walk", "run", "shake", "rest"])


def movements(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Make signals of 64 steps: four movements that differ in their rates and their noise."""
    kind = rng.integers(len(MOVEMENTS), size=n)
    rate = np.array([0.04, 0.07, 0.07, 0.04])[kind] * rng.uniform(0.9, 1.1, size=n)
    phase, noise = rng.random(n), np.array([0.4, 0.4, 1.0, 1.0])[kind]
    waves = np.sin(2 * np.pi * (rate[:, None] * np.arange(64) + phase[:, None]))
    return waves + noise[:, None] * rng.normal(size=(n, 64)), MOVEMENTS[kind]


def build(input_shape: tuple[int, ...], n_classes: int, filters: int = 16) -> keras.Model:
    """Make the network; its arguments are filled in by name, those of the estimator's ``model__...`` among them."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Reshape((*input_shape, 1)),
            keras.layers.Conv1D(filters, 9, activation="relu", name="first"),
            keras.layers.Conv1D(filters, 9, activation="relu", name="second"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Search, print a table and test the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=300, help="signals, labelled or not (default: %(default)s)")
    parser.add_argument("--labels", type=int, default=30, help="how many have a label (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the unlabelled signals (%(default)s)")
    parser.add_argument("--folds", type=int, default=3, help="folds of the search (%(default)s)")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.3, 1.0], help="of the tasks (%(default)s)")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    X, y = movements(rng, options.samples)
    X_test, y_test = movements(rng, 500)
    labels = y.astype(object)
    labels[options.labels :] = -1

    classifier = AuxClassifier(
        build,
        "signal",
        "std",
        epochs=options.epochs,
        random_state=0,
        optimizer__learning_rate=3e-3,
        compile__jit_compile=False,
    )
    pipeline = make_pipeline(StandardScaler(), classifier)
    tasks = [["std", "abs_sum_changes"], ["fft"]]
    grid = [
        {"auxclassifier__weights": [0.0]},
        {"auxclassifier__tasks": tasks, "auxclassifier__weights": options.weights},
    ]
    folds = StratifiedKFold(options.folds, shuffle=True, random_state=0).split(X, labels.astype(str))
    search = GridSearchCV(pipeline, grid, cv=list(folds), error_score="raise").fit(X, labels)

    found = search.cv_results_
    print(f"{'tasks':24} {'weight':>6}  accuracy in {options.folds} folds")
    for params, mean, spread in zip(found["params"], found["mean_test_score"], found["std_test_score"], strict=True):
        names = ", ".join(params.get("auxclassifier__tasks", ["none"]))
        print(f"{names:24} {params['auxclassifier__weights']:>6}  {mean:.1%} ± {spread:.1%}")
    print(f"The best on {len(y_test)} other signals: {search.score(X_test, y_test):.1%}")


if __name__ == "__main__":
    main()
