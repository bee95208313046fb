"""Large files stay on disk: the same records, examples and batches as of a file that is read whole."""

import json
import os

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import SPLITS, Columns, Pairs, TextFile, Texts, lines
from jaxemb.data.arrays import load_array, save_array
from jaxemb.data.lines import LineRecords
from jaxemb.text import TextBatch, WordPiece

ROWS = [
    {"q": f"Query {i % 37}  é", "p": f"answer \u2028 {i % 211} " + "x" * (i % 9000), "n": i}
    for i in range(600)
]
VIEW = Columns(query="q", positive="p")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path):
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    (tmp_path / "a.jsonl").write_text("\n\n".join(lines), encoding="utf-8")
    return TextFile(path=str(tmp_path / "a.jsonl"))


@pytest.fixture
def large(monkeypatch):
    """From here on every file is a large one."""

    def switch():
        monkeypatch.setattr(lines, "LARGE", 0)

    return switch


def plain(batch) -> dict:
    return {
        name: [x.tolist() for x in column if x is not None]
        if isinstance(column, TextBatch)
        else column.tolist()
        for name, column in batch.items()
    }


def test_records_and_examples_are_those_of_a_file_read_whole(file, large):
    whole = {split: file.records(split) for split in SPLITS}
    examples = {split: VIEW(whole[split]) for split in SPLITS}
    large()
    for split in SPLITS:
        records = file.records(split)
        assert isinstance(records, LineRecords)
        assert list(records) == list(whole[split]) and records[-1] == whole[split][-1]
        stored = VIEW(records)
        assert len(stored) == len(examples[split]) and list(stored) == examples[split]
        assert stored[3] == examples[split][3] and stored[2:5] == examples[split][2:5]
    with pytest.raises(IndexError):
        records[len(records)]


@pytest.mark.parametrize("name", ["a.tsv", "b.tsv", "a.txt"])
def test_tables_and_plain_lines(tmp_path, large, name):
    text = {
        "a.tsv": "\ufeffq\tp\r\n\r\n" + "".join(f"q {i}\tp {i % 9}\r\n" for i in range(90)),
        "b.tsv": "".join(f"q {i}\tp\t\n" for i in range(90)),
        "a.txt": "".join(f" line {i}\x0c \n \n" for i in range(90)),
    }[name]
    (tmp_path / name).write_bytes(text.encode())
    source = TextFile(path=str(tmp_path / name), header=("q", "p", "x") if name == "b.tsv" else ())
    whole = [list(source.records(split)) for split in SPLITS]
    large()
    assert [list(source.records(split)) for split in SPLITS] == whole


def test_a_split_in_the_path(tmp_path, large):
    for split in ("train", "test"):
        (tmp_path / f"{split}.txt").write_text(f"{split} a\n\n{split} b\n")
    source = TextFile(path=str(tmp_path / "{split}.txt"))
    whole = source.records("test")
    large()
    assert list(source.records("test")) == list(whole)
    assert [r["text"] for r in source.records("train")] == ["train a", "train b"]


