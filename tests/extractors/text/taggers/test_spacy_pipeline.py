"""Pipelines by name, by folder and loaded; in one process and in several."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auxtasks.errors import InvalidInputError, InvalidTypeError, MissingDependencyError, StorageError
from auxtasks.extractors.text.spans import COLUMNS, Spans
from auxtasks.extractors.text.taggers import spacy_pipeline, spacy_tagger
from auxtasks.extractors.text.taggers.base import Corpus
from auxtasks.extractors.text.taggers.spacy_pipeline import SpacyModel
from auxtasks.extractors.text.taggers.spacy_tagger import CHARACTERS, SpacyTagger, batches_of
from tests.extractors.text.tagged_sentences import TEXTS, same

spacy = pytest.importorskip("spacy")
ALL = frozenset(COLUMNS)
POS = frozenset({"pos"})


@spacy.Language.component("auxtasks_test_unknown_elsewhere")
def unknown_elsewhere(doc: Any) -> Any:
    """Do nothing; other processes do not know it."""
    return doc


class ByLetter:
    """A tokenizer that cannot be saved."""

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Any:
        return spacy.tokens.Doc(self.vocab, words=list(text))


def test_a_folder_a_string_and_a_loaded_pipeline_say_the_same(spacy_path: Path, nlp: Any) -> None:
    loaded = SpacyTagger(nlp).annotate(Corpus(TEXTS), ALL)
    same(SpacyTagger(spacy_path).annotate(Corpus(TEXTS), ALL), loaded)
    same(SpacyTagger(str(spacy_path)).annotate(Corpus(TEXTS), ALL), loaded)


def test_an_installed_pipeline_by_its_name(spacy_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "en_auxtasks_tiny"
    (package / "en_auxtasks_tiny-1").mkdir(parents=True)
    for path in spacy_path.iterdir():
        (package / "en_auxtasks_tiny-1" / path.name).symlink_to(path)
    (package / "__init__.py").write_text(
        "import pathlib, spacy\n\n"
        "def load(**options):\n    return spacy.load(pathlib.Path(__file__).parent / 'en_auxtasks_tiny-1', **options)\n"
    )
    metadata = tmp_path / "en_auxtasks_tiny-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: en_auxtasks_tiny\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    backend = SpacyTagger("en_auxtasks_tiny")
    same(backend.annotate(Corpus(TEXTS), POS), SpacyTagger(spacy_path).annotate(Corpus(TEXTS), POS))
    before = SpacyTagger("en_auxtasks_tiny").fingerprint(POS)
    (package / "__init__.py").write_text("# another version\n")
    assert SpacyTagger("en_auxtasks_tiny").fingerprint(POS) != before


@pytest.mark.parametrize(
    ("pipeline", "error", "words"),
    [
        (None, InvalidInputError, r"none was given.*python -m spacy download en_core_web_sm"),
        (7, InvalidTypeError, r"must be the name of an installed spaCy pipeline.*got 7 of type int"),
        ("no_such_pipeline", MissingDependencyError, r"python -m spacy download no_such_pipeline"),
        ("json", MissingDependencyError, r"no spaCy pipeline named 'json' is installed"),
        ("no/such", StorageError, r"there is no folder 'no/such'"),
        (Path("no_such"), StorageError, r"there is no folder 'no_such'"),
        (Path(__file__).parent, StorageError, r"holds no spaCy pipeline, which has a `config.cfg`"),
    ],
)
def test_pipelines_that_are_not_there(pipeline: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"`tagger_model`.*{words}"):
        SpacyTagger(pipeline).annotate(Corpus(["a"]), POS)


@pytest.mark.parametrize("pipeline", [None, "en_core_web_sm", "folder/of/one"])
def test_spacy_that_is_not_there(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr("auxtasks.optional.find_spec", lambda name: None if name == "spacy" else there(name))
    with pytest.raises(MissingDependencyError, match=r"pip install 'auxtasks\[text\]'"):
        SpacyTagger(pipeline)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch_size": 0}, InvalidInputError, "`batch_size` must be at least 1"),
        ({"n_jobs": 0}, InvalidInputError, "`n_jobs` must be positive, or -1"),
        ({"n_jobs": -2}, InvalidInputError, "`n_jobs` must be from -1 to"),
        ({"n_jobs": 1.5}, InvalidTypeError, "`n_jobs` must be an integer"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        SpacyTagger("en_core_web_sm", **options)


def test_a_text_that_is_too_long_is_named_before_any_is_tagged(nlp: Any) -> None:
    nlp.max_length = 10
    with pytest.raises(InvalidInputError, match=r"`X\[1\]` has 11 characters, and `tagger_model` takes at most 10"):
        SpacyTagger(nlp).annotate(Corpus(["a" * 10, "b" * 11]), POS)
    given = Spans.of([[(0, 11)]])
    assert SpacyTagger(nlp).annotate(Corpus(["b" * 11], given), POS).spans.counts.tolist() == [1]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is loaded during a test, in order."""
    load, seen = spacy.load, []

    def counted(source: str, **options: Any) -> Any:
        seen.append(str(source))
        return load(source, **options)

    monkeypatch.setattr(spacy, "load", counted)
    spacy_pipeline._loaded.cache_clear()
    return seen


