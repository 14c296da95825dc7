"""A picture of each task: two samples on the left, their target in its own units on the right."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from samples import SAMPLES, ByHand

import auxtasks
from auxtasks.registry import Extractor
from auxtasks.specs import TargetSpec
from auxtasks.typing import Floats

# Ink, accents and the colour of what is empty, for pages on white and on black.
SCHEMES: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "light": ("#2b3036", ("#00795a", "#c04a00", "#0a5fa0"), "#e6e8ea"),
    "dark": ("#d5d9de", ("#3fc59c", "#f0913f", "#6db3f2"), "#3a4048"),
}
# Options that show more than the defaults do on so small samples.
OPTIONS: Mapping[str, dict[str, Any]] = {"hog": {"pixels_per_cell": (8, 8)}, "next_steps": {"horizon": 16}}
_BARS = 48
"""Vectors longer than this are drawn as a line."""


def picture(extractor: Extractor, domain: str, scheme: str) -> bytes:
    """Draw a task.

    Parameters
    ----------
    extractor : Extractor
        The task.
    domain : str
        The domain whose samples are shown.
    scheme : {"light", "dark"}
        Of the page.

    Returns
    -------
    bytes
        A PNG with a transparent background.
    """
    X = SAMPLES[domain]()
    tagger = {"tagger": ByHand()} if domain == "text" else {}
    tasks = {extractor.name: OPTIONS.get(extractor.name, {})}
    targets = auxtasks.make_aux_targets(X, domain, tasks, scale=False, **tagger)
    ink, _, _ = SCHEMES[scheme]
    colours = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    with rc_context(
        {**dict.fromkeys(colours, ink), "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=(7.6, 1.7 if targets.specs[extractor.name].kind.startswith("step") else 3.4))
        figure.set_layout_engine("constrained")
        _draw(figure, extractor, domain, X, targets, scheme)
        file = io.BytesIO()
        figure.savefig(file, dpi=140, transparent=True, format="png")
    return file.getvalue()


def _draw(figure: Figure, extractor: Extractor, domain: str, X: Any, targets: auxtasks.AuxTargets, scheme: str) -> None:
    spec, values = targets.specs[extractor.name], targets[extractor.name]
    if spec.kind.startswith("step"):
        for axes, words, row in zip(figure.subplots(2, 1), X, values, strict=True):
            _write_steps(axes, words, row, spec, scheme)
        figure.suptitle(_says(spec), fontsize=9)
        return
    # Of tasks that add copies, the copy of each sample beside what was done to it.
    rows = (2, 3) if extractor.effect == "expands" else (0, 1)
    lefts = figure.subplots(2, 2, width_ratios=[1, 1.15])
    lefts[1, 1].sharey(lefts[0, 1])
    for (left, right), row in zip(lefts, rows, strict=True):
        sample = X[row] if domain == "text" else targets.inputs[row]
        _draw_sample(left, sample, domain, scheme)
        if extractor.name == "hog":
            _draw_hog(right, sample, values[row], scheme)
        else:
            _draw_target(right, values[row], spec, scheme)
    lefts[0, 0].set_title("what the model sees", fontsize=9)
    lefts[0, 1].set_title(_says(spec), fontsize=9)


def _says(spec: TargetSpec) -> str:
    return f"{spec.name}: {spec.kind} {spec.shape or ''}"


def _draw_sample(axes: Axes, sample: Any, domain: str, scheme: str) -> None:
    _, accents, _ = SCHEMES[scheme]
    if domain == "text":
        _write(axes, " ".join(sample))
    elif domain == "image":
        axes.imshow(sample, vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
    elif domain == "video":
        axes.imshow(np.concatenate(list(sample), axis=1), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[(k + 0.5) * sample.shape[2] - 0.5 for k in range(len(sample))], yticks=[])
        axes.set_xticklabels([str(k) for k in range(len(sample))])
        axes.set_xlabel("frame")
    elif domain == "any":
        axes.bar(np.arange(len(sample)), sample, color=accents[2])
    else:
        for channel, colour in zip(sample.T, accents, strict=False):
            axes.plot(channel, color=colour, linewidth=1.2)
        axes.set(xlim=(0, 127), ylim=(-1.6, 1.6))


def _draw_target(axes: Axes, values: Any, spec: TargetSpec, scheme: str) -> None:
    if spec.kind == "class":
        _write(axes, spec.classes[int(values)], size=13)
    elif spec.kind == "image":
        axes.imshow(values[..., 0] if values.shape[-1] == 1 else np.clip(values, 0, 1), cmap="gray")
        axes.set(xticks=[], yticks=[])
    else:
        _draw_numbers(axes, values, spec, scheme)


def _draw_numbers(axes: Axes, values: Any, spec: TargetSpec, scheme: str) -> None:
    """Draw a vector as bars, a long one as a line; one colour for each channel, where it has channels."""
    _, accents, empty = SCHEMES[scheme]
    names = spec.columns or spec.classes
    parts = _by_channel(values, names)
    n = parts.shape[1]
    for k, (part, colour) in enumerate(zip(parts, accents, strict=False)):
        if n > _BARS:
            axes.plot(part, color=colour, linewidth=1.2)
        else:
            axes.bar(np.arange(n) + 0.8 * (k + 0.5) / len(parts) - 0.4, part, 0.75 / len(parts), color=colour)
    axes.axhline(0, color=empty, linewidth=0.8)
    # One or two bars alone would fill the whole width.
    axes.set_xlim(*((-1.5, n + 0.5) if n < 4 else (-1, n)))
    if spec.kind == "multilabel":
        axes.set_ylim(0, 1)
    if n == 1:
        axes.set_xticks([])
    elif n == len(names) <= 20:
        shown = [name.removeprefix("value ") for name in names]
        slant = 0 if max(map(len, shown)) < 3 else 90 if n > 8 else 20
        axes.set_xticks(np.arange(n), shown, fontsize=7, rotation=slant)


def _by_channel(values: Any, names: tuple[str, ...]) -> Any:
    """Return one row a channel; one row in all where there are no channels."""
    if values.ndim > 1:
        return values
    channels = [next((part for part in name.split(", ") if part.startswith("channel")), "") for name in names]
    kinds = sorted(set(channels)) or [""]
    if len(kinds) == 1:
        return values[np.newaxis]
    return np.stack([values[np.array(channels) == kind] for kind in kinds])


def _draw_hog(axes: Axes, image: Any, cells: Any, scheme: str) -> None:
    _, accents, _ = SCHEMES[scheme]
    size = image.shape[0] / cells.shape[0], image.shape[1] / cells.shape[1]
    segments, strength = strokes(cells, size)
    axes.add_collection(LineCollection(list(segments), colors=accents[0], alpha=strength.tolist(), linewidths=1.4))
    axes.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0), xticks=[], yticks=[], aspect="equal")


def _write(axes: Axes, text: str, size: int = 10) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=size, wrap=True, transform=axes.transAxes)


def _write_steps(axes: Axes, words: Any, values: Any, spec: TargetSpec, scheme: str) -> None:
    """Write each word above its label."""
    _, accents, _ = SCHEMES[scheme]
    axes.set_axis_off()
    if spec.kind == "step_class":
        labels = [spec.classes[code] if code >= 0 else "–" for code in values]
    else:
        labels = [f"{value[0]:.3g}" for value in values]
    for k, (word, label) in enumerate(zip(words, labels, strict=False)):
        x = (k + 0.5) / max(map(len, SAMPLES["text"]()))
        axes.text(x, 0.55, word, ha="center", va="bottom", fontsize=9, transform=axes.transAxes)
        axes.text(x, 0.42, label, ha="center", va="top", fontsize=8, color=accents[0], transform=axes.transAxes)


def strokes(cells: Floats, cell_size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Turn histograms into line segments.

    Bin k stands for gradients of ``(k + 0.5) * 180° / orientations``; an edge runs at a right angle to its gradient,
    so with the gradient along (cos, sin) the stroke lies along (-sin, cos).
    """
    rows, columns, orientations = cells.shape
    height, width = cell_size
    angle = (np.arange(orientations) + 0.5) * np.pi / orientations
    half = 0.45 * np.stack([-np.sin(angle) * width, np.cos(angle) * height], axis=-1)
    centre = np.stack(
        np.meshgrid((np.arange(columns) + 0.5) * width, (np.arange(rows) + 0.5) * height, indexing="xy"), axis=-1
    )[:, :, None]
    segments = np.stack([centre - half, centre + half], axis=-2)
    # A zero that was scaled and scaled back may have become a little less than zero.
    strength = np.maximum(cells, 0).ravel()
    return segments.reshape(-1, 2, 2), strength / max(strength.max(), np.finfo(float).tiny)
