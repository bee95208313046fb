"""Vectors on disk: found again, never wrongly, whoever else writes or was killed while writing."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.model import Embedding
from jaxemb.text import Prefix, TaskTemplate, WordPiece
from jaxemb.vectors import EmbeddingStore, clear_store, stored_files
from jaxemb.vectors.files import VectorFile, key_of, owner_of
from jaxemb.vectors.store import make_room
from tests import toy

TEXTS = [f"text number {n}" for n in range(20)]
KEYS = [key_of(text) for text in TEXTS]


def drawn(rows: int, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


# --- files


def test_what_is_appended_is_read_back_bit_for_bit(tmp_path):
    vectors = drawn(20)
    path = tmp_path / "a" / "b.vectors"
    file = VectorFile(path)
    assert len(file) == 0 and KEYS[0] not in file and file.read([]).shape == (0, 0)
    file.append(KEYS[:8], vectors[:8])
    file.append(KEYS[4:], vectors[4:])  # four of them are there already
    order = np.random.default_rng(1).permutation(20)
    for again in (file, VectorFile(path)):
        np.testing.assert_array_equal(again.read([KEYS[n] for n in order]), vectors[order])
        assert again.read([]).shape == (0, 5)
    assert path.stat().st_size == 64 + 20 * (16 + 4 + 5 * 4)
    with pytest.raises(KeyError):
        file.read([key_of("absent")])
    with pytest.raises(ValueError, match="width 5, not 4"):
        file.append([key_of("absent")], drawn(1, 4))


@pytest.mark.parametrize("cut", range(1, 41))
def test_a_torn_tail_is_dropped_and_written_again(tmp_path, cut):
    """Whatever a killed process leaves of its last record, no byte of it is read."""
    path, vectors = tmp_path / "a.vectors", drawn(3)
    VectorFile(path).append(KEYS[:3], vectors)
    path.write_bytes(path.read_bytes()[:-cut])
    file = VectorFile(path)
    assert [key in file for key in KEYS[:3]] == [True, True, False]
    file.append(KEYS[2:4], drawn(2, seed=7))
    for again in (file, VectorFile(path)):
        np.testing.assert_array_equal(again.read(KEYS[:2]), vectors[:2])
        np.testing.assert_array_equal(again.read(KEYS[2:4]), drawn(2, seed=7))


def test_a_file_of_another_setting_is_not_believed(tmp_path, capsys):
    path, mine, other = tmp_path / "a.vectors", owner_of("m", "a"), owner_of("m", "b")
    VectorFile(path, mine).append(KEYS[:3], drawn(3))
    assert len(VectorFile(path, mine)) == len(VectorFile(path)) == 3
    file = VectorFile(path, other)
    assert len(file) == 0 and KEYS[0] not in file
    file.append(KEYS[:1], drawn(1, width=4, seed=7))
    assert "begun again" in capsys.readouterr().err
    np.testing.assert_array_equal(VectorFile(path, other).read(KEYS[:1]), drawn(1, width=4, seed=7))
    assert len(VectorFile(path, mine)) == 0


def test_a_file_from_before_owners_is_read(tmp_path):
    path = tmp_path / "a.vectors"
    VectorFile(path).append(KEYS[:3], drawn(3))
    assert len(VectorFile(path, owner_of("m", "a"))) == 3


def test_a_file_torn_in_its_header_is_begun_again(tmp_path):
    path = tmp_path / "a.vectors"
    path.write_bytes(b"jaxemb vec")
    file = VectorFile(path)
    file.append(KEYS[:1], drawn(1))
    np.testing.assert_array_equal(VectorFile(path).read(KEYS[:1]), drawn(1))


def test_a_record_with_wrong_bytes_is_never_read(tmp_path):
    """A lost page of the disk: zeros, or anything else, in the middle of the file."""
    path, vectors = tmp_path / "a.vectors", drawn(4)
    VectorFile(path).append(KEYS[:4], vectors)
    data = bytearray(path.read_bytes())
    record = 16 + 4 + 20
    data[64 + record : 64 + 2 * record] = bytes(record)
    data[64 + 2 * record + 30] ^= 1
    path.write_bytes(data)
    file = VectorFile(path)
    assert [key in file for key in KEYS[:4]] == [True, False, False, True]
    np.testing.assert_array_equal(file.read([KEYS[3], KEYS[0]]), vectors[[3, 0]])
    file.append(KEYS[1:3], vectors[1:3])
    np.testing.assert_array_equal(VectorFile(path).read(KEYS[:4]), vectors)


def test_a_reader_sees_what_another_appends_when_it_appends_itself(tmp_path):
    path, vectors = tmp_path / "a.vectors", drawn(6)
    one, other = VectorFile(path), VectorFile(path)
    one.append(KEYS[:3], vectors[:3])
    other.append(KEYS[2:6], vectors[2:6])
    assert len(other) == 6 and len(one) == 3
    one.append(KEYS[:6], drawn(6, seed=9))  # all there: nothing is written
    np.testing.assert_array_equal(one.read(KEYS[:6]), vectors)


WRITER = """
import sys
import numpy as np
from pathlib import Path
from jaxemb.vectors.files import VectorFile, key_of, owner_of
file, first = VectorFile(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, first + 3000, 50):
    numbers = range(start, start + 50)
    vectors = np.array([[n, -n, n / 2] for n in numbers], np.float32)
    file.append([key_of(str(n)) for n in numbers], vectors)
