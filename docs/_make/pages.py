"""The page of a domain, written from the registry: what tasks there are, and what each gives."""

from __future__ import annotations

import inspect

import auxtasks
from auxtasks.registry import Extractor

HEADS = {
    "signal": "Signals are arrays (n, time) or (n, time, channels), or a list of series of different lengths.",
    "image": "Images are arrays (n, height, width) or (n, height, width, channels), in any unit.",
    "video": "Videos are arrays (n, time, height, width) or (n, time, height, width, channels).",
    "text": "Texts are n strings, or n lists of tokens. Targets line up with the model's own tokens.",
    "any": "Tasks for every domain, and for arrays (n, ...) of any other kind.",
}
EFFECTS = {
    "shortens": "The task shortens the inputs: train on `targets.inputs`.",
    "expands": "The task adds transformed copies without a main label: train on `targets.inputs`.",
}


def page(domain: str) -> str:
    """Write the page of a domain.

    Parameters
    ----------
    domain : str
        The domain.

    Returns
    -------
    str
        Markdown; pictures are ``pictures/<domain>-<task>-<scheme>.png``.
    """
    own = tasks_of(domain)
    defaults = ", ".join(f"`{task.name}`" for task in own if task.default)
    start = f"Without the argument `tasks`, the defaults are computed: {defaults}. " if defaults else ""
    parts = [
        f"# {domain.capitalize()}",
        HEADS[domain],
        f"{start}Each picture shows two samples, one per row. Targets are in their own units.",
        *(_section(task, domain) for task in own),
    ]
    return "\n\n".join(parts) + "\n"


def tasks_of(domain: str) -> list[Extractor]:
    """Return the tasks that a domain has of its own."""
    return [task for task in auxtasks.list_tasks(domain) if task.domain == domain]


def _section(task: Extractor, domain: str) -> str:
    kind = task.kind or "vector, step_vector or image, depending on the inputs"
    facts = [f"**Kind** {kind}", f"**Source** {task.source}"]
    if task.options:
        facts.insert(1, "**Options** " + ", ".join(f"`{name}={value!r}`" for name, value in task.options.items()))
    if task.tensor_function:
        facts.append("**On the fly** can be computed in the training step and in `tf.data` pipelines")
    if task.effect in EFFECTS:
        facts.append(EFFECTS[task.effect])
    pictures = "\n".join(
        f"![The target {task.name} of two samples](pictures/{domain}-{task.name}-{scheme}.png#only-{scheme})"
        for scheme in ("light", "dark")
    )
    title = f"## {task.name}" + (" (default)" if task.default else "") + f" {{ #{task.name} }}"
    listed = "\n".join(f"- {fact}" for fact in facts)
    summary = inspect.cleandoc(task.summary)
    # The function's own documentation: ranges, degenerate cases and the formula.
    function = f"    ::: {task.function.__module__}.{task.function.__qualname__}\n        options:\n"
    function += "          show_root_heading: false\n          show_root_toc_entry: false\n"
    return f'{title}\n\n{summary}\n\n{pictures}\n\n{listed}\n\n??? info "Details"\n\n{function}'
