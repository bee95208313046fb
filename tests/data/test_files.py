import gzip
import json

import pytest

from jaxemb.config import UsageError, fingerprint, from_json, to_json
from jaxemb.data import SPLITS, Columns, Masked, Pairs, TextFile, Texts

ROWS = [{"query": f"query {i}", "positive": f"answer\u2028 {i}"} for i in range(300)]


def write(path, text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return TextFile(path=str(path))


def everything(source: TextFile) -> list[dict]:
    return [{k: r[k] for k in ("query", "positive")} for s in SPLITS for r in source.records(s)]


def in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: row["query"])


@pytest.mark.parametrize("suffix", [".jsonl", ".tsv", ".csv", ".jsonl.gz", ".tsv.gz", ".csv.gz"])
def test_every_format_gives_the_same_records(tmp_path, suffix):
    if ".jsonl" in suffix:
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n"
    else:
        separator = "\t" if ".tsv" in suffix else ","
        text = "\r\n".join(
            separator.join(row) for row in [("query", "positive"), *(r.values() for r in ROWS)]
        )
    source = write(tmp_path / f"pairs{suffix}", text)
    assert in_order(everything(source)) == in_order(ROWS)
    assert {r["module"] for r in source.records("train")} == {f"pairs{suffix}"}


def test_the_split_is_80_10_10_by_the_first_field(tmp_path):
    rows = [{"query": f"q{i % 1000}", "n": i} for i in range(2000)]
    source = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    counts = {split: len(source.records(split)) for split in SPLITS}
    assert sum(counts.values()) == 2000
    assert 1500 < counts["train"] < 1700
    queries = [{r["query"] for r in source.records(split)} for split in SPLITS]
    assert not queries[0] & queries[1] and not queries[0] & queries[2]


def test_a_split_field_decides(tmp_path):
    source = write(tmp_path / "a.tsv", "split\ttext\ntrain\ta\nvalidation\tb\ntest\tc\ndev\td\n")
    assert [r["text"] for r in source.records("dev")] == ["b", "d"]
    assert [r["text"] for r in source.records("train")] == ["a"]


