"""Texts for the tests of tokenizers: awkward ones made up, and real ones where the shared data is."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import strategies as st

DATA = Path(os.environ.get("AUXTASKS_DATA", "../shared/data"))

# Every ASCII and some other whitespace, separators that only Python splits at, NUL, zero-width and combining
# characters, right-to-left letters, emoji of several code points, letters whose case ASCII rules leave alone.
AWKWARD = " \t\n\v\f\r\x1c\x1f\x85\xa0\u2028\u3000\x00\u200b\u200d\ufeff\u0301אبÉİßΣ中🙂👩\U0010ffff" + "AZaz09-_'.,!#$"

texts = st.lists(st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), max_size=40), max_size=6)


def real_texts(name: str) -> list[str]:
    """Return the test texts of a data set, or skip the test where it is absent."""
    path, read = _FILES[name]
    if not (DATA / path).exists():
        pytest.skip(f"no {name} data at {DATA / path}; set AUXTASKS_DATA to the folder that holds it")
    with gzip.open(DATA / path, "rt", encoding="utf-8", newline="\n") as file:
        return read(file.read().rstrip("\n").split("\n"))


def gold_tokens() -> list[list[str]]:
    """Return the tokens of the English Web Treebank's test texts as its annotators cut them."""
    lines = real_texts("ud_ewt lines")
    sentences = [list(rows) for blank, rows in groupby(lines, key=lambda line: not line) if not blank]
    return [[row.split("\t")[0] for row in rows if not row.startswith("# ")] for rows in sentences]


def _joined(lines: list[str]) -> list[str]:
    sentences = [rows for filled, rows in groupby(lines, key=bool) if filled]
    return [" ".join(row.split("\t")[0] for row in rows) for rows in sentences]


_FILES: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
    "trec": ("trec/trec_test.tsv.gz", lambda lines: [line.split("\t")[2] for line in lines]),
    "ud_ewt": ("ud_ewt/ewt_test.tsv.gz", lambda lines: [line[9:] for line in lines if line.startswith("# text = ")]),
    "ud_ewt lines": ("ud_ewt/ewt_test.tsv.gz", lambda lines: lines),
    "wnut17": ("wnut17/wnut17_test.conll.gz", _joined),
}
