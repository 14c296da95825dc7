"""Images changed at random in a tf.data pipeline, with the HOG of what they became as auxiliary target.

Outlines of triangles, squares, pentagons and hexagons are drawn, few of them with a label. Every epoch shifts, flips
and shades them anew; ``generator.as_map()`` puts targets beside what comes out, so that they always belong to it.

python examples/tf_data_augmentation.py --epochs 10
"""

from __future__ import annotations

import argparse
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import auxtasks
from auxtasks.keras import attach_heads, strip_heads

SIDES = (3, 4, 5, 6)
SIZE = 20


def draw(n: int, seed: int) -> tuple[Any, Any]:
    """Draw outlines of regular polygons, turned and placed at random, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(SIDES)
    sides = np.array(SIDES)[labels][:, None, None]
    turn, radius = rng.uniform(0, 2 * np.pi, (n, 1, 1)), rng.uniform(5, 8, (n, 1, 1))
    centre = rng.uniform(-1.5, 1.5, (2, n, 1, 1)) + SIZE / 2
    y, x = np.mgrid[:SIZE, :SIZE]
    angle = np.mod(np.arctan2(y - centre[0], x - centre[1]) - turn, 2 * np.pi / sides) - np.pi / sides
    distance = np.hypot(y - centre[0], x - centre[1]) - radius * np.cos(np.pi / sides) / np.cos(angle)
    images = np.exp(-(distance**2)) + 0.2 * rng.normal(size=distance.shape)
    return images[..., None].astype("float32"), labels


def augment(image: Any, label: Any) -> tuple[Any, Any]:
    """Shift, flip and shade one image at random."""
    image = tf.image.random_flip_left_right(tf.image.random_flip_up_down(image))
    image = tf.image.random_crop(tf.pad(image, [[2, 2], [2, 2], [0, 0]]), (SIZE, SIZE, 1))
    return image * tf.random.uniform((), 0.7, 1.3), label


def make_model() -> keras.Model:
    """Make an ordinary network, always with the same initial weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="features"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(len(SIDES), activation="softmax"),
        ]
    )
    _compile(model)
    return model


def _compile(model: keras.Model) -> None:
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)


def main(arguments: list[str] | None = None) -> None:
    """Train with and without targets in the pipeline, and print both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the unlabelled images (%(default)s)")
    parser.add_argument("--labelled", type=int, default=100, help="images with a label (%(default)s)")
    parser.add_argument("--unlabelled", type=int, default=1200, help="images without a label (%(default)s)")
    options = parser.parse_args(arguments)

    images, labels = draw(options.labelled + options.unlabelled, seed=0)
    test_images, test_labels = draw(1000, seed=1)
    labels[options.labelled :] = -1  # no label
    few = slice(0, options.labelled)
    labelled = tf.data.Dataset.from_tensor_slices((images[few], labels[few])).shuffle(options.labelled, seed=0).repeat()
    rest = tf.data.Dataset.from_tensor_slices((images[options.labelled :], labels[options.labelled :]))
    rest = rest.shuffle(options.unlabelled, seed=0)

    # Both models see as many labelled images in as many steps.
    steps = options.epochs * -(-options.unlabelled // 16)
    plain = make_model()
    plain.fit(labelled.map(augment).batch(16).prefetch(2), steps_per_epoch=steps, verbose=0)

    generator = auxtasks.AuxTargetGenerator("image", ["hog"]).fit(images)
    half_of_each = tf.data.Dataset.zip(labelled.map(augment).batch(16), rest.map(augment).batch(16))
    batches = half_of_each.map(lambda one, other: tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), one, other))
    batches = batches.map(generator.as_map(), num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    validation = tf.data.Dataset.from_tensor_slices((test_images, test_labels)).batch(500).map(generator.as_map())
    model = attach_heads(make_model(), generator.transform(images[:100]), at="features", weights=3.0)
    _compile(model)
    logs = model.fit(batches, epochs=options.epochs, validation_data=validation, verbose=0).history
    trained = strip_heads(model)  # the very model that was wrapped, without heads

    print(f"HOG of the augmented images, loss of the last epoch: {logs['hog_loss'][-1]:.2f} of guessing")
    print("test accuracy")
    for name, network in (("labelled images alone", plain), ("with HOG of all images", trained)):
        predicted = network.predict(test_images, batch_size=500, verbose=0).argmax(axis=1)
        print(f"  {name:23} {(predicted == test_labels).mean():.1%}")


if __name__ == "__main__":
    main()