def test_a_split_in_the_path_is_a_file_each(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.txt").write_text(f"{split} a\n\n{split} b\n")
    source = TextFile(path=str(tmp_path / "{split}.txt"))
    assert [r["text"] for r in source.records("test")] == ["test a", "test b"]
    with pytest.raises(UsageError, match="dev.txt does not exist"):
        source.records("dev")
    before = source.fingerprint()
    (tmp_path / "test.txt").write_text("changed")
    assert source.fingerprint() != before


def test_tsv_has_no_quotes_and_csv_has(tmp_path):
    tsv = write(tmp_path / "a.tsv", 'split\ttext\ntrain\t"a, b\n')
    csv = write(tmp_path / "a.csv", 'split,text\ntrain,"a, ""b""\nc"\n')
    assert tsv.records("train")[0]["text"] == '"a, b'
    assert csv.records("train")[0]["text"] == 'a, "b"\nc'


def test_a_header_can_be_given(tmp_path):
    (tmp_path / "a.tsv").write_text("train\thello\n")
    source = TextFile(path=str(tmp_path / "a.tsv"), header=("split", "text"))
    assert source.records("train")[0]["text"] == "hello"


def test_a_byte_order_mark_and_long_fields_are_read(tmp_path):
    long = "word " * 100_000
    source = write(tmp_path / "a.csv", f"\ufeffsplit,text\ntrain,{long}\n")
    assert source.records("train")[0]["text"] == long


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b" \n\n", "is empty"),
        ("a.tsv", b"query\tpositive\n", "has no rows"),
        ("a.jsonl", b'{"a": 1}\n{"b": \n', r"line 2 of .*a.jsonl is not JSON: Expecting value"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2 of .* is a JSON list, not an object"),
        ("a.jsonl", b"\x89PNG\r\n\x1a\n\0\0", "is binary, not text"),
        ("a.jsonl", b'{"a": "x"}\n{"a": "caf\xe9"}', "is not UTF-8: byte 0xe9, line 2"),
        ("a.tsv", b"a\tb\n1\t2\n1\t2\t3\n", r"line 3 of .* has 3 fields, not 2 \(a, b\)"),
        ("a.csv", b'a,b\n1,2\n1,"2\n', "line 3 of .* is not CSV: unexpected end of data"),
        ("a.csv", b"a,a\n1,2\n", "names a field twice: a, a"),
        (
            "a.parquet",
            b"x",
            r"must end in .jsonl, .tsv, .csv, .txt, .json \(or one of these and .gz\)",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path, name, data, message):
    source = write(tmp_path / name, data)
    with pytest.raises(UsageError, match=message) as error:
        source.records("train")
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="the file .*none.jsonl does not exist"):
        TextFile(path=str(tmp_path / "none.jsonl")).records("train")
    with pytest.raises(UsageError, match="does not exist"):
        TextFile(path=str(tmp_path / "none.jsonl")).fingerprint()
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        TextFile(path=str(tmp_path / "folder.tsv")).records("train")
    (tmp_path / "a.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(UsageError, match="is not a whole gzip file"):
        TextFile(path=str(tmp_path / "a.tsv.gz")).records("train")
    cut = gzip.compress(b"a\tb\n" * 1000)[:-12]
    (tmp_path / "b.tsv.gz").write_bytes(cut)
    with pytest.raises(UsageError, match="is not a whole gzip file"):
        TextFile(path=str(tmp_path / "b.tsv.gz")).records("train")


def test_a_split_that_is_not_there(tmp_path):
    source = write(tmp_path / "a.tsv", "split\ttext\ntrain\ta\n")
    with pytest.raises(UsageError, match="has no records of the split 'test'"):
        source.records("test")
    with pytest.raises(UsageError, match="no split 'all'; splits: train, dev, test"):
        source.records("all")


def test_a_changed_file_is_read_again(tmp_path):
    source = write(tmp_path / "a.tsv", "split\ttext\ntrain\ta\n")
    first = source.fingerprint()
    assert source.records("train")[0]["text"] == "a"
    write(tmp_path / "a.tsv", "split\ttext\ntrain\tb\n")
    assert source.records("train")[0]["text"] == "b"
    assert source.fingerprint() != first


def test_a_file_that_is_moved_is_the_same_source(tmp_path):
    here, there = tmp_path / "a.txt", tmp_path / "folder" / "a.txt"
    there.parent.mkdir()
    for path in (here, there):
        path.write_text("one\ntwo\n")
    first = TextFile(path=str(here))
    assert fingerprint(first) == first.fingerprint() == TextFile(path=str(there)).fingerprint()
    assert TextFile(path=str(here), header=("query",)).fingerprint() != first.fingerprint()
    pairs = [Texts(source=TextFile(path=str(path))) for path in (here, there)]
    assert fingerprint(pairs[0]) == fingerprint(pairs[1])


def test_datasets_over_files(tmp_path):
    source = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, ROWS)))
    pairs = Pairs(source=source, view=Columns(), batch_size=8)
    assert len(pairs) == len(source.records("train")) == len(list(pairs.texts())) / 2
    texts = Texts(source=source, fields=("query", "positive"), batch_size=8)
    assert next(iter(texts.texts())) == "query 0\nanswer\u2028 0"
    with pytest.raises(UsageError, match="record 1 has no field 'summary' or 'body'; it has"):
        list(Texts(source=source).texts())
    assert from_json(to_json(pairs)) == pairs


def test_columns_are_known_before_the_file_is_read():
    missing = Pairs(source=TextFile(path="nowhere.tsv"), view=Columns(query="a", positive=None))
    assert missing.columns == ("query", "query_id")


def test_real_files(shared_data):
    source = TextFile(path=str(shared_data / "sts" / "stsb-en.tsv.gz"))
    view = Columns(query="sentence1", positive="sentence2", score="score")
    examples = view(source.records("dev"))
    assert len(examples) == 1500
    assert all(0 <= example["score"] <= 5 for example in examples)


def test_a_field_that_a_view_reads_and_a_file_lacks_is_told_before_anything(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("query\tpositive\tsplit\nsort\torder a list\ttrain\nadd\tput in\ttrain\n")
    own = Pairs(source=TextFile(path=str(path)), batch_size=2)
    told = "record 1 has no field 'summary', which SummaryToBody reads; it has module, .*Columns"
    for call in (own.check_fields, own.examples, Masked(inner=own).check_fields):
        with pytest.raises(UsageError, match=told):
            call()
    assert Pairs(source=own.source, view=Columns(), batch_size=2).check_fields() is None
    with pytest.raises(UsageError, match="record 1 has no field 'q'"):
        Pairs(source=own.source, view=Columns(query="q"), batch_size=2).check_fields()
