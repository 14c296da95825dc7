"""The pages of the site do what they say: their code runs, and nothing public is left out."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from auxtasks.registry import DOMAINS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```python" in path.read_text(encoding="utf-8"))
PUBLIC = tuple(f"auxtasks{part}" for part in ("", ".keras", ".audit", ".sklearn", ".cluster", ".splits", ".curves"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run_one_after_another(page: Path, run_blocks: Callable[[Path], list[str]]) -> None:
    assert run_blocks(page)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_on_the_page_of_the_api(module: str) -> None:
    names = {name for name in import_module(module).__all__ if not name.startswith("__")}
    api = (DOCS / "api.md").read_text(encoding="utf-8")
    assert names <= set(re.findall(rf"^::: {module}\.(\w+)$", api, flags=re.MULTILINE))


def test_the_tables_of_what_was_measured_are_those_of_the_readme() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    helps = readme[readme.index("## What it gains") : readme.index("## What the demo prints")]
    rows = [line for line in helps.splitlines() if line.startswith("|")]
    assert len(rows) > 12
    assert set(rows) <= set((DOCS / "why.md").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_task_has_a_section_and_pictures_for_light_and_dark(domain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_make"))
    pages = import_module("pages")
    text = pages.page(domain)
    for task in pages.tasks_of(domain):
        assert f"{{ #{task.name} }}" in text
        assert all(f"pictures/{domain}-{task.name}-{scheme}.png" in text for scheme in ("light", "dark"))
    for name in ("pages", "pictures", "samples"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("domain", "task"), [("image", "hog"), ("text", "pos"), ("signal", "next_steps")])
def test_pictures_are_drawn(domain: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_make"))
    pages, pictures = import_module("pages"), import_module("pictures")
    (found,) = (known for known in pages.tasks_of(domain) if known.name == task)
    light, dark = (pictures.picture(found, domain, scheme) for scheme in pictures.SCHEMES)
    assert light[:8] == dark[:8] == b"\x89PNG\r\n\x1a\n"
    assert light != dark
    for name in ("pages", "pictures", "samples"):
        sys.modules.pop(name, None)


def test_changes_have_pictures_for_light_and_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_make"))
    changes = import_module("changes")
    section = changes.changes_section()
    assert (DOCS / "agreement.md").read_text(encoding="utf-8").count("<!-- pictures of changes -->") == 1
    for name in changes.SETS:
        assert all(f"pictures/changes-{name}-{scheme}.png" in section for scheme in changes.SCHEMES)
    light, dark = (changes.changes_picture("jitter", scheme) for scheme in changes.SCHEMES)
    assert light[:8] == dark[:8] == b"\x89PNG\r\n\x1a\n"
    assert light != dark
    for name in ("changes", "pictures", "samples"):
        sys.modules.pop(name, None)
