"""The README does what it says: its code runs, and it names the tasks that there are."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auxtasks.registry import DOMAINS, list_tasks

PATH = Path(__file__).parents[1] / "README.md"
README = PATH.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def side(diff: str, removed: str) -> str:
    """Return one side of a diff: all lines but those that begin with `removed`, without their marks."""
    return "\n".join(line[1:] for line in diff.splitlines() if not line.startswith(removed))


@pytest.mark.graph
@pytest.mark.parametrize("removed", ["+", "-"], ids=["before", "after"])
def test_both_sides_of_the_diff_run(removed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images, labels = rng.random((24, 12, 12, 1)).astype("float32"), np.arange(8) % 4
    names: dict[str, Any] = {"images": images, "labels": labels, "val_images": images, "val_labels": np.arange(24) % 10}
    (diff,) = blocks("diff")
    assert "epochs=115," in diff
    exec(side(diff.replace("epochs=115,", "epochs=2,"), removed), names)  # noqa: S102
    assert type(names["model"]).__name__ == "Sequential"
    assert Path("model.keras").exists()


def test_python_blocks_run_one_after_another(run_blocks: Any, tmp_path: Path) -> None:
    shorter = README
    for asked, fewer in (
        ("seeds=5,", "seeds=2,"),
        ("epochs=4,", "epochs=1,"),
        ("images[:1000], images[1000:]", "images[:150], images[-97:]"),
        ("digits.target[1000:]", "digits.target[-97:]"),
    ):
        assert asked in shorter
        shorter = shorter.replace(asked, fewer)
    page = tmp_path / "README.md"
    page.write_text(shorter, encoding="utf-8")
    assert run_blocks(page)


@pytest.mark.parametrize("domain", DOMAINS)
def test_table_of_tasks_is_complete(domain: str) -> None:
    (row,) = re.findall(rf"^\| `{domain}` \|.*\|(.*)\|$", README, flags=re.MULTILINE)
    own = {task.name: task.default for task in list_tasks() if task.domain == domain}
    assert {name: star == "*" for name, star in re.findall(r"`(\w+)`(\*?)", row)} == own


def test_readme_opens_with_both_commands() -> None:
    opening = README[:1200]
    assert "make demo" in opening
    assert "make test" in opening
