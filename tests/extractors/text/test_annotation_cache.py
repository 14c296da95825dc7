"""What is stored is what would be said again, and never what would not."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flips import with_flipped_bit
from hypothesis import given
from hypothesis import strategies as st

from auxtasks.errors import AuxTasksWarning, InvalidInputError, StorageError
from auxtasks.extractors.text.cache import _seal, cached
from auxtasks.extractors.text.spans import COLUMNS, NAMED, Annotations, Spans
from auxtasks.extractors.text.taggers import nltk_tagger
from auxtasks.extractors.text.taggers.base import Corpus
from auxtasks.extractors.text.taggers.nltk_tagger import NltkTagger
from auxtasks.extractors.text.taggers.spacy_tagger import SpacyTagger
from tests.extractors.text.tagged_sentences import TEXTS, same

ALL = frozenset(COLUMNS)
POS = frozenset({"pos"})


class Counted:
    """A tagger that counts how often it tags; it says the number of each text."""

    def __init__(self, state: str = "") -> None:
        self.state = state
        self.calls = 0

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        self.calls += 1
        spans = Spans.of([[(0, min(len(text), 1))] for text in corpus.texts])
        columns = {name: np.arange(len(corpus.texts), dtype=np.int32) for name in needs}
        return Annotations(spans, columns, {name: tuple(corpus.texts) for name in needs & NAMED})

    def fingerprint(self, needs: frozenset[str]) -> str:
        return self.state


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    backend = Counted()
    for _ in range(2):
        cached(backend, Corpus(["a"]), POS, None)
    assert backend.calls == 2
    assert list(tmp_path.iterdir()) == []


def test_the_second_time_is_the_first(tmp_path: Path) -> None:
    backend, corpus, needs = Counted(), Corpus(["ab", "", "naïve 🙂\x00"]), frozenset({"tag", "head"})
    first = cached(backend, corpus, needs, tmp_path / "new" / "folder")
    same(cached(Counted(), corpus, needs, tmp_path / "new" / "folder"), first)
    same(cached(backend, corpus, needs, tmp_path / "new" / "folder"), first)
    assert backend.calls == 1
    # Nothing half written is left over.
    assert [path.suffix for path in (tmp_path / "new" / "folder").iterdir()] == [".npz"]


@pytest.mark.parametrize(
    ("corpus", "needs", "state"),
    [
        (Corpus(["a", "bc"]), POS, "other"),
        (Corpus(["a", "bc"]), frozenset({"pos", "tag"}), "state"),
        (Corpus(["ab", "c"]), POS, "state"),
        (Corpus(["abc"]), POS, "state"),
        (Corpus(["bc", "a"]), POS, "state"),
        (Corpus(["a", "bc", ""]), POS, "state"),
        (Corpus(["a", "bc"], Spans.of([[(0, 1)], [(0, 2)]])), POS, "state"),
    ],
)
def test_anything_else_is_tagged_anew(tmp_path: Path, corpus: Corpus, needs: frozenset[str], state: str) -> None:
    cached(Counted("state"), Corpus(["a", "bc"]), POS, tmp_path)
    backend = Counted(state)
    cached(backend, corpus, needs, tmp_path)
    assert backend.calls == 1


def test_given_tokens_count(tmp_path: Path) -> None:
    backend = Counted()
    for spans in ([[(0, 1), (1, 2)]], [[(0, 2)]], [[(0, 1), (1, 2)]]):
        cached(backend, Corpus(["ab"], Spans.of(spans)), POS, tmp_path)
    assert backend.calls == 2


@given(data=st.data())
def test_a_damaged_file_is_told_of_and_made_again(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    backend, corpus, needs = Counted(), Corpus(["ab", ""]), frozenset({"tag", "head"})
    first = cached(backend, corpus, needs, folder)
    (path,) = folder.iterdir()
    sound = path.read_bytes()
    damaged = sound[: data.draw(st.integers(0, len(sound) - 1))]
    if data.draw(st.booleans()):
        # The last bytes of every kind of part: numbers, names, the table of contents.
        at = data.draw(
            st.sampled_from([sound.rindex(b"head"), sound.index(b'{"tag"'), sound.rindex(b"names.npy") - 30])
        )
        damaged = sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :]
    path.write_bytes(damaged)
    with pytest.warns(AuxTasksWarning, match=r"`cache`: .* is damaged .*; the texts are tagged again"):
        same(cached(backend, corpus, needs, folder), first)
    assert (backend.calls, path.read_bytes()) == (2, sound)


def test_a_file_of_another_shape_is_damaged(tmp_path: Path) -> None:
    cached(Counted(), Corpus(["a", "b"]), POS, tmp_path)
    (wrong,) = tmp_path.iterdir()
    cached(Counted(), Corpus(["a"]), POS, tmp_path)
    (right,) = set(tmp_path.iterdir()) - {wrong}
    wrong.replace(right)
    with pytest.warns(AuxTasksWarning, match="does not have the checksum it was written with"):
        assert cached(Counted(), Corpus(["a"]), POS, tmp_path).spans.n == 1


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("counts", np.array([1, 3]), "do not fit together"),
        ("counts", np.array([-1, 4]), "are not lists of numbers"),
        ("counts", np.array([3]), "belongs to other texts"),
        ("counts", np.array([[1, 2]]), "are not lists of numbers"),
        ("starts", np.array([0.0, 0.0, 1.0]), "are not lists of numbers"),
        ("starts", np.array([0, -1, 1], np.int32), "do not lie in the texts"),
        ("starts", np.array([0, 0, 0], np.int32), "do not lie in the texts"),
        ("ends", np.array([3, 2, 2], np.int32), "do not lie in the texts"),
        ("ends", np.array([1, 1, 9], np.int32), "do not lie in the texts"),
        ("tag", np.array([0, 1, 2], np.int32), "'tag' holds values out of range"),
        ("tag", np.array([0, 1, -2], np.int32), "'tag' holds values out of range"),
        ("head", np.array([0, 1, 50], np.int32), "'head' holds values out of range"),
        ("pos", np.array([0, 0, 0], np.int32), "do not fit together"),
        ("names", {"tag": ["A", "A"]}, "are not distinct texts"),
        ("names", {"tag": ["A", 1]}, "are not distinct texts"),
        ("names", {"head": ["A", "B"]}, "do not fit together"),
        ("names", ["tag"], "is damaged"),
    ],
)
def test_well_formed_contents_that_no_tagger_can_have_said_are_tagged_again(
    tmp_path: Path, name: str, value: Any, match: str
) -> None:
    corpus, needs = Corpus(["one", "to be"]), frozenset({"tag", "head"})
    spans = Spans.of([[(0, 3)], [(0, 1), (1, 2)]])
    said = Annotations(spans, {"tag": np.array([0, 1, -1]), "head": np.array([0, 1, -1])}, {"tag": ("A", "B")})

    class Fixed(Counted):
        def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
            super().annotate(corpus, needs)
            return said

    backend = Fixed()
    for _ in range(2):
        same(cached(backend, corpus, needs, tmp_path), said)
    assert backend.calls == 1
    (path,) = tmp_path.iterdir()
    with np.load(path) as stored:
        arrays = {**stored, name: np.frombuffer(json.dumps(value).encode(), np.uint8) if name == "names" else value}
    content = io.BytesIO()
    np.savez(content, **arrays)
    path.write_bytes(content.getvalue() + _seal(path, content.getvalue()))
    with pytest.warns(AuxTasksWarning, match=match):
        same(cached(backend, corpus, needs, tmp_path), said)
    assert backend.calls == 2


def test_a_flipped_bit_is_seen_and_a_link_is_not_followed(tmp_path: Path) -> None:
    backend, corpus = Counted(), Corpus(["a", "b"])
    first = cached(backend, corpus, POS, tmp_path)
    (path,) = tmp_path.iterdir()
    sound = path.read_bytes()
    flips = range(0, len(sound), 29)
    for at in flips:
        path.write_bytes(with_flipped_bit(sound, 8 * at + at % 8))
        with pytest.warns(AuxTasksWarning, match=r"is damaged \(it does not have the checksum"):
            same(cached(backend, corpus, POS, tmp_path), first)
        assert path.read_bytes() == sound
    assert backend.calls == 1 + len(flips)
    path.unlink()
    (tmp_path / "mine").write_text("precious")
    path.symlink_to(tmp_path / "mine")
    with pytest.warns(AuxTasksWarning, match=r"cannot be read \(.* is a link. auxtasks does not follow"):
        same(cached(backend, corpus, POS, tmp_path), first)
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_file_that_cannot_be_moved_to_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "in use", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.warns(AuxTasksWarning, match=r"cannot be written \(in use: .*\); .* The annotations are not stored"):
        assert cached(Counted(), Corpus(["a"]), POS, tmp_path).spans.n == 1
    assert list(tmp_path.iterdir()) == []

    def meanwhile(self: Path, target: Path) -> Path:
        target.write_bytes(self.read_bytes())
        raise PermissionError(errno.EACCES, "in use", str(target))

    # Where another process wrote it, there is nothing to tell.
    monkeypatch.setattr(Path, "replace", meanwhile)
    assert cached(Counted(), Corpus(["a"]), POS, tmp_path).spans.n == 1
    monkeypatch.undo()
    backend = Counted()
    assert cached(backend, Corpus(["a"]), POS, tmp_path).spans.n == 1
    assert backend.calls == 0


def test_files_may_be_read_by_whom_other_new_files_may(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        cached(Counted(), Corpus(["a"]), POS, tmp_path)
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert oct(path.stat().st_mode & 0o777) == oct(0o640)


def test_a_file_that_may_not_be_read_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached(Counted(), Corpus(["a"]), POS, tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError("not yours")

    monkeypatch.setattr("auxtasks.extractors.text.cache.read_regular", refuse)
    with pytest.warns(AuxTasksWarning, match=r"cannot be read \(not yours\); the texts are tagged again\.$"):
        same(cached(Counted(), Corpus(["a"]), POS, tmp_path), first)


def test_another_version_of_the_package_tags_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(Counted(), Corpus(["a"]), POS, tmp_path)
    monkeypatch.setattr("auxtasks.extractors.text.cache.__version__", "another")
    backend = Counted()
    cached(backend, Corpus(["a"]), POS, tmp_path)
    assert backend.calls == 1


def test_what_was_not_checked_does_not_serve_for_training(tmp_path: Path) -> None:
    backend, some, training = Counted(), Corpus(["a"], training=False), Corpus(["a"])
    calls = []
    for corpus in (some, some, training, training, some):
        cached(backend, corpus, POS, tmp_path)
        calls.append(backend.calls)
    assert calls == [1, 1, 2, 2, 2]


def test_what_was_said_of_training_texts_serves_for_others(tmp_path: Path) -> None:
    backend = Counted()
    for training in (True, False):
        cached(backend, Corpus(["a"], training=training), POS, tmp_path)
    assert backend.calls == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"`cache`: .*file cannot be created .*; choose another folder"):
        cached(Counted(), Corpus(["a"]), POS, tmp_path / "file")


def test_a_hit_neither_loads_the_pipeline_nor_imports_spacy(spacy_path: Path, tmp_path: Path) -> None:
    first = cached(SpacyTagger(spacy_path), Corpus(TEXTS), ALL, tmp_path)
    same(cached(SpacyTagger(str(spacy_path)), Corpus(TEXTS), ALL, tmp_path), first)
    code = (
        "import sys, pathlib\n"
        "from auxtasks.extractors.text.taggers.base import Corpus\n"
        "from auxtasks.extractors.text.taggers.spacy_tagger import SpacyTagger\n"
        "from auxtasks.extractors.text.spans import COLUMNS\n"
        "from auxtasks.extractors.text.cache import cached\n"
        "from tests.extractors.text.tagged_sentences import TEXTS\n"
        "said = cached(SpacyTagger(sys.argv[1]), Corpus(TEXTS), frozenset(COLUMNS), pathlib.Path(sys.argv[2]))\n"
        "print(len(said.spans.starts), 'spacy' in sys.modules, 'thinc' in sys.modules)\n"
    )
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, str(spacy_path), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(len(first.spans.starts)), "False", "False"]


def test_the_state_of_a_folder_is_what_its_files_hold(spacy_path: Path, tmp_path: Path) -> None:
    import spacy

    for name in ("one", "other"):
        spacy.load(spacy_path).to_disk(tmp_path / name)
    one = SpacyTagger(tmp_path / "one").fingerprint(POS)
    assert SpacyTagger(tmp_path / "other").fingerprint(POS) == one
    weights = tmp_path / "other" / "ner" / "model"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert SpacyTagger(tmp_path / "other").fingerprint(POS) != one


def test_the_state_of_a_loaded_pipeline(spacy_path: Path, nlp: Any) -> None:
    import spacy

    def state(pipeline: Any, *needs: str) -> str:
        return SpacyTagger(pipeline).fingerprint(frozenset(needs))

    tag, entity = state(nlp, "tag"), state(nlp, "entity")
    assert state(spacy.load(spacy_path), "tag") == tag
    SpacyTagger(nlp).annotate(Corpus(["Words never seen before"]), ALL)
    assert (state(nlp, "tag"), state(nlp, "entity")) == (tag, entity)
    weights = nlp.get_pipe("tagger").model.get_ref("softmax")
    weights.set_param("b", weights.get_param("b") + 1)
    # Only what runs for the columns counts.
    assert state(nlp, "tag") != tag
    assert state(nlp, "entity") == entity
    nlp.tokenizer.add_special_case("dont", [{"ORTH": "do"}, {"ORTH": "nt"}])
    assert state(nlp, "entity") != entity


@pytest.mark.parametrize("saved", [False, True])
def test_a_component_that_cannot_tell_its_state_is_named(nlp: Any, tmp_path: Path, saved: bool) -> None:
    import spacy

    @spacy.Language.component("auxtasks_test_stateless", assigns=["token.pos"])
    def stateless(doc: Any) -> Any:
        return doc

    def said_of(*needs: str) -> Annotations:
        if saved:
            nlp.to_disk(tmp_path / "pipeline")
        pipeline = tmp_path / "pipeline" if saved else nlp
        return cached(SpacyTagger(pipeline), Corpus(["a"]), frozenset(needs), tmp_path / "cache")

    nlp.add_pipe("merge_entities")
    said_of("pos")
    nlp.add_pipe("auxtasks_test_stateless")
    stored = set((tmp_path / "cache").iterdir())
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"`cache`: the component 'auxtasks_test_stateless' of `tagger_mod"):
            said_of("pos")
        assert set((tmp_path / "cache").iterdir()) == stored
    # It has no part in the tags.
    same(said_of("tag"), said_of("tag"))


_MODULE = """
import spacy

