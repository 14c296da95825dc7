"""Small trained taggers: one set of sentences trains a spaCy pipeline and NLTK's perceptron."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.extractors.text.tagged_sentences import SENTENCES

DATA = Path(os.environ.get("AUXTASKS_DATA", "../shared/data"))
_LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find a part of the real data, or skip the test."""

    def find(part: str) -> Path:
        if not (DATA / part).exists():
            pytest.skip(f"no {part} in {DATA}; set AUXTASKS_DATA to the folder that holds it")
        return DATA / part

    return find


@pytest.fixture(scope="session")
def spacy_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a spaCy pipeline that knows `SENTENCES` by heart."""
    spacy = pytest.importorskip("spacy")
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en", meta={"name": "tiny"})
    embedding = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 32, "depth": 1, "embed_size": 200}
    nlp.add_pipe(
        "tok2vec",
        config={
            "model": embedding
            | {"window_size": 1, "maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None}
        },
    )
    for name in ("tagger", "morphologizer", "parser", "ner"):
        # The parser forgets relations that are rare, as all are here.
        rare = {"min_action_freq": 1} if name == "parser" else {}
        nlp.add_pipe(name, config={"model": {"tok2vec": _LISTENER}, **rare})
    examples = [_example(nlp, sentence) for sentence in SENTENCES]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(40):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    folder = tmp_path_factory.mktemp("spacy") / "en_tiny"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def nlp(spacy_path: Path) -> Any:
    """The pipeline of `spacy_path`, loaded for one test."""
    import spacy

    return spacy.load(spacy_path)


@pytest.fixture(scope="session")
def _nltk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tag = pytest.importorskip("nltk.tag")
    folder = tmp_path_factory.mktemp("nltk_data")
    tagger = tag.PerceptronTagger(load=False)
    random.seed(0)
    tagger.train([list(zip(sentence["words"], sentence["tags"], strict=True)) for sentence in SENTENCES], nr_iter=10)
    model = folder / "taggers" / "averaged_perceptron_tagger_eng"
    model.mkdir(parents=True)
    for part, value in zip(("weights", "tagdict", "classes"), tagger.encode_json_obj(), strict=True):
        (model / f"averaged_perceptron_tagger_eng.{part}.json").write_text(json.dumps(value))
    punkt = folder / "tokenizers" / "punkt_tab" / "english"
    punkt.mkdir(parents=True)
    (punkt / "abbrev_types.txt").write_text("dr\nmr")
    for name in ("collocations.tab", "ortho_context.tab", "sent_starters.txt"):
        (punkt / name).write_text("")
    return _made_private(folder)


@pytest.fixture
def nltk_data(_nltk_folder: Path) -> Iterator[Path]:
    """A folder of NLTK data with a tagger that was trained on `SENTENCES`, and the only one NLTK looks at."""
    yield from _only(_nltk_folder)


@pytest.fixture(scope="session")
def _real_nltk_folder(tmp_path_factory: pytest.TempPathFactory, shared_data: Callable[[str], Path]) -> Path:
    pytest.importorskip("nltk")
    folder = tmp_path_factory.mktemp("real") / "nltk_data"
    shutil.copytree(shared_data("nltk_data"), folder)
    return _made_private(folder)


@pytest.fixture
def real_nltk_data(_real_nltk_folder: Path) -> Iterator[Path]:
    """NLTK's own data, as far as there is any; its chunker of entities knows no types."""
    yield from _only(_real_nltk_folder)


def _example(nlp: Any, sentence: dict[str, list[str]]) -> Any:
    from spacy.tokens import Doc
    from spacy.training import Example

    gold: dict[str, Any] = {**sentence, "heads": [int(head) for head in sentence["heads"]]}
    return Example.from_dict(Doc(nlp.vocab, words=sentence["words"]), gold)


def _made_private(folder: Path) -> Path:
    # NLTK refuses data that other accounts could write.
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def _only(folder: Path) -> Iterator[Path]:
    import nltk.data

    before = list(nltk.data.path)
    nltk.data.path[:] = [str(folder)]
    _forget_models()
    yield folder
    nltk.data.path[:] = before
    _forget_models()


def _forget_models() -> None:
    import nltk

    # NLTK's own functions keep the model that they loaded first.
    for module, name in ((nltk.tokenize, "_get_punkt_tokenizer"), (nltk.tag, "_get_tagger")):
        if hasattr(getattr(module, name, None), "cache_clear"):
            getattr(module, name).cache_clear()
