"""The house has floors: a file imports from below, and no files import each other in a circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "auxtasks"
FLOORS = (
    ("_version", "errors", "typing"),
    ("optional", "backend", "notebook"),
    ("columns",),
    ("validation",),
    ("checksums", "files", "specs"),
    ("image_files",),
    ("registry", "labels"),
    ("label_columns",),
    ("extractors",),
    ("teacher",),
    ("batches", "targets"),
    ("folders",),
    ("storage",),
    ("aux_targets",),
    ("scale",),
    ("generator", "fuse"),
    ("__init__",),
    ("keras",),
    ("audit", "cluster"),
    ("curves", "splits", "sklearn", "demo"),
    ("cli",),
    ("__main__",),
)
"""Files and folders of the package, from the ground up. `docs/architecture.md` tells what each is for."""
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    """Return the file or folder of the package that a module is in."""
    return [*module.split("."), "__init__"][1]


def modules() -> dict[str, Path]:
    """Return the files of the package by the name of their module."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules of the package that a file imports from: at the top, in functions or for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name in known}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            full = {f"{node.module}.{name.name}" for name in node.names}
            # What a package holds is a module of its own, or a name of the package's `__init__`.
            found |= {module if module in known else node.module or "" for module in full} & known.keys()
    return found


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """What each module of the package imports from the others."""
    known = modules()
    return {module: imports_of(path, known) - {module} for module, path in known.items()}


def test_every_file_has_a_floor(imports: dict[str, set[str]]) -> None:
    assert {room_of(module) for module in imports} == set(FLOOR_OF)


def test_no_files_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " <- ".join(error.args[1]))


def test_every_import_points_down(imports: dict[str, set[str]]) -> None:
    up = [
        f"{module} -> {other}"
        for module, others in sorted(imports.items())
        for other in sorted(others)
        if room_of(other) != room_of(module) and FLOOR_OF[room_of(other)] >= FLOOR_OF[room_of(module)]
    ]
    assert not up, "imports from the same floor or above: " + ", ".join(up)


def test_a_circle_and_an_arrow_up_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "specs.py"
    file.write_text("def f():\n    from auxtasks.generator import make_aux_targets\n", encoding="utf-8")
    assert imports_of(file, modules()) == {"auxtasks.generator"}
    with pytest.raises(CycleError, match="nodes are in a cycle"):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