class Namer:
    def __init__(self, label):
        self.label = label

    def __call__(self, doc):
        for token in doc:
            token.tag_ = self.label + "{suffix}"
        return doc

    def to_bytes(self, exclude=()):
        return self.label.encode()

@spacy.Language.factory("auxtasks_test_{module}", assigns=["token.tag"], default_config={{"label": "NN"}})
def make(nlp, name, label):
    return Namer(label)
"""


@pytest.mark.parametrize("saved", [False, True])
def test_the_code_of_a_component_is_part_of_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    import spacy

    module = f"namer_{saved}".lower()
    monkeypatch.syspath_prepend(str(tmp_path))
    # What is compiled is told apart by its second and its size, which are the same here.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = []
    for suffix in ("1", "1", "2"):
        (tmp_path / f"{module}.py").write_text(_MODULE.format(suffix=suffix, module=module))
        importlib.invalidate_caches()
        sys.modules.pop(module, None)
        importlib.import_module(module)
        nlp = spacy.blank("en")
        nlp.add_pipe(f"auxtasks_test_{module}")
        nlp.to_disk(tmp_path / "pipeline")
        backend = SpacyTagger(tmp_path / "pipeline" if saved else nlp)
        found.append(cached(backend, Corpus(["a"]), frozenset({"tag"}), tmp_path / "cache").found("tag"))
    assert found == [("NN1",), ("NN1",), ("NN2",)]
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_nltk_is_cached_by_the_files_of_its_models(
    nltk_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = frozenset({"tag", "pos", "chunk_run"})
    first = cached(NltkTagger(), Corpus(TEXTS), needs, tmp_path)
    with monkeypatch.context() as unloadable:
        # Nothing is loaded for it.
        for load in ("load_tagger", "load_sentences"):
            unloadable.setattr(nltk_tagger, load, None)
        same(cached(NltkTagger(), Corpus(TEXTS), needs, tmp_path), first)
    state = NltkTagger().fingerprint(needs)
    weights = next(nltk_data.rglob("*weights.json"))
    sound = weights.read_text()
    weights.write_text(sound + " ")
    assert NltkTagger().fingerprint(needs) != state
    weights.write_text(sound)
    assert NltkTagger().fingerprint(needs) == state
