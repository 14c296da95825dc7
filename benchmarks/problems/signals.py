"""Signals: activities by a wrist accelerometer, sets of the UCR and UEA archives, and digits as a pen drew them."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, TUNING_DATA, Problem, Split, draw_few, few_first

PER_CLASS = 4


def hmp_split(rng: np.random.Generator, crop: int = 512) -> Split:
    """Draw a third of the series for the test; only the ten activities with 25 series or more are used."""
    with np.load(DATA / "hmp_adl" / "hmp_adl.npz") as data:
        values, offsets, activity = data["values"], data["offsets"], data["activity"]
    names, counts = np.unique(activity, return_counts=True)
    kept = [name for name, count in zip(names, counts, strict=True) if count >= 25 and not name.endswith("_MODEL")]
    rows = np.flatnonzero(np.isin(activity, kept))
    y = np.searchsorted(kept, activity[rows]).astype("int32")
    series = [(values[offsets[row] : offsets[row + 1]][:crop] * (3.0 / 63.0) - 1.5).astype("float32") for row in rows]
    shuffled = rng.permutation(len(y))
    test, train = shuffled[: len(y) // 3], shuffled[len(y) // 3 :]
    train = train[few_first(y[train], PER_CLASS)]
    few = PER_CLASS * len(kept)
    return Split([series[i] for i in train], y[train], [series[i] for i in test], y[test], few)


def archive_split(name: str, rng: np.random.Generator) -> Split:
    """Take the official parts, each channel standardised over the training part; the seed draws what is labelled."""
    with np.load(DATA / "ucr_uea" / f"{name}.npz") as data:
        X, X_test = (data[f"x_{part}"].transpose(0, 2, 1) for part in ("train", "test"))
        y, y_test = (data[f"y_{part}"].astype("int32") for part in ("train", "test"))
    mean, std = np.nanmean(X, axis=(0, 1)), np.nanstd(X, axis=(0, 1))
    order = rng.permutation(len(y))
    order = order[few_first(y[order], PER_CLASS)]
    X, X_test = (X[order] - mean) / std, (X_test[:, : X.shape[1]] - mean) / std
    few = PER_CLASS * len(np.unique(y))
    return Split(without_padding(X), y[order], without_padding(X_test), y_test, few)


def tuning_split(name: str, rng: np.random.Generator) -> Split:
    """Take the official parts, without gaps, each channel standardised over the training part."""
    with np.load(TUNING_DATA / "series" / f"{name}.npz") as data:
        parts = [data["x_train"], data["x_test"]]
        y, y_test = (data[f"y_{part}"].astype("int32") for part in ("train", "test"))
    X, X_test = (without_gaps(part if name == "pendigits" else part.transpose(0, 2, 1)) for part in parts)
    mean, std = X.mean(axis=(0, 1)), X.std(axis=(0, 1))
    order, few = draw_few(y, 5, rng)
    return Split((X[order] - mean) / std, y[order], (X_test - mean) / std, y_test, few)


def without_gaps(X: np.ndarray) -> np.ndarray:
    """Fill NaN by straight lines along time; a gap at an end takes the nearest value."""
    filled, steps = X.copy(), np.arange(X.shape[1])
    for series, channel in np.argwhere(np.isnan(X).any(axis=1)):
        values = filled[series, :, channel]
        known = ~np.isnan(values)
        values[~known] = np.interp(steps[~known], steps[known], values[known])
    return filled


def without_padding(X: np.ndarray) -> Any:
    """Return series of different lengths, which are padded with NaN, as a list."""
    return [series[~np.isnan(series[:, 0])] for series in X] if np.isnan(X).any() else X


def signal_model(targets: Any, outputs: int) -> keras.Model:
    """Pool between the convolutions, unless fewer than the three steps of a pool are left."""
    shape = targets.inputs.shape[1:]
    stages: list[Any] = [keras.Input(shape)]
    for pools, width in enumerate((16, 32, 64)):
        if pools and shape[0] // 3**pools:
            stages.append(layers.MaxPooling1D(3))
        stages.append(layers.Conv1D(width, 5, padding="same", activation="relu"))
    return keras.Sequential([*stages, layers.GlobalAveragePooling1D(), layers.Dense(outputs, "softmax")])


HMP = Problem("signal", hmp_split, signal_model, 10, 300, 32)
CLASSES = {
    "ArrowHead": 3,
    "BasicMotions": 4,
    "ECG200": 2,
    "GunPoint": 2,
    "ItalyPowerDemand": 2,
    "JapaneseVowels": 9,
}
UCR_UEA = {
    name: Problem("signal", partial(archive_split, name), signal_model, classes, 300, 32)
    for name, classes in CLASSES.items()
}
TUNING_CLASSES = {
    "ECG5000": 5,
    "FaceAll": 14,
    "MedicalImages": 10,
    "MelbournePedestrian": 10,
    "PhalangesOutlinesCorrect": 2,
    "RacketSports": 4,
    "SwedishLeaf": 15,
    "TwoPatterns": 4,
    "pendigits": 10,
}
LONGER = {"FaceAll": 500, "SwedishLeaf": 500, "pendigits": 500}
TUNING_SERIES = {
    name: Problem("signal", partial(tuning_split, name), signal_model, classes, LONGER.get(name, 300), 32)
    for name, classes in TUNING_CLASSES.items()
}
