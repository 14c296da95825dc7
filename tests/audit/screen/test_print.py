"""What a ranking looks like."""

import re

import numpy as np

from auxtasks.audit.screen import Ranking, TaskRank
from auxtasks.notebook import plain_text

NAN = float("nan")
RANKING = Ranking(
    [
        TaskRank("fft", 0.412, 0.5, 0.2, "std", 0.1, 0.3, NAN, 0.0, ()),
        TaskRank("[b]odd[/b]", NAN, -0.001, NAN, "", 0.97, NAN, 0.5, 0.25, ("[b]odd[/b]: it is missing.",)),
    ],
    ["Relevance is unknown."],
    300,
    100,
)


def test_table() -> None:
    lines = repr(RANKING).splitlines()
    assert lines[0] == "Auxiliary tasks by promise, 300 samples, 100 labelled"
    assert lines[4].split() == ["fft", "0.41", "0.50", "0.20", "std", "0.10", "0.30", "–", "0.00"]
    assert lines[5].split() == ["[b]odd[/b]", "–", "0.00", "–", "0.97", "–", "0.50", "0.25"]
    explained = [re.split("  +", line)[0] for line in lines[7 : lines.index("", 7)]]
    assert explained == ["promise", "relevance", "redundant", "trivial", "by label", "entropy", "missing"]
    assert lines[lines.index("", 7) + 1 :] == [
        "• Relevance is unknown.",
        "• [b]odd[/b]: it is missing.",
        "A screen by linear models, not the verdict: audit() trains the model with each task and compares.",
    ]


def test_columns_that_say_nothing_are_left_out() -> None:
    header = repr(Ranking(RANKING[:1], [], 300, 100)).splitlines()[2]
    assert header.split() == ["task", "promise", "relevance", "redundant", "with", "trivial", "by", "label"]
    assert "entropy" not in repr(Ranking(RANKING[:1], [], 300, 100))


def test_a_notebook_shows_the_same() -> None:
    page = RANKING._repr_html_()
    for said in (
        ">by label<",
        "<p>[b]odd[/b]: it is missing.</p>",
        "tasks are ordered by it",
        ">0.41<",
        "linear models",
    ):
        assert said in page


def test_without_tasks_a_notebook_shows_what_is_said_of_them() -> None:
    page = Ranking([], ["soft_labels: not ranked."], 300, 100)._repr_html_()
    assert "<p>soft_labels: not ranked.</p>" in page
    assert "<table" not in page


def test_it_keeps_to_the_width() -> None:
    wide = Ranking([TaskRank("a" * 60, 0.1, 0.1, 0.9, "b" * 60, 0.1, 0.1, 0.1, 0.1, ("w " * 90,))], [], 1, 1)
    for width in (80, 100):
        lines = plain_text(wide.__rich__(), width).splitlines()
        assert max(map(len, lines)) <= width
        assert all(
            heading in lines[2].split() for heading in ("relevance", "redundant", "trivial", "entropy", "missing")
        )


def test_frame_has_a_row_for_each_task() -> None:
    frame = RANKING.to_frame()
    assert list(frame.columns) == list(TaskRank.__dataclass_fields__)
    assert frame["task"].tolist() == ["fft", "[b]odd[/b]"]
    assert np.isnan(frame["promise"][1])
    assert frame["warnings"].tolist() == ["", "[b]odd[/b]: it is missing."]


def test_it_is_a_sequence() -> None:
    assert (len(RANKING), RANKING.names, RANKING[0].task) == (2, ("fft", "[b]odd[/b]"), "fft")
    assert RANKING.warnings == ("Relevance is unknown.", "[b]odd[/b]: it is missing.")
