"""What may stand for a tokenizer."""

from __future__ import annotations

import subprocess
import sys

import keras
import pytest

from auxtasks.errors import InvalidTypeError, UnknownNameError
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer, from_dict
from auxtasks.extractors.text.tokenizers.function import FunctionTokenizer
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer


class Cutter:
    def tokenize(self, text):
        return text.split()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, StandardTokenizer()),
        ("standard", StandardTokenizer()),
        ("whitespace", StandardTokenizer(standardize=None)),
        (StandardTokenizer(split="character"), StandardTokenizer(split="character")),
        (str.split, FunctionTokenizer(str.split)),
        (list, FunctionTokenizer(list)),
        (FunctionTokenizer(str.split), FunctionTokenizer(str.split)),
    ],
)
def test_what_stands_for_a_tokenizer(value, expected):
    assert as_tokenizer(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, r"`tokenizer` must be a keras\.layers\.TextVectorization layer, .*; got 3 of type int\.$"),
        (Cutter(), r"of type Cutter\. Pass its method `tokenize` if that takes a text\.$"),
        (keras.layers.StringLookup(vocabulary=["a"]), r"got <StringLookup .* of type StringLookup\.$"),
    ],
)
def test_anything_else_is_refused(value, message):
    with pytest.raises(InvalidTypeError, match=message):
        as_tokenizer(value)


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(UnknownNameError, match=r"`tokenizer`: there is no tokenizer named 'whitspace'\..*'whitespace'"):
        as_tokenizer("whitspace")
    with pytest.raises(UnknownNameError, match="`kind`: there is no kind of tokenizer named 'function'"):
        from_dict({"kind": "function"})


def test_a_function_is_not_saved():
    assert as_tokenizer(str.split).to_dict() is None


def test_cutting_texts_loads_nothing_heavy():
    code = (
        "import sys; from auxtasks.extractors.text.tokenizers.choose import as_tokenizer;"
        "as_tokenizer(None).tokenize(['a b']);"
        "as_tokenizer(str.split).tokenize(['a b']);"
        "print({'tensorflow', 'keras', 'transformers', 'tokenizers', 'spacy', 'nltk', 'scipy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout == "set()\n"