def test_several_processes_find_what_one_does(file, large, monkeypatch):
    large()
    one = VIEW(file.records("train"))
    monkeypatch.setattr(lines, "_SHARE", 400_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setenv("JAXEMB_CACHE", os.environ["JAXEMB_CACHE"] + "-other")
    several = VIEW(file.records("train"))
    assert list(several) == list(one)


def test_batches_and_their_resumption_are_the_same_to_the_bit(file, large):
    tokenizer = WordPiece(vocabulary=200, max_tokens=32).train(["query answer x é"] * 3)
    pairs = Pairs(source=file, view=VIEW, batch_size=8)
    whole = pairs.batches(tokenizer, seed=1)
    expected = [plain(next(whole)) for _ in range(70)]  # more than an epoch
    whole.close()
    large()
    stored = pairs.batches(tokenizer, seed=1)
    found = [plain(next(stored)) for _ in range(5)]
    state = json.loads(json.dumps(stored.get_state()))
    stored.close()
    resumed = pairs.batches(tokenizer, seed=1)
    resumed.set_state(state)
    found += [plain(next(resumed)) for _ in range(65)]
    resumed.close()
    assert found == expected


def test_texts_for_fitting(file, large):
    pairs = Pairs(source=file, view=VIEW, batch_size=8)
    texts = Texts(source=file, fields=("q", "p"), batch_size=8)
    whole = [list(pairs.texts()), list(texts.texts()), texts.examples(), len(texts), len(pairs)]
    large()
    assert [
        list(pairs.texts()), list(texts.texts()), list(texts.examples()), len(texts), len(pairs)
    ] == whole  # fmt: skip
    assert [pairs.texts()[n] for n in (0, 1, 2, -1)] == [whole[0][n] for n in (0, 1, 2, -1)]


def test_the_pass_is_made_once_and_anew_where_the_cache_is_damaged(file, large, cache, monkeypatch):
    large()
    expected = list(VIEW(file.records("train")))
    passes = []
    scan = lines._scanned
    monkeypatch.setattr(lines, "_scanned", lambda *a: passes.append(1) or scan(*a))
    assert list(VIEW(file.records("train"))) == expected and not passes
    assert list(VIEW(file.records("dev"))) and not passes  # all splits by one pass
    for damaged in sorted(cache.glob("indices/*/*s-0*")):
        data = bytearray(damaged.read_bytes())
        for broken in (bytes(data[:-9]), _turned(data, 200), b""):
            damaged.write_bytes(broken)
            passes.clear()
            assert list(VIEW(file.records("train"))) == expected
            assert len(passes) == 1, damaged
    (file_path := cache.parent / "a.jsonl").write_text(json.dumps({"q": "other", "p": "text"}))
    assert (
        file_path.exists() and file.records("train" if _is_train("other") else "test") is not None
    )
    assert [r["q"] for split in SPLITS for r in _some(file, split)] == ["other"]


def _turned(data: bytearray, at: int) -> bytes:
    return bytes(data[:at]) + bytes([data[at] ^ 0xFF]) + bytes(data[at + 1 :])


def _is_train(text: str) -> bool:
    from jaxemb.data.duplicates import split_of

    return split_of(text) == "train"


def _some(file, split):
    try:
        return list(file.records(split))
    except UsageError:
        return []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"q": "a", "p": "b"}\n\n{"q": \n', r"line 3 of .*a.jsonl is not JSON: Expecting value"),
        (b'{"q": "a", "p": "b"}\n[1]\n', "line 2 of .* is a JSON list, not an object"),
        (b'{"q": "a", "p": "b"}\n{"q": "caf\xe9"}', "is not UTF-8: byte 0xe9, line 2"),
        (b'{"q": "a", "p": "\0"}\n', "is binary, not text"),
        (b'{"q": "a", "p": "b", "split": "x"}\n', "no records of the split 'train'"),
        (b'{"p": "b", "split": "train"}\n', r"record 1 has no field 'q'; it has"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_as_of_a_small_file(tmp_path, large, data, message):
    large()
    (tmp_path / "a.jsonl").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        VIEW(TextFile(path=str(tmp_path / "a.jsonl")).records("train"))


def test_a_bad_record_of_another_split_does_not_matter(tmp_path, large):
    large()
    rows = [{"p": "x", "split": "dev"}] + [
        {"q": f"{i}", "p": "y", "split": "train"} for i in (1, 2)
    ]
    rows += [{"q": "a", "p": "b", "split": "dev"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = TextFile(path=str(tmp_path / "a.jsonl"))
    assert [e["query"] for e in VIEW(source.records("train"))] == ["1", "2"]
    with pytest.raises(UsageError, match="record 1 has no field 'q'"):
        VIEW(source.records("dev"))


def test_unequal_negatives_are_refused(tmp_path, large):
    large()
    rows = [{"q": "a", "n": ["b"] * (1 + i), "split": "train"} for i in range(2)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    view = Columns(query="q", positive=None, negatives="n")
    with pytest.raises(UsageError, match="must hold equally many texts everywhere"):
        view(TextFile(path=str(tmp_path / "a.jsonl")).records("train"))


def test_an_array_on_disk_is_whole_or_not_there(tmp_path):
    array = np.random.default_rng(0).integers(0, 99, (50, 2))
    save_array(tmp_path / "a", array)
    np.testing.assert_array_equal(load_array(tmp_path / "a"), array)
    save_array(tmp_path / "b", array[:0])
    assert load_array(tmp_path / "b").shape == (0, 2)
    assert load_array(tmp_path / "none") is None
