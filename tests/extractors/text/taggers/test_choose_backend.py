"""Taggers by their names."""

from __future__ import annotations

from typing import Any

import pytest

from auxtasks.errors import AuxTasksError, InvalidInputError, UnknownNameError
from auxtasks.extractors.text.taggers.choose import make_backend
from tests.extractors.text.toy import ToyTagger


def test_a_tagger_of_the_users_own_is_taken_as_it_is() -> None:
    own = ToyTagger()
    assert make_backend(own, None) is own


@pytest.mark.parametrize(
    ("backend", "options", "error", "words"),
    [
        ("spaCy", {}, UnknownNameError, r"`backend`: .*'spaCy'.*Did you mean 'spacy'\?"),
        (None, {}, UnknownNameError, r"`backend`: .*Valid names: 'nltk', 'spacy'"),
        ("spacy", {}, InvalidInputError, "`pipeline`: .*none was given"),
        ("nltk", {"n_process": 2}, InvalidInputError, "`n_process`: NLTK tags in one process; got 2"),
    ],
)
def test_names_and_options_that_cannot_be_used(
    backend: Any, options: dict[str, Any], error: type[AuxTasksError], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_backend(backend, None, **options)
