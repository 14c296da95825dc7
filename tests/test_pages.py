"""The pages of the site do what they say: their code runs, and nothing public is left out."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from auxtasks.registry import DOMAINS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```python" in path.read_text(encoding="utf-8"))
PUBLIC = tuple(f"auxtasks{part}" for part in ("", ".keras", ".audit", ".sklearn", ".cluster", ".splits", ".curves"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run_one_after_another(page: Path, run_blocks: Callable[[Path], list[str]]) -> None:
    assert run_blocks(page)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import what makes the site; what was imported is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(DOCS / "_make"))
    yield import_module
    for path in (DOCS / "_make").glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_on_the_page_of_its_module(module: str, made: Callable[[str], ModuleType]) -> None:
    names = [name for name in import_module(module).__all__ if not name.startswith("__")]
    page = made("api").api_pages()[f"api/{module}.md"]
    assert re.findall(rf"^::: {module}\.(\w+)$", page, flags=re.MULTILINE) == names
    assert f"{module}: api/{module}.md" in (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", PUBLIC)
def test_everything_public_is_described(module: str) -> None:
    # A method in the place of one of a base class, such as of Keras, may be described there.
    public = {name: getattr(import_module(module), name) for name in import_module(module).__all__ if name[0] != "_"}
    described = {name: inspect.getdoc(known) for name, known in public.items()}
    for name, known in public.items():
        own = [vars(base) for base in getattr(known, "__mro__", ()) if base.__module__.startswith("auxtasks")]
        for member in {member for members in own for member, value in members.items() if _is_method(value)}:
            if member[0] != "_":
                described[f"{name}.{member}"] = inspect.getdoc(getattr(known, member))
    assert described
    assert [name for name, text in described.items() if not text] == []


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))


def test_documented_defaults_are_those_of_the_signatures(made: Callable[[str], ModuleType]) -> None:
    griffe = import_module("griffe")
    extensions = griffe.load_extensions(made("defaults").SignatureDefaults())
    package = griffe.load("auxtasks", search_paths=[DOCS.parent], extensions=extensions, docstring_parser="numpy")
    shown, wrong = 0, []
    for module in PUBLIC:
        for name in made("api").public(module):
            known = getattr(import_module(module), name)
            page = package[f"{module}.{name}".removeprefix("auxtasks.")]
            methods = [each for each in page.members if callable(getattr(known, each, None)) and each[0] != "_"]
            for part in ("", *methods):
                described = page.members[part] if part else page
                function = getattr(known, part) if part else known
                for parameter, value in documented(griffe, described):
                    default = signature_of(function).get(parameter, MISSING)
                    shown += default is not MISSING
                    if default is not MISSING and value != default:
                        wrong.append(f"{module}.{name} {part} {parameter}: {value!r} and not {default!r}")
    assert not wrong
    assert shown > 400


def documented(griffe: ModuleType, described: Any) -> Iterator[tuple[str, Any]]:
    """Go through the documented parameters, each with the default that is shown; without one it is required."""
    for section in described.docstring.parsed if described.docstring else ():
        if isinstance(section, griffe.DocstringSectionParameters):
            for parameter in section.value:
                value = parameter.value
                yield parameter.name, inspect.Parameter.empty if value is None else eval(str(value))  # noqa: S307


def signature_of(function: Any) -> dict[str, Any]:
    """Return the defaults of a function by parameter; of a data class those that are made anew each time too."""
    fields = getattr(function, "__dataclass_fields__", {})
    defaults = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    made = {name: field.default_factory() for name, field in fields.items() if field.default_factory is not MISSING}
    return defaults | {name: value for name, value in made.items() if name in defaults}


def test_the_tables_of_what_was_measured_are_those_of_the_readme() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    helps = readme[readme.index("## What it gains") : readme.index("## What the demo prints")]
    rows = [line for line in helps.splitlines() if line.startswith("|")]
    assert len(rows) > 12
    assert set(rows) <= set((DOCS / "why.md").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_task_has_a_section_and_pictures_for_light_and_dark(
    domain: str, made: Callable[[str], ModuleType]
) -> None:
    pages = made("pages")
    text = pages.page(domain)
    for task in pages.tasks_of(domain):
        assert f"{{ #{task.name} }}" in text
        assert all(f"pictures/{domain}-{task.name}-{scheme}.png" in text for scheme in ("light", "dark"))


@pytest.mark.parametrize(("domain", "task"), [("image", "hog"), ("text", "pos"), ("signal", "next_steps")])
def test_pictures_are_drawn(domain: str, task: str, made: Callable[[str], ModuleType]) -> None:
    pages, pictures = made("pages"), made("pictures")
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
