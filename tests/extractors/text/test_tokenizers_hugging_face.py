"""Fast Hugging Face tokenizers, built here; those of transformers by a stand-in with the same calls."""

from __future__ import annotations

import json

import pytest
from shared_texts import real_texts
from small_tokenizers import Fast, byte_pairs, tokenizers, word_pieces

from auxtasks.errors import InvalidInputError, InvalidTypeError
from auxtasks.extractors.text.tokenizers import hugging_face
from auxtasks.extractors.text.tokenizers.choose import as_tokenizer, from_dict

TEXTS = ["The cats purred, naïvely.", "", "Caté 🙂 zebras", "cat " * 9]


def pieces(tokens, texts=TEXTS):
    """Return each token's word and its characters, by text."""
    ends = list(zip(tokens.words, tokens.spans.starts.tolist(), tokens.spans.ends.tolist(), strict=True))
    bounds = tokens.spans.first.tolist()
    return [
        [(word, text[start:end]) for word, start, end in ends[begin:beyond]]
        for text, begin, beyond in zip(texts, bounds[:-1], bounds[1:], strict=True)
    ]


@pytest.mark.parametrize("make", [word_pieces, lambda: Fast(word_pieces(), 0, 1, [0, 1, 2, 3])])
def test_pieces_lie_where_their_characters_are(make):
    tokenizer = as_tokenizer(make())
    tokens = tokenizer.tokenize(TEXTS)
    first, second, third, last = pieces(tokens)
    assert first == [
        ("[CLS]", ""), ("the", "The"), ("cat", "cat"), ("##s", "s"), ("purr", "purr"), ("##ed", "ed"), (",", ","),
        ("naive", "naïve"), ("##ly", "ly"), (".", "."), ("[SEP]", ""),
    ]  # fmt: skip
    assert second == [("[CLS]", ""), ("[SEP]", "")]
    assert third[1:-1] == [("cat", "Cat"), ("##e", "é"), ("[UNK]", "🙂"), ("[UNK]", "zebras")]
    assert last[1:-1] == [("cat", "cat")] * 9
    assert [tokenizer.vocabulary.words[number] for number in tokens.ids] == tokens.words
    assert (tokenizer.vocabulary.padding, tokenizer.vocabulary.unknown) == (0, 1)
    assert tokenizer.vocabulary.special == {0, 1, 2, 3}


def test_bytes_of_one_character_share_its_place():
    tokenizer = as_tokenizer(Fast(byte_pairs(), 257, None, [257]))
    assert pieces(tokenizer.tokenize(["ca 🙂"]), ["ca 🙂"])[0][2:] == [(word, "🙂") for word in "ðŁĻĤ"]
    assert (tokenizer.vocabulary.unknown, tokenizer.vocabulary.special) == (None, {257})


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_left_out_and_truncation_kept(side):
    backend = word_pieces()
    plain = pieces(as_tokenizer(backend).tokenize(TEXTS))
    backend.enable_padding(length=6, direction=side)
    tokenizer = as_tokenizer(backend)
    assert tokenizer.length == 6
    assert pieces(tokenizer.tokenize(TEXTS)) == plain
    backend.enable_truncation(5)
    cut = pieces(tokenizer.tokenize(TEXTS))
    assert cut == [row if len(row) <= 5 else [*row[:4], row[-1]] for row in plain]
    assert backend.padding["length"] == 6


def test_what_an_earlier_call_asked_for_is_not_saved():
    fast = Fast(word_pieces(), 0, 1, [0, 1, 2, 3])
    tokenizer = as_tokenizer(fast)
    fast.backend_tokenizer.enable_truncation(3)
    fast.backend_tokenizer.enable_padding(length=3)
    restored = from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert pieces(restored.tokenize(TEXTS)) == pieces(tokenizer.tokenize(TEXTS))


@pytest.mark.parametrize("make", [word_pieces, lambda: Fast(byte_pairs(), 257, None, [257])])
def test_saved_and_restored_on_real_texts(make):
    texts = real_texts("wnut17")[:300]
    tokenizer = as_tokenizer(make())
    restored = from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert isinstance(restored.tokenizer, tokenizers.Tokenizer)
    assert restored.vocabulary == tokenizer.vocabulary
    assert pieces(restored.tokenize(texts), texts) == pieces(tokenizer.tokenize(texts), texts)


def test_blocks_do_not_show(monkeypatch):
    tokenizer = as_tokenizer(word_pieces())
    whole = pieces(tokenizer.tokenize(TEXTS))
    monkeypatch.setattr(hugging_face, "_BLOCK", 1)
    assert pieces(tokenizer.tokenize(TEXTS)) == whole
    assert tokenizer.tokenize([]).spans.n == 0


def test_numbers_without_a_token_are_special():
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<pad>": 0, "a": 3}, unk_token="<unk>"))  # noqa: S106
    vocabulary = as_tokenizer(backend).vocabulary
    assert vocabulary.words == ("<pad>", "", "", "a")
    assert (vocabulary.special, vocabulary.unknown) == ({0, 1, 2}, None)


def test_tokenizers_without_padding_or_places_are_refused():
    with pytest.raises(InvalidInputError, match=r"no padding token, none of \[PAD\].* tokenizer\.enable_padding\("):
        as_tokenizer(byte_pairs())
    with pytest.raises(InvalidInputError, match=r"no padding token, .* tokenizer\.pad_token = tokenizer\.eos_token"):
        as_tokenizer(Fast(byte_pairs(), None))
    slow = Fast(word_pieces(), 0)
    slow.is_fast = False
    with pytest.raises(InvalidTypeError, match=r"Fast is a slow tokenizer.* pass its method `tokenize` as a function"):
        as_tokenizer(slow)


def test_padding_may_be_named():
    backend = byte_pairs()
    backend.enable_padding(pad_id=257, pad_token="<|end|>")  # noqa: S106
    tokenizer = as_tokenizer(backend)
    assert (tokenizer.vocabulary.padding, tokenizer.length) == (257, None)
    assert tokenizer.tokenize(["ca", "c"]).spans.counts.tolist() == [1, 1]
