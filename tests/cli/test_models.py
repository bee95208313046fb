"""Trained models scored on suites and asked for vectors."""

import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jaxemb.config import UsageError
from tests.cli.answers import refused


@pytest.fixture
def saved(tmp_path, monkeypatch) -> Path:
    """A model of random weights, and a cache and a working folder of the test's own."""
    from tests import toy

    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return toy.model().save(tmp_path / "tiny")


def write_sets(folder: Path) -> None:
    folder.mkdir()
    rows = "".join(f"text {n}\tother text {n % 5}\t{n % 3}\n" for n in range(30))
    (folder / "grades.tsv").write_text("text1\ttext2\tscore\n" + rows)
    rows = "".join(f"text {n}\t{'ab'[n % 2]}\n" for n in range(40))
    (folder / "kinds.tsv").write_text("text\tlabel\n" + rows)
    (folder / "one.tsv").write_text("text\tlabel\n" + "".join(f"t{n}\ta\n" for n in range(40)))
    (folder / "odd.tsv").write_text("first\tsecond\na\tb\n")


def test_a_task_that_breaks_costs_no_other_its_score(line, saved, tmp_path, monkeypatch):
    from jaxemb.evaluation import STS

    def broken(self, embed):
        raise ZeroDivisionError("nothing\nmore")

    monkeypatch.setattr(STS, "run", broken)
    write_sets(tmp_path / "sets")
    code, out, err = line("eval", str(saved), "--suite", "sets", "--json")
    found = json.loads(out)
    assert code == 1 and found["failed"]["sts-grades"] == "ZeroDivisionError: nothing"
    assert found["scores"]["classification-kinds/accuracy"] >= 0


