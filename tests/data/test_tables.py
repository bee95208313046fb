"""What only shows below `TextFile` and the parts for task data: the reader that both use."""

import gzip

import pytest

from jaxemb.config import UsageError
from jaxemb.data.tables import read_rows, read_text


def test_a_row_of_empty_fields_is_a_row(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n\t\n\n1\t2\n")
    assert read_rows(path) == [{"a": "", "b": ""}, {"a": "1", "b": "2"}]


def test_a_gzipped_file_is_told_by_its_bytes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(gzip.compress(b"a\n1\n"))
    assert read_rows(path) == [{"a": "1"}]
    assert read_text(path) == "a\n1\n"


def test_an_empty_gzipped_file_is_empty(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="is empty"):
        read_rows(path)


def test_a_line_ends_at_its_line_break_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("one\fstill one\r\n\n two\u2028still two \n".encode())
    assert read_rows(path) == [{"text": "one\fstill one"}, {"text": "two\u2028still two"}]