def test_a_pipeline_stays_loaded_until_its_files_change(nlp: Any, tmp_path: Path, loads: list[str]) -> None:
    folder = tmp_path / "pipeline"
    nlp.to_disk(folder)
    first, again = (SpacyTagger(pipeline).annotate(Corpus(TEXTS), ALL) for pipeline in (folder, str(folder)))
    same(again, first)
    assert loads == [str(folder)]
    kept, _ = SpacyModel(folder).load()
    assert (kept.pipe_names, kept.disabled) == (nlp.pipe_names, [])
    # Another thread puts components on and off in a pipeline of its own.
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(SpacyModel(folder).load).result()[0] is not kept
    weights = nlp.get_pipe("tagger").model.get_ref("softmax")
    weights.set_param("b", weights.get_param("b") + np.arange(weights.get_dim("nO")) * 100)
    nlp.to_disk(folder)
    changed = SpacyTagger(folder).annotate(Corpus(TEXTS), frozenset({"tag"}))
    assert changed.found("tag") == (nlp.get_pipe("tagger").labels[-1],)


def test_a_pipeline_with_code_of_its_own_is_loaded_anew(nlp: Any, tmp_path: Path, loads: list[str]) -> None:
    nlp.add_pipe("auxtasks_test_unknown_elsewhere")
    nlp.to_disk(tmp_path)
    for _ in range(2):
        backend = SpacyTagger(tmp_path)
        for _ in range(2):
            backend.annotate(Corpus(["a"]), POS)
    assert loads == [str(tmp_path)] * 2


@pytest.mark.parametrize("foreign", [False, True])
def test_processes_keep_a_pipeline_as_long_as_its_key(nlp: Any, tmp_path: Path, foreign: bool) -> None:
    if foreign:
        nlp.add_pipe("auxtasks_test_unknown_elsewhere")
    nlp.to_disk(tmp_path)
    backend = SpacyModel(tmp_path)
    key = backend.load()[1]
    assert backend.load()[1] == key
    # Code may change where no file of the pipeline does.
    assert (SpacyModel(tmp_path).load()[1] == key) is not foreign
    (tmp_path / "meta.json").write_text((tmp_path / "meta.json").read_text() + " ")
    assert backend.load()[1] != key


def test_a_process_loads_a_pipeline_once_for_a_key(spacy_path: Path, loads: list[str]) -> None:
    work = spacy_tagger.Work(("tok2vec", "tagger"), frozenset({"tag"}), ("morphologizer", "ner", "parser"))
    for key in ("one", "one", "other", "one"):
        spacy_tagger._tag_there(str(spacy_path), 100, key, work, Corpus(["a"]))
    assert loads == [str(spacy_path)] * 3


@pytest.mark.parametrize(
    ("before", "after", "foreign"),
    [
        ("", "", False),
        ('factory = "tagger"', 'factory = "mine"', True),
        ("spacy.Tagger.v2", "mine.Tagger.v2", True),
        ("spacy.Tok2VecListener.v1", "spacy-legacy.Tok2VecListener.v1", False),
        ("spacy.Tokenizer.v1", "mine.Tokenizer.v1", True),
        ('lang = "en"', 'lang = "mine"', True),
        ('lang = "en"', 'lang = "xx"', False),
        ('lang = "en"', "lang = ${vars.lang}", True),
        ("[corpora.dev]", '[corpora.dev]\n@readers = "mine.Corpus.v1"\n[corpora.mine]', False),
        ("[nlp]", "no settings", True),
    ],
)
def test_settings_tell_whose_code_runs(
    spacy_path: Path, tmp_path: Path, before: str, after: str, foreign: bool
) -> None:
    settings = (spacy_path / "config.cfg").read_text()
    assert before in settings
    (tmp_path / "config.cfg").write_text(settings.replace(before, after, 1))
    assert spacy_pipeline.runs_foreign_code(tmp_path) is foreign