def test_a_broken_set_costs_no_other_its_score_and_is_named(line, saved, tmp_path):
    folder = tmp_path / "sets"
    write_sets(folder)
    (folder / "one.tsv").unlink()
    (folder / "empty.tsv").write_text("")
    (folder / "beir/qrels").mkdir(parents=True)
    (folder / "beir/qrels/dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    for name in ("corpus", "queries"):
        (folder / f"beir/{name}.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    code, out, err = line("eval", str(saved), "--suite", "sets", "--json")
    found = json.loads(out)
    assert code == 1 and set(found["failed"]) == {"retrieval-beir", "sets/empty.tsv"}
    assert "test.tsv does not exist" in found["failed"]["retrieval-beir"]
    assert found["failed"]["sets/empty.tsv"] == "sets/empty.tsv is empty" and "is empty" in err
    assert json.loads(Path(found["written"]).read_text())["scores"] == found["scores"]
    assert set(found["data"]) == {"sts-grades", "classification-kinds"}


def test_a_suite_is_scored_kept_and_embedded_once(line, saved, tmp_path):
    write_sets(tmp_path / "sets")
    code, out, err = line("eval", str(saved), "--suite", "sets", "--json")
    found = json.loads(out)
    assert code == 1 and set(found["failed"]) == {"classification-one"}
    assert "failed  classification-one: " in err and "two classes" in err
    assert found["speed"]["embedded"] > 50 and found["speed"]["tokens"] > 50
    assert set(found["types"]) == {"sts", "classification"} and found["mean"] is not None
    assert list(found["passed_over"]) == ["sets/odd.tsv"]
    assert found["settings"]["query"]["max_tokens"] == 6
    assert found["embedder"]["pooling"] == {"part": "jaxemb.pooling.Mean"}
    assert {"jax", "numpy"} <= set(found["versions"]) and len(found["data"]) == 3
    written = Path(found["written"])
    assert written.parts[:2] == ("runs", "eval") and json.loads(written.read_text())["scores"]
    records = np.load(written.parent / "examples" / "sts-grades.npz")
    assert len(records["prediction"]) == 30

    again = json.loads(line("eval", str(saved), "--suite", "sets", "--json")[1])
    assert again["speed"]["embedded"] == 0 and again["scores"] == found["scores"]
    plain = json.loads(line("eval", str(saved), "--suite", "sets", "--json", "--no-store")[1])
    assert plain["scores"] == pytest.approx(found["scores"], abs=1e-6)
    assert plain["speed"]["embedded"] > 50

    part = json.loads(line("eval", str(saved), "--suite", "sets", "--tasks", "sts/", "--json")[1])
    assert list(part["data"]) == ["sts-grades"] and part["written"] != found["written"]
    assert json.loads(written.read_text())["data"] == found["data"], "the whole suite's is kept"

    code, out, _ = line("cache")
    assert code == 0 and "tiny" in out and "of 4 GB" in out
    assert line("cache", "--clear", found["weights"][:8])[1].startswith("removed 2 files")
    assert "no vectors are kept" in line("cache")[1]


def test_a_suite_as_a_table(line, saved, tmp_path):
    write_sets(tmp_path / "sets")
    code, out, err = line("eval", str(saved), "--suite", "sets/grades.tsv", "--max-tokens", "4")
    assert code == 0 and "1/1 sts-grades: spearman" in err and "tokens/s" in err
    rows = [row.split() for row in out.splitlines()]
    assert rows[0] == ["task", "type", "metric", "score", "examples"]
    assert rows[1][:3] == ["sts-grades", "sts", "spearman"] and rows[1][4] == "30"
    assert "mean over data sets" in out and "+4-tokens/results.json" in out
    for arguments, words in (
        (("--families", "sts"), "name a suite with --suite"),
        (("--suite", "sets", "--tasks", "sts-grade"), "nearest: sts-grades"),
        (("--suite", "sets", "--families", "stss"), "no family stss"),
        (("--suite", "sets", "--contamination", "tiny"), "no run in tiny"),
    ):
        assert words in refused(line("eval", str(saved), *arguments))


# --- encode


class Toy:
    """Stands for a trained model: two numbers a text."""

    def encode_batches(self, texts, **settings):
        self.settings = settings
        while window := list(itertools.islice(texts, 2)):
            yield np.array([[len(text), 1 / 3] for text in window], np.float32)


@pytest.fixture
def toy(monkeypatch):
    from jaxemb.cli import encoding

    model = Toy()
    monkeypatch.setattr(encoding, "load", lambda path: model)
    return model


def test_encode_prints_json_lines_in_order(line, toy, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_bytes("ab\n\nçé\f!\r\n".encode())
    code, out, _ = line("encode", "m", str(source), "--dim", "2", "--batch-size", "7")
    rows = [json.loads(row) for row in out.splitlines()]
    assert code == 0
    assert [row["text"] for row in rows] == ["ab", "", "çé\f!"]
    assert [row["vector"][0] for row in rows] == [2, 0, 4]
    assert np.float32(rows[0]["vector"][1]) == np.float32(1 / 3)
    assert toy.settings["dim"] == 2 and toy.settings["batch_size"] == 7


def test_encode_writes_files(line, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\nthree\n")))
    out = tmp_path / "vectors.npy"
    assert line("encode", "m", "--out", str(out)) == (0, "", "")
    assert np.load(out).tolist() == [[3, np.float32(1 / 3)], [5, np.float32(1 / 3)]]
    assert os.listdir(tmp_path) == ["vectors.npy"]
    source = tmp_path / "texts.txt"
    source.write_text("one\n")
    assert line("encode", "m", str(source), "--out", str(tmp_path / "v.jsonl"))[0] == 0
    assert json.loads((tmp_path / "v.jsonl").read_text())["text"] == "one"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"", "is empty"), (b"a\0b", "binary"), (b"\xff\xfea", "not UTF-8")],
)
def test_encode_refuses_what_is_no_text(line, toy, tmp_path, monkeypatch, content, words):
    source = tmp_path / "texts.txt"
    if content is not None:
        source.write_bytes(content)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        assert words in refused(line("encode", "m"))
    assert words in refused(line("encode", "m", str(source)))


def test_lines_are_embedded_and_written_as_they_are_read(toy, tmp_path):
    from jaxemb.cli.encoding import encode_lines

    source, out = tmp_path / "texts.txt", tmp_path / "vectors.npy"
    source.write_bytes("\ufeff".encode() + b"".join(b"x" * n + b"\n" for n in range(1, 12)))
    encode_lines("m", str(source), str(out))
    found = np.load(out, mmap_mode="r")
    assert found[:, 0].tolist() == list(range(1, 12)) and found.shape == (11, 2)
    source.write_bytes(source.read_bytes() + b"\xff\n")
    with pytest.raises(UsageError, match="byte 0xff, line 12"):
        encode_lines("m", str(source), str(out))
    assert np.load(out).shape == (11, 2) and len(os.listdir(tmp_path)) == 2


def test_encode_says_where_it_cannot_write(line, toy, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_text("one\n")
    told = refused(line("encode", "m", str(source), "--out", str(tmp_path / "no" / "v.npy")))
    assert "cannot be written: No such file or directory" in told


def test_a_blank_line_is_an_empty_text(line, saved, tmp_path):
    (tmp_path / "blank.txt").write_text("\n")
    assert line("encode", str(saved), "blank.txt", "--out", "blank.npy")[0] == 0
    assert np.load("blank.npy").shape[0] == 1
    (tmp_path / "none.txt").write_text("")
    code, _, err = line("encode", str(saved), "none.txt")
    assert code == 2 and "none.txt is empty" in err


def test_vectors_that_are_not_finite_are_not_written(line, saved, tmp_path, monkeypatch):
    from jaxemb.model import Model

    (tmp_path / "texts.txt").write_text("sort\njoin\n")
    damaged = np.array([[1.0, 0.0], [np.nan, 0.0]], np.float32)
    monkeypatch.setattr(
        Model, "encode_batches", lambda self, texts, **_: iter(np.split(damaged, 2))
    )
    code, out, err = line("encode", str(saved), "texts.txt", "--out", "vectors.npy")
    assert code == 2 and "vector of line 2 is not finite" in err
    assert not (tmp_path / "vectors.npy").exists() and not out


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_failure(closed):
    command = f"{sys.executable} -m jaxemb list {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_a_platform_without_devices_is_one_sentence(saved, tmp_path):
    (tmp_path / "texts.txt").write_text("sort\n")
    command = [sys.executable, "-m", "jaxemb", "encode", str(saved), "texts.txt"]
    for platform in ("cuda", "nothing"):
        environment = {**os.environ, "JAX_PLATFORMS": platform}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert f"no device for JAX_PLATFORMS={platform}" in done.stderr


def test_a_model_is_exported_in_either_form(line, saved, tmp_path):
    pytest.importorskip("flatbuffers")
    from jaxemb.interop import load, load_program

    code, out, _ = line("export", str(saved), "program", "--to", "stablehlo", "--shapes", "2x4,1x6")
    assert code == 0 and out.split() == ["written", "program"]
    texts = ["sort a list", "toy"]
    found = load_program(tmp_path / "program").encode(texts)
    np.testing.assert_allclose(found, load(saved).encode(texts), atol=1e-5)
    told = refused(line("export", str(saved), "folder"))
    assert "has no counterpart in sentence-transformers" in told
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shapes", "2x4"), "--shapes and --platforms are for --to stablehlo"),
        (("--to", "stablehlo", "--shapes", "2,4"), "must be texts x tokens, such as 16x128"),
        (("--to", "stablehlo", "--platforms", "abacus"), "unknown platform 'abacus'"),
    ],
)
def test_options_of_an_export_that_do_not_fit_are_told(line, saved, options, message):
    if "abacus" in options:
        pytest.importorskip("flatbuffers")
    assert message in refused(line("export", str(saved), "folder", *options))
