"""The pages of the API, one a module, written from what each module says is public."""

from __future__ import annotations

import ast
from pathlib import Path

MODULES = tuple(f"auxtasks{part}" for part in ("", ".keras", ".audit", ".sklearn", ".cluster", ".splits", ".curves"))
"""The modules that are meant to be used."""
ROOT = Path(__file__).parents[2]


def api_pages() -> dict[str, str]:
    """Write all pages.

    Returns
    -------
    dict of str to str
        Markdown by the path of the page in the site.
    """
    head = ["# API", "", "Names that are not listed here may change.", "", "| module | names |", "|---|---|"]
    pages = {"api/index.md": "\n".join([*head, *map(_row, MODULES)]) + "\n"}
    return pages | {f"api/{module}.md": _page(module) for module in MODULES}


def public(module: str) -> list[str]:
    """Return the public names of a module, read from its `__all__` without importing it."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            return [name for name in ast.literal_eval(node.value) if not name.startswith("__")]
    raise ValueError(f"{module} has no __all__")


def _row(module: str) -> str:
    names = ", ".join(f"[`{name}`][{module}.{name}]" for name in public(module))
    return f"| [`{module}`]({module}.md) | {names} |"


def _page(module: str) -> str:
    summary = (ast.get_docstring(_tree(module)) or "").partition("\n\n")[0].replace("\n", " ")
    parts = [f"# {module}", summary, *(f"::: {module}.{name}" for name in public(module))]
    return "\n\n".join(parts) + "\n"


def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))
