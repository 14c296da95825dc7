"""What is published: extras that hold what they are named for, and one version."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auxtasks import __version__

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "threadpoolctl": "scikit-learn", "thinc": "spacy"}
"""Where the name to import is not that of the distribution, or comes with another."""


def requirements(extra: str) -> set[str]:
    """Return the distributions that an extra installs, those of other extras in it included."""
    found = set()
    for line in SETUP["options.extras_require"][extra].split():
        own = re.fullmatch(r"auxtasks\[(.+)\]", line)
        names = [requirements(each) for each in own[1].split(",")] if own else [{re.split(r"[\[<>=]", line)[0]}]
        found |= set().union(*names)
    return found


def required() -> Iterator[tuple[str, str, str]]:
    """Go through the calls of `require` and `check_installed` that name a package and an extra in text."""
    for path in sorted((ROOT / "auxtasks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("require", "check_installed"):
                said = [
                    each.value
                    for each in (*node.args, *(word.value for word in node.keywords))
                    if isinstance(each, ast.Constant)
                ]
                if len(said) == 2:
                    yield str(path.relative_to(ROOT)), str(said[0]).partition(".")[0], str(said[1])


CALLS = sorted(set(required()))


@pytest.mark.parametrize(
    ("file", "package", "extra"), CALLS, ids=[" ".join(call[1:]) + " " + call[0] for call in CALLS]
)
def test_the_extra_that_an_error_names_installs_the_package(file: str, package: str, extra: str) -> None:
    installed = set().union(*map(requirements, extra.split(",")))
    assert DISTRIBUTIONS.get(package, package) in installed, file


def test_a_feature_names_one_extra() -> None:
    assert len(CALLS) > 40
    assert {extra for file, _, extra in CALLS if file.startswith("auxtasks/audit/")} == {"audit"}
    assert {extra for file, _, extra in CALLS if file == "auxtasks/curves.py"} == {"plot"}


def test_the_readme_is_installed_by_one_line() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (extras,) = set(re.findall(r"pip install.*\[(.+)\]", readme))
    assert requirements("audit") <= set().union(*map(requirements, extras.split(",")))


def test_the_version_is_said_once_more_where_the_package_is_cited() -> None:
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {__version__}" in cited


def test_the_sdist_holds_what_its_tests_read() -> None:
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    needed = {path.name for path in ROOT.iterdir() if path.name in ("docs", "examples", "benchmarks", "tests", ".ci")}
    assert needed <= set(manifest)
    assert {path.name for path in ROOT.glob("*.*") if path.suffix in (".md", ".yml", ".cff", ".yaml")} <= {
        *manifest,
        "README.md",
    }