def test_every_component_that_comes_with_spacy_is_known() -> None:
    # In a process of its own, since tests register components too.
    code = "import spacy; spacy.blank('en'); print(*spacy.registry.factories.get_all())"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    # Some languages have a component of their own: "en.lemmatizer".
    there = {name.rpartition(".")[2] for name in names}
    assert there == spacy_pipeline.FACTORIES


def test_batches_hold_so_many_texts_or_characters() -> None:
    lengths = [10, 10, 10, CHARACTERS - 5, 5, 1, CHARACTERS + 1, 0, 3]
    texts = ["x" * length for length in lengths]
    corpus = Corpus(texts, Spans.of([[(0, length)] for length in lengths]), training=False)
    batches = batches_of(corpus, 2)
    assert [[len(text) for text in batch.texts] for batch in batches] == [
        [10, 10],
        [10],
        [CHARACTERS - 5, 5],
        [1],
        [CHARACTERS + 1],
        [0, 3],
    ]
    assert [text for batch in batches for text in batch.texts] == texts
    assert [batch.given.ends.tolist() for batch in batches if batch.given] == [
        [len(text) for text in batch.texts] for batch in batches
    ]
    assert not any(batch.training for batch in batches)
    assert batches_of(Corpus([]), 2) == []


@pytest.mark.parametrize("loaded", [False, True])
def test_processes_say_what_one_process_says(
    spacy_path: Path, nlp: Any, loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Processes that were started elsewhere find a relative path too.
    monkeypatch.chdir(spacy_path.parent)
    pipeline = nlp if loaded else spacy_path.name
    texts = [*TEXTS, "", "Rome is old."] * 3
    alone = SpacyTagger(pipeline, batch_size=5).annotate(Corpus(texts), ALL)
    same(SpacyTagger(pipeline, batch_size=5, n_jobs=2).annotate(Corpus(texts), ALL), alone)
    given = Spans.of([[(0, 2), (2, 4)]] * len(texts))
    corpus = Corpus(["Anna"] * len(texts), given)
    same(
        SpacyTagger(pipeline, batch_size=5, n_jobs=-1).annotate(corpus, POS),
        SpacyTagger(pipeline, batch_size=5).annotate(corpus, POS),
    )


def test_processes_know_a_loaded_pipeline_that_was_changed(nlp: Any) -> None:
    backend = SpacyTagger(nlp, batch_size=2, n_jobs=2)
    before = backend.annotate(Corpus(TEXTS), frozenset({"tag"}))
    weights = nlp.get_pipe("tagger").model.get_ref("softmax")
    weights.set_param("b", weights.get_param("b") + np.arange(weights.get_dim("nO")) * 100)
    after = backend.annotate(Corpus(TEXTS), frozenset({"tag"}))
    assert len(before.found("tag")) > 1
    assert after.found("tag") == (nlp.get_pipe("tagger").labels[-1],)


def test_what_other_processes_cannot_load_is_refused(nlp: Any) -> None:
    nlp.add_pipe("auxtasks_test_unknown_elsewhere")
    with pytest.raises(InvalidInputError, match=r"`n_jobs`.*another process.*auxtasks_test_unknown_elsewhere"):
        SpacyTagger(nlp, batch_size=2, n_jobs=2).annotate(Corpus(TEXTS), POS)
    nlp.remove_pipe("auxtasks_test_unknown_elsewhere")
    nlp.tokenizer = ByLetter(nlp.vocab)
    with pytest.raises(InvalidInputError, match=r"`n_jobs`: the tokenizer .*a ByLetter, is not the one"):
        SpacyTagger(nlp, batch_size=2, n_jobs=2).annotate(Corpus(TEXTS), POS)


def test_a_progress_bar_where_asked(nlp: Any, capsys: pytest.CaptureFixture[str]) -> None:
    SpacyTagger(nlp, batch_size=3, progress=True).annotate(Corpus(TEXTS), POS)
    assert "2/2" in capsys.readouterr().err
    SpacyTagger(nlp, batch_size=3).annotate(Corpus(TEXTS), POS)
    assert capsys.readouterr().err == ""
