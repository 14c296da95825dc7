"""Parameters of texts: what is checked, and what comes back from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auxtasks import AuxTargetGenerator
from auxtasks.errors import AuxTasksError, InvalidInputError, UnknownNameError
from auxtasks.extractors.text.reading import (
    TextSettings,
    checked_text_settings,
    describe_params,
    make_tagger,
    restore_params,
)
from auxtasks.extractors.text.tokenizers.standard import StandardTokenizer
from tests.extractors.text.toy import ToyTagger


def settings_of(**params: Any) -> TextSettings:
    return checked_text_settings(AuxTargetGenerator("text", **params).get_params())


def restored(**params: Any) -> TextSettings:
    """Take parameters through JSON."""
    given = AuxTargetGenerator("text", **params).get_params()
    return checked_text_settings({**given, **restore_params(json.loads(json.dumps(describe_params(given))))})


def test_names_and_tokenizers_come_back() -> None:
    settings = restored(tokenizer="whitespace", max_length=12)
    assert (settings.tokenizer, settings.tagger, settings.max_length) == ("whitespace", "spacy", 12)
    assert restored(tokenizer=StandardTokenizer(split="character")).tokenizer == StandardTokenizer(split="character")


def test_what_is_read_decides_neither_where_is_written_nor_what_is_loaded() -> None:
    assert restored(cache=Path("folder")).cache is None
    for pipeline in ("en_core_web_sm", {"unsaved": "'en_core_web_sm'"}):
        params = restore_params({**describe_params(vars(settings_of())), "cache": "folder", "tagger_model": pipeline})
        assert params["cache"] is None
        with pytest.raises(
            InvalidInputError, match=r"`tagger_model` was 'en_core_web_sm', which is not loaded .*set_params"
        ):
            make_tagger(settings_of(tagger_model=params["tagger_model"]))
    with pytest.raises(UnknownNameError, match=r"`tagger`: .*'http'"):
        restore_params({**describe_params(vars(settings_of())), "tagger": "http"})


def test_what_was_no_text_is_still_known_as_what_it_was_when_described_again() -> None:
    assert describe_params(vars(restored(tagger_model=object())))["tagger_model"] == {
        "unsaved": "an object of type object"
    }


def test_a_tagger_of_the_users_own_is_taken_as_it_is() -> None:
    own = ToyTagger()
    assert make_tagger(settings_of(tagger=own)) is own


@pytest.mark.parametrize(
    ("tagger", "options", "error", "words"),
    [
        ("spaCy", {}, UnknownNameError, r"`tagger`: .*'spaCy'.*Did you mean 'spacy'\?"),
        (None, {}, UnknownNameError, r"`tagger`: .*Valid names: 'nltk', 'spacy'"),
        ("spacy", {}, InvalidInputError, "`tagger_model`: .*none was given"),
    ],
)
def test_names_and_options_that_cannot_be_used(
    tagger: Any, options: dict[str, Any], error: type[AuxTasksError], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_tagger(settings_of(tagger=tagger, **options))
