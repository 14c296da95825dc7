"""Texts given as the ids of their tokens, with a vocabulary, with a tokenizer, and with neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import auxtasks
from auxtasks.errors import AuxTasksWarning, InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.ids import read_ids
from auxtasks.extractors.text.vocabularies import as_vocabulary, marked
from tests.extractors.text.toy import ToyTagger

WORDS = ["", "[UNK]", "the", "old", "dog", "saw", "a", "city"]
IDS = np.array([[0, 0, 2, 3, 4], [6, 7, 0, 0, 0], [0, 2, 1, 5, 0], [0, 0, 0, 0, 0]], np.int16)
DET, ADJ, NOUN, VERB = 5, 0, 7, 15


def _make(X: Any = IDS, tasks: Any = "pos", **how: Any) -> auxtasks.AuxTargets:
    return auxtasks.make_aux_targets(X, "text", tasks, **{"vocabulary": WORDS, "tagger": ToyTagger(), **how})


def test_the_model_reads_the_very_array_and_targets_lie_where_the_ids_do() -> None:
    targets = _make()
    assert targets.inputs is IDS
    assert targets.vocabulary == tuple(WORDS)
    expected = [[-1, -1, DET, ADJ, NOUN], [DET, NOUN, -1, -1, -1], [-1, DET, -1, VERB, -1], [-1] * 5]
    assert targets["pos"].tolist() == expected
    assert targets.lengths.tolist() == [3, 2, 3, 0]


def test_an_unknown_word_stands_in_the_text_and_has_no_target() -> None:
    documents = read_ids(IDS, as_vocabulary(WORDS), None, "post", None)
    assert documents.texts == ["the old dog", "a city", "the [UNK] saw", ""]
    assert _make(tasks="next_word")["next_word"].tolist()[2] == [-1, -1, 3, -1, -1]


@pytest.mark.parametrize(
    "X",
    [
        [[2, 3, 4], [6, 7], [2, 1, 5], []],
        np.array([[2, 3, 4], [6, 7], [2, 1, 5], []], object),
        pd.Series([[2, 3, 4], [6, 7], [2, 1, 5], []]),
        [np.array([2, 3, 4]), np.array([6, 7]), np.array([2, 1, 5]), np.array([], int)],
    ],
    ids=["lists", "object array", "Series", "arrays"],
)
def test_lists_of_ids_are_padded(X: Any) -> None:
    targets = _make(X)
    assert targets.inputs.tolist() == [[2, 3, 4], [6, 7, 0], [2, 1, 5], [0, 0, 0]]
    assert targets["pos"].tolist() == [[DET, ADJ, NOUN], [DET, NOUN, -1], [DET, -1, VERB], [-1, -1, -1]]
    assert _make(X, padding="pre").inputs[1].tolist() == [0, 6, 7]
    assert _make(X, max_length=2)["pos"].tolist() == [[DET, ADJ], [DET, NOUN], [DET, -1], [-1, -1]]


@pytest.mark.parametrize(
    "vocabulary",
    [
        tuple(WORDS),
        np.array(WORDS),
        pd.Series(WORDS),
        {word: number for number, word in enumerate(WORDS) if word},
    ],
    ids=["tuple", "array", "Series", "mapping"],
)
def test_a_vocabulary_in_any_form(vocabulary: Any) -> None:
    assert as_vocabulary(vocabulary) == as_vocabulary(WORDS)


def test_a_word_index_with_an_offset_leaves_gaps_that_stand_for_no_word() -> None:
    index = {"the": 1, "dog": 2}
    vocabulary = as_vocabulary({word: number + 3 for word, number in index.items()})
    assert vocabulary == marked(["", "", "", "", "the", "dog"])
    assert (vocabulary.padding, vocabulary.special) == (0, {0, 1, 2, 3})
    targets = _make(np.array([[1, 4, 2, 5, 0]]), vocabulary={word: number + 3 for word, number in index.items()})
    assert targets["pos"].tolist() == [[-1, DET, -1, NOUN, -1]]


@pytest.mark.parametrize(
    ("words", "text", "places"),
    [
        (
            ["[PAD]", "[CLS]", "the", "dog", "##s", "##", "#"],
            "the dogs ## #",
            [(0, 0), (0, 3), (4, 7), (7, 8), (9, 11), (12, 13)],
        ),
        (
            ["<pad>", "<s>", "▁the", "▁dog", "s", "▁", "."],
            "the dogs .",
            [(0, 0), (0, 3), (4, 7), (7, 8), (0, 0), (9, 10)],
        ),
        (
            ["<pad>", "<s>", "the", "Ġdog", "s", "ĠÃ©", "."],
            "the dogs é.",
            [(0, 0), (0, 3), (4, 7), (7, 8), (9, 10), (10, 11)],
        ),
    ],
    ids=["word pieces", "sentence pieces", "bytes"],
)
def test_pieces_of_words_are_put_together(words: list[str], text: str, places: list[tuple[int, int]]) -> None:
    documents = read_ids(np.array([[1, 2, 3, 4, 5, 6, 0]]), as_vocabulary(words), None, "post", None)
    assert documents.texts == [text]
    starts, ends = documents.spans.starts, documents.spans.ends
    assert [(a, b) if b > a else (0, 0) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)] == places
    assert documents.given is None


def test_labels_of_each_id() -> None:
    labels = np.array([[9, 9, 0, 1, 2], [0, 2, 9, 9, 9], [9, 0, 9, 1, 9], [9] * 5])
    targets = _make(tasks="next_word", label_columns={"kind": labels})
    assert targets.specs["kind"].kind == "step_class"
    assert targets.specs["kind"].classes == ("0", "1", "2", "9")
    assert targets["kind"].tolist()[2] == [-1, 0, 3, 1, -1]
    words = [["D", "A", "N"], ["D", "N"], ["D", None, "V"], []]
    lists = _make([[2, 3, 4], [6, 7], [2, 1, 5], []], "next_word", label_columns={"kind": words})
    assert lists["kind"].tolist() == [[1, 0, 2], [1, 2, -1], [1, -1, 3], [-1, -1, -1]]
    with pytest.raises(InvalidInputError, match=r"'kind' has 3 labels for the 5 tokens of `X\[0\]`"):
        _make(tasks="next_word", label_columns={"kind": words})


def test_without_a_vocabulary_ids_stand_for_themselves() -> None:
    targets = _make(tasks=["next_word", "previous_word", "reconstruction"], vocabulary=None)
    assert targets.vocabulary == ("", "1", "2", "3", "4", "5", "6", "7")
    classes = targets.specs["next_word"].classes
    assert [classes[number] for number in targets["next_word"][0, 2:4]] == ["3", "4"]
    other = targets.transform(np.array([[0, 2, 3, 999, 4]]))
    assert [classes[number] if number >= 0 else "" for number in other["next_word"][0]] == ["", "3", "", "4", ""]
    with pytest.raises(
        InvalidInputError, match="`X` holds texts, but the training texts were ids without a vocabulary"
    ):
        targets.transform(["the dog"])


@pytest.mark.parametrize("task", ["pos", "word_shape", "text_statistics", None])
def test_what_needs_words_is_refused_by_name(task: str | None) -> None:
    refused = task or "pos"
    with pytest.raises(InvalidInputError, match=f"'{refused}' needs words, and `X` holds ids alone.*'reconstruction'"):
        _make(tasks=task, vocabulary=None)


@pytest.mark.parametrize(
    ("X", "how", "error", "message"),
    [
        (np.array([[1, 2], [0, 99]]), {}, InvalidInputError, r"`X\[1\]\[1\]` is the id 99.* has 8 tokens.*by 1"),
        (np.array([[0, 8]]), {"vocabulary": ["", *WORDS[2:]]}, InvalidInputError, r"the id 8, and .* has 7 tokens"),
        ([[1, 2], [3, 4, 99]], {}, InvalidInputError, r"`X\[1\]\[2\]` is the id 99"),
        (np.array([[-1, 2]]), {}, InvalidInputError, r"`X\[0\]\[0\]` is the id -1; ids of tokens are 0 or more"),
        (IDS[0], {}, InvalidInputError, r"numbers of the shape \(5,\).*\(n, steps\)"),
        (IDS[..., None], {}, InvalidInputError, r"numbers of the shape \(4, 5, 1\)"),
        (IDS.astype("float32"), {}, InvalidTypeError, r"dtype float32; ids of tokens are integers.*astype\('int32'\)"),
        (IDS != 0, {}, InvalidTypeError, "dtype bool; ids of tokens are integers"),
        ([[1, 2], "the"], {}, InvalidTypeError, r"`X\[1\]` is 'the' of type str, and other texts are lists of ids"),
        ([[1, 2], [1, 2.5, 3]], {}, InvalidTypeError, "dtype float64; ids of tokens are integers"),
        (np.zeros((2, 3), int), {}, InvalidInputError, "no text has a token"),
        ({"input_ids": IDS}, {}, InvalidTypeError, r"pass X\['input_ids'\], with the tok.*attach_heads as `samples`"),
        (IDS, {"max_length": 3}, InvalidInputError, "`max_length` is 3, but `X` holds 5 ids"),
        (IDS, {"model_inputs": "texts"}, InvalidInputError, "`model_inputs` is 'texts', but `X` holds ids"),
        (IDS, {"tokenizer": "whitespace", "vocabulary": None}, InvalidInputError, "`tokenizer` has no vocabulary"),
        (IDS, {"vocabulary": str}, InvalidTypeError, r"pass \[function\(id\) for id in range\(number_of_ids\)\]"),
        (IDS, {"vocabulary": {0: "the"}}, InvalidTypeError, r"map tokens to ids.*Swap the two"),
        (IDS, {"vocabulary": {"a": 1, "b": 1}}, InvalidInputError, "two tokens for the id 1, 'a' and 'b'"),
        (IDS, {"vocabulary": ["a", "b", "a"]}, InvalidInputError, "the token 'a' twice, as 0 and 2"),
        (IDS, {"vocabulary": ["a", 3]}, InvalidTypeError, "entry 1 is 3 of type int"),
        (IDS, {"vocabulary": ["", "[PAD]"]}, InvalidInputError, "`vocabulary` holds no word"),
        ([[2], [2, 3]], {"vocabulary": WORDS[2:]}, InvalidInputError, "no entry for padding"),
        (["the cat"], {"vocabulary": ["", "the", "a"]}, InvalidInputError, "no entry for unknown words"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(X: Any, how: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _make(X, **{"tasks": "next_word", **how})


def test_zeros_that_look_like_padding_where_0_is_a_word_are_told_of() -> None:
    ids = np.array([[1, 2, 0, 0, 0], [2, 1, 2, 1, 0], [1, 0, 0, 0, 0]])
    with pytest.warns(AuxTasksWarning, match=r"'the' for the id 0, but 67% of the texts begin or end with.*\['', "):
        _make(ids, "next_word", vocabulary=["the", "old", "dog"])


def test_other_ids_are_of_the_same_numbering_and_length(tmp_path: Any) -> None:
    targets = _make()
    targets.save(tmp_path / "saved")
    for known in (targets, auxtasks.load_targets(tmp_path / "saved")):
        known.generator.set_params(tagger=ToyTagger())
        other = known.transform(np.array([[0, 0, 0, 2, 4]]))
        assert other["pos"].tolist() == [[-1, -1, -1, DET, NOUN]]
        assert known.transform([[2, 4]]).inputs.tolist() == [[2, 4, 0, 0, 0]]
        assert known.transform(["the old zebra"]).inputs.tolist() == [[2, 3, 1, 0, 0]]
        with pytest.raises(InvalidInputError, match=r"6 ids for each text, but the training texts had 5.*maxlen=5"):
            known.transform(np.ones((1, 6), int))
        with pytest.raises(InvalidInputError, match="the id 8, and the vocabulary has 8 tokens"):
            known.transform(np.full((1, 5), 8))
    assert known.generator.vocabulary == WORDS


def test_texts_are_numbered_by_a_vocabulary_that_is_there() -> None:
    targets = _make(["the old dog", "A zebra saw"], "next_word")
    assert targets.inputs.tolist() == [[2, 3, 4], [6, 1, 5]]
    changed = targets.generator.set_params(vocabulary=[*WORDS, "zebra"])
    with pytest.raises(InvalidInputError, match="has a different vocabulary than when the gen"):
        changed.transform(["a dog"])


def test_a_long_vocabulary_is_printed_short() -> None:
    generator = auxtasks.AuxTargetGenerator("text", "next_word", vocabulary=["", *map(str, range(5000))])
    assert "vocabulary=['', '0', '1'" in repr(generator)
    assert len(repr(generator)) < 200


def test_ids_of_numpy_strings_are_no_ids() -> None:
    with pytest.raises(InvalidInputError, match=r"must have the shape \(n,\) for domain 'text'"):
        _make(np.array([["a", "b"]]))


def test_padding_does_not_count_as_missing() -> None:
    shown = {line.split()[0]: line.split()[4] for line in str(_make(tasks=["pos", "reconstruction"])).splitlines()[2:]}
    # Of eight tokens one is unknown.
    assert shown == {"pos": "12%", "reconstruction": "12%"}
