"""Small Hugging Face tokenizers, built without training, and a stand-in for those of transformers."""

from __future__ import annotations

import pytest

tokenizers = pytest.importorskip("tokenizers")

MARKERS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def word_pieces():
    """Words without case and accents in pieces, between two markers."""
    words = [*MARKERS, "the", "cat", "##s", "purr", "##ed", ",", ".", "naive", "##ly", "##e"]
    model = tokenizers.models.WordPiece({word: at for at, word in enumerate(words)}, unk_token="[UNK]")  # noqa: S106
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(MARKERS)
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def byte_pairs():
    """Single bytes and one pair; no unknown token and none for padding."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = {word: at for at, word in enumerate([*alphabet, "ca", "<|end|>"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(words, [("c", "a")]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


class Fast:
    """The calls of ``transformers.PreTrainedTokenizerFast`` that matter, over a tokenizer of tokenizers."""

    is_fast = True

    def __init__(self, backend, pad_token_id, unk_token_id=None, special=()):
        self.backend_tokenizer = backend
        self.pad_token_id, self.unk_token_id = pad_token_id, unk_token_id
        self.all_special_ids = list(special)

    def get_vocab(self):
        return self.backend_tokenizer.get_vocab(with_added_tokens=True)

    def __call__(self, texts, *, padding, return_offsets_mapping, truncation=None, **_):
        assert isinstance(texts, list)
        assert (padding, return_offsets_mapping, truncation) == (False, True, None)
        # As the original does, which forgets what an earlier call asked for.
        self.backend_tokenizer.no_padding()
        self.backend_tokenizer.no_truncation()
        said = self.backend_tokenizer.encode_batch(texts)
        return {"input_ids": [one.ids for one in said], "offset_mapping": [one.offsets for one in said]}