"""


def writer(path: Path, first: int) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(jaxemb.__file__).parents[1])}
    command = [sys.executable, "-c", WRITER, str(path), str(first)]
    made = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    assert made.stdout.readline() == "ready\n"
    return made


def go(process: subprocess.Popen) -> None:
    process.stdin.write("go\n")
    process.stdin.close()


def finished(process: subprocess.Popen) -> int:
    code = process.wait(timeout=60)
    process.stdout.close()
    return code


def test_processes_write_at_once_and_one_is_killed(tmp_path):
    """Overlapping ranges from three processes, of which the third is killed on its way."""
    path = tmp_path / "a.vectors"
    running = [writer(path, first) for first in (0, 1500, 3000)]
    for process in running:
        go(process)
    while not path.exists() or path.stat().st_size < 5000:
        time.sleep(0.001)
    running[2].send_signal(signal.SIGKILL)
    codes = [finished(process) for process in running]
    assert codes[:2] == [0, 0] and codes[2] in (0, -signal.SIGKILL)
    file = VectorFile(path)
    assert len(file) >= 4500
    there = [n for n in range(6000) if key_of(str(n)) in file]
    assert set(range(4500)) <= set(there)
    found = file.read([key_of(str(n)) for n in there])
    np.testing.assert_array_equal(found, np.array([[n, -n, n / 2] for n in there], np.float32))
    if codes[2] == 0:
        assert len(file) == 6000


# --- the store


@pytest.fixture(scope="module")
def model():
    return toy.model()


class Counting(Embedding):
    """An embedding that tells what it was asked to embed."""

    asked: list

    def __call__(self, texts, role="document"):
        asked.append((role, list(texts)))
        return super().__call__(texts, role)


asked: list = []


@pytest.fixture(autouse=True)
def nothing_asked():
    asked.clear()


def store(model, folder, **options) -> EmbeddingStore:
    kept = {key: options.pop(key) for key in ("limit", "watch", "name") if key in options}
    return EmbeddingStore(Counting(model, **options), folder, **kept)


def test_a_second_process_would_embed_nothing(model, tmp_path):
    first = store(model, tmp_path)(TEXTS + TEXTS[:3], "query")
    assert sum(len(texts) for _, texts in asked) == 20
    seen = []
    again = store(model, tmp_path, watch=seen.append)
    np.testing.assert_array_equal(again(TEXTS + TEXTS[:3], "query"), first)
    np.testing.assert_array_equal(again(TEXTS[5:7], "query"), first[5:7])
    assert len(asked) == 1 and [(u.texts, u.embedded) for u in seen] == [(23, 0), (2, 0)]
    np.testing.assert_allclose(first[:20], model.encode(TEXTS, role="query"), atol=1e-6)
    again(["another"], "query")
    assert asked[1] == ("query", ["another"]) and seen[-1].embedded == 1


def test_texts_that_are_no_utf8_have_keys_of_their_own():
    assert len({key_of(text) for text in ("", " ", "a", "a\ud800", "a\ud801")}) == 5


def bumped(model, path: str, amount: float):
    """The model with one number of one weight changed."""

    def change(where, leaf):
        if path not in jax.tree_util.keystr(where):
            return leaf
        changed = np.array(leaf)
        changed.flat[0] += amount
        return changed

    return dataclasses.replace(model, params=jax.tree_util.tree_map_with_path(change, model.params))


def test_a_changed_weight_never_hits(model, tmp_path):
    store(model, tmp_path)(TEXTS, "query")
    paths = [
        jax.tree_util.keystr(path)
        for path, _ in jax.tree_util.tree_flatten_with_path(model.params)[0]
    ]
    assert len(paths) > 10
    prints = {bumped(model, path, 1e-6).fingerprint() for path in paths}
    assert len(prints | {model.fingerprint()}) == len(paths) + 1
    changed = bumped(model, paths[0], 0.5)
    found = store(changed, tmp_path)(TEXTS, "query")
    assert len(asked) == 2
    np.testing.assert_allclose(found, changed.encode(TEXTS, role="query"), atol=1e-6)


def test_what_a_vector_depends_on_is_in_the_key(model, tmp_path):
    """Every other setting embeds anew; the same one, given in full, does not."""
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=toy.TOKENS)
    other = dataclasses.replace(model, tokenizer=text.train(["another toy"]))
    store(model, tmp_path)(TEXTS, "query")
    settings = [
        (model, {}, "document"),
        (model, {"layers": 1}, "query"),
        (model, {"max_tokens": 4}, "query"),
        (other, {}, "query"),
    ]
    for count, (changed, options, role) in enumerate(settings, start=2):
        store(changed, tmp_path, **options)(TEXTS, role)
        assert len(asked) == count
    store(model, tmp_path, layers=2, max_tokens=99)(TEXTS, "query")
    assert len(asked) == 5
    whole = store(model, tmp_path)
    whole.at(1)(TEXTS, "query")
    assert len(asked) == 5 and whole.at(1) is whole.at(1) and whole.at(None) is whole
    abouts = [file.about for file in stored_files(tmp_path)]
    assert len(abouts) == 5
    assert {a["max_tokens"] for a in abouts} == {4, 6} and {a["layers"] for a in abouts} == {1, 2}
    assert {a["role"] for a in abouts} == {"query", "document"}
    assert {a["dtype"] for a in abouts} == {"float32"}


def test_a_changed_code_never_hits(model, tmp_path, monkeypatch):
    store(model, tmp_path)(TEXTS, "query")
    monkeypatch.setattr("jaxemb.config.provenance.code_of_vectors", lambda parts: "other code")
    store(model, tmp_path)(TEXTS, "query")
    assert len(asked) == 2


def test_a_full_store_keeps_the_rest_in_memory_and_says_so(model, tmp_path, capsys):
    record = 20 + 4 * 32
    whole = store(model, tmp_path, limit=64 + 20 * record)
    vectors = whole(TEXTS, "query")
    more = [f"more {n}" for n in range(5)]
    mixed = whole([*more, *TEXTS[:3], *more], "query")
    np.testing.assert_array_equal(mixed[5:8], vectors[:3])
    np.testing.assert_array_equal(mixed[:5], mixed[8:])
    np.testing.assert_allclose(mixed[:5], model.encode(more, role="query"), atol=1e-6)
    whole(more, "query")
    assert len(asked) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "in memory alone: the limit of" in told
    assert sum(file.bytes for file in stored_files(tmp_path)) == 64 + 20 * record


def test_the_file_used_longest_ago_goes_first(model, tmp_path):
    models = [model, bumped(model, "tokens", 1.0), bumped(model, "tokens", 2.0)]
    size = 64 + 20 * (20 + 4 * 32)
    for age, each in zip((30, 90, 60), models, strict=True):
        store(each, tmp_path)(TEXTS, "query")
        newest = max(stored_files(tmp_path), key=lambda file: file.used)
        os.utime(newest.path, (time.time() - age, time.time() - age))
    keep = next(f for f in stored_files(tmp_path) if f.about["model"] == models[2].fingerprint())
    assert make_room(tmp_path, 2 * size + 100, 100, keep=keep.path)
    left = {file.about["model"] for file in stored_files(tmp_path)}
    assert left == {models[0].fingerprint(), models[2].fingerprint()}
    assert not make_room(tmp_path, size, 1, keep=keep.path)
    assert len(list(stored_files(tmp_path))) == 2


def test_a_folder_that_cannot_be_written_costs_only_the_store(model, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    whole = store(model, tmp_path / "file" / "below")
    np.testing.assert_allclose(whole(TEXTS, "query"), model.encode(TEXTS, role="query"), atol=1e-6)
    whole(TEXTS, "query")
    assert len(asked) == 1 and "in memory alone" in capsys.readouterr().err


def test_the_store_is_cleared_by_name_or_hash(model, tmp_path):
    other = bumped(model, "tokens", 1.0)
    store(model, tmp_path, name="small")(TEXTS, "query")
    store(model, tmp_path, name="small")(TEXTS, "document")
    store(other, tmp_path, name="large")(TEXTS, "query")
    assert [file.vectors for file in stored_files(tmp_path)] == [20, 20, 20]
    assert clear_store(tmp_path, "smal")[0] == 2
    assert clear_store(tmp_path, other.fingerprint()[:16])[0] == 1
    assert list(tmp_path.rglob("*.*")) == [] and clear_store(tmp_path) == (0, 0)


def test_each_type_of_task_has_files_of_its_own(tmp_path):
    """With prefixes a task the prompt is part of the key; without, all types share one file."""
    plain = store(toy.model(), tmp_path)
    assert plain.of("sts") is plain
    policy = TaskTemplate(
        prefixes=(Prefix(task="sts", text="a "), Prefix(task="retrieval", text="word: "))
    )
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=toy.TOKENS, template=policy)
    changed = dataclasses.replace(
        toy.model(), embedder=dataclasses.replace(toy.embedder(), text=text),
        tokenizer=text.train([*TEXTS, "a word: "]),
    )  # fmt: skip
    whole = store(changed, tmp_path)
    assert whole.of("sts") is whole.of("sts") is not whole.of("retrieval")
    for kind, prompt in (("sts", "a "), ("retrieval", "word: ")):
        expected = changed.encode(TEXTS, prompt=prompt)
        np.testing.assert_allclose(whole.of(kind)(TEXTS, "query"), expected, atol=1e-6)
        first = changed.encode(TEXTS, prompt=prompt, layers=1)
        np.testing.assert_allclose(whole.of(kind).at(1)(TEXTS, "query"), first, atol=1e-6)
    abouts = [file.about for file in stored_files(tmp_path)]
    assert sorted((about["role"], about["prompt"], about["layers"]) for about in abouts) == [
        ("retrieval/query", "word: ", 1), ("retrieval/query", "word: ", 2),
        ("sts/query", "a ", 1), ("sts/query", "a ", 2),
    ]  # fmt: skip
    asked.clear()
    store(changed, tmp_path).of("sts")(TEXTS, "query")
    assert asked == []
    with pytest.raises(UsageError, match="no prefix for 'clustering/query'"):
        whole.of("clustering")(TEXTS, "query")


def test_settings_are_json(model, tmp_path):
    settings = store(model, tmp_path).settings("query")
    assert json.loads(json.dumps(settings)) == settings
    assert settings["model"] == model.fingerprint() and settings["prompt"] == ""
