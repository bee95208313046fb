"""Tables of columns are mapped: the same records and examples as of a JSONL file."""

import json

import pytest

from jaxemb.config import UsageError, fingerprint, from_json, to_json
from jaxemb.data import SPLITS, ColumnFiles, Columns, TextFile

pa = pytest.importorskip("pyarrow")
ROWS = [{"q": f"query {i % 50}", "p": f"answer {i}", "n": i} for i in range(200)]
VIEW = Columns(query="q", positive="p")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path, rows=ROWS):
    import pyarrow.parquet as parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=60)
    else:
        make = pa.ipc.new_stream if "data-" in path.name else pa.ipc.new_file
        with make(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=70)
    return ColumnFiles(path=str(path))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_records_are_those_of_a_jsonl_file(tmp_path, name):
    source = write(tmp_path / name)
    (tmp_path / name.replace(".", "_")).with_suffix(".jsonl").write_text(
        "\n".join(map(json.dumps, ROWS))
    )
    lines = TextFile(path=str((tmp_path / name.replace(".", "_")).with_suffix(".jsonl")))
    for split in SPLITS:
        expected = [{**record, "module": name} for record in lines.records(split)]
        assert list(source.records(split)) == expected
        assert list(VIEW(source.records(split))) == VIEW(expected)
    assert from_json(to_json(source)) == source


def test_folders_that_datasets_saved(tmp_path):
    write(tmp_path / "set" / "train" / "data-00000-of-00002.arrow", ROWS[:120])
    write(tmp_path / "set" / "train" / "data-00001-of-00002.arrow", ROWS[120:])
    write(tmp_path / "set" / "validation" / "data-00000-of-00001.arrow", ROWS[:3])
    source = ColumnFiles(path=str(tmp_path / "set"))
    assert [r["n"] for r in source.records("train")] == list(range(200))
    assert [r["n"] for r in source.records("dev")] == [0, 1, 2]
    with pytest.raises(UsageError, match="has no folder of the split 'test'"):
        source.records("test")
    before = fingerprint(source)
    write(tmp_path / "set" / "train" / "data-00001-of-00002.arrow", ROWS[130:])
    assert fingerprint(ColumnFiles(path=str(tmp_path / "set"))) != before


def test_a_column_or_the_path_names_the_split(tmp_path):
    source = write(
        tmp_path / "a.parquet", [{"t": "x", "split": "validation"}, {"t": "y", "split": "train"}]
    )
    assert [r["t"] for r in source.records("dev")] == ["x"]
    with pytest.raises(UsageError, match="no records of the split 'test'"):
        source.records("test")
    write(tmp_path / "test.arrow", ROWS[:2])
    assert len(ColumnFiles(path=str(tmp_path / "{split}.arrow")).records("test")) == 2


def test_a_damaged_copy_is_made_anew(tmp_path, cache):
    source = write(tmp_path / "a.parquet")
    expected = list(source.records("train"))
    from jaxemb.data import columns

    (copy,) = cache.glob("indices/*/table.arrow")
    copy.write_bytes(copy.read_bytes()[:-30])
    columns._mapped.cache_clear()
    assert list(source.records("train")) == expected


def test_what_is_no_table_is_refused(tmp_path):
    for name, message in (
        ("a.csv", "must end in .parquet or .arrow"),
        ("a.parquet", "cannot be read as a table"),
        ("a.arrow", "cannot be read as a table"),
    ):
        (tmp_path / name).write_bytes(b"q,p\n" * 9)
        with pytest.raises(UsageError, match=message):
            ColumnFiles(path=str(tmp_path / name)).records("train")
    with pytest.raises(UsageError, match="does not exist"):
        ColumnFiles(path=str(tmp_path / "none.parquet")).records("train")
