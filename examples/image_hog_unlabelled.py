"""Images, most of them without a label: HOG as auxiliary target on a model that you already have.

The images are scikit-learn's 8×8 digits, 50 of them labelled. ``auxtasks demo`` measures the same with more care.

python examples/image_hog_unlabelled.py --epochs 10
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import auxtasks
from auxtasks.keras import attach_heads, strip_heads


def make_model() -> keras.Model:
    """Make an ordinary network, always with the same initial weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="features"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    _compile(model)
    return model


def _compile(model: keras.Model) -> None:
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)


def main(arguments: list[str] | None = None) -> None:
    """Train with and without HOG, and print both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the unlabelled images (%(default)s)")
    parser.add_argument("--unlabelled", type=int, default=1000, help="images without a label (%(default)s)")
    options = parser.parse_args(arguments)

    digits = load_digits()
    images = digits.images[..., None].astype("float32") / 16
    X, X_test, y, y_test = train_test_split(
        images, digits.target, test_size=747, stratify=digits.target, random_state=0
    )
    X, y = X[: 50 + options.unlabelled], y[:50]  # with_main takes the labels of the first samples

    plain = make_model()
    rounds = options.epochs * options.unlabelled // 50  # as many steps with as many labelled images in each
    plain.fit(np.tile(X[:50], (rounds, 1, 1, 1)), np.tile(y, rounds), batch_size=16, verbose=0)

    targets = auxtasks.make_aux_targets(X, domain="image", tasks=["hog"])
    model = attach_heads(make_model(), targets, at="features", weights=3.0)
    _compile(model)
    model.fit(targets.inputs, targets.with_main(y), epochs=options.epochs, verbose=0)
    trained = strip_heads(model)  # the very model that was wrapped, without heads

    print("test accuracy")
    for name, network in (("labelled images alone", plain), ("with HOG of all images", trained)):
        predicted = network.predict(X_test, batch_size=747, verbose=0).argmax(axis=1)
        print(f"  {name:23} {(predicted == y_test).mean():.1%}")
    print("One split says little; see `auxtasks demo` for six, with an interval.")


if __name__ == "__main__":
    main()
