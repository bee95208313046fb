"""all-MiniLM-L6-v2, the standing row of every table: its vectors, its pieces, its score."""

import csv
import gzip
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

import jaxemb
from jaxemb.__main__ import main
from jaxemb.interop import find
from jaxemb.model import Model

NAME = "all-MiniLM-L6-v2"
ODD = [
    "", " ", "naïve café", "東京タワー", "😀 a [MASK] b", "\u0000\u200b", "ﬁ ﬂ", "\n\t tab\r\n",
    "A" * 300, "don't", "x" * 90 + " y", "word " * 900, "12,345.67€", "Ünïcödé", "हिन्दी पाठ", "عربي",
    "e\u0301",
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Model:
    return jaxemb.load(NAME)


@pytest.fixture
def texts(shared_data) -> list[str]:
    """A thousand of many kinds: sentences, documents of Cranfield, other scripts, odd ones."""
    found = []
    for path, count in (
        ("sts/stsb-en.tsv.gz", 650),
        ("sts/jsts.tsv.gz", 200),
        ("sts/semrel-hin.tsv.gz", 100),
    ):
        found += [row["sentence1"] for row in rows(shared_data / path)[:count]]
    documents = next((shared_data / "retrieval").glob("cranfield*/corpus.jsonl*"))
    opener = gzip.open if documents.suffix == ".gz" else open
    with opener(documents, "rt", encoding="utf-8") as lines:
        found += [json.loads(line)["text"] for line in lines][: 1000 - len(found) - len(ODD)]
    return found + ODD


def rows(path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_sts_benchmark_is_what_is_published(model, shared_data):
    pairs = [row for row in rows(shared_data / "sts/stsb-en.tsv.gz") if row["split"] == "test"]
    first, second = (model.encode([row[f"sentence{n}"] for row in pairs]) for n in (1, 2))
    gold = [float(row["score"]) for row in pairs]
    assert len(pairs) == 1379
    assert spearmanr((first * second).sum(1), gold).statistic == pytest.approx(0.820, abs=1e-3)


def test_vectors_are_those_of_sentence_transformers(model, texts):
    pytest.importorskip("torch")
    library = pytest.importorskip("sentence_transformers")
    expected = library.SentenceTransformer(str(find(NAME)), device="cpu").encode(texts)
    vectors = model.encode(texts)
    assert len(texts) == 1000
    assert (vectors * expected).sum(1).min() >= 0.999999
    np.testing.assert_allclose(vectors, expected, atol=2e-6)


def test_pieces_are_those_of_transformers(model, texts):
    pytest.importorskip("torch")
    library = pytest.importorskip("transformers")
    tokenizer = library.AutoTokenizer.from_pretrained(find(NAME))
    expected = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
    assert [ids.tolist() for ids in model.tokenizer.encode(texts)] == expected


def test_a_cut_model_and_a_saved_one(model, tmp_path):
    texts = ["A man plays the guitar.", "Stocks fell."]
    vectors = model.encode(texts, dim=64, layers=3)
    assert vectors.shape == (2, 64)
    again = jaxemb.load(model.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.encode(texts, dim=64, layers=3), vectors)
    np.testing.assert_array_equal(again.encode(texts), model.encode(texts))


def test_the_command_line_takes_its_name(model, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("A man plays the guitar.\nStocks fell.\n")
    out = tmp_path / "vectors.npy"
    assert main(["encode", NAME, str(tmp_path / "lines.txt"), "--out", str(out)]) == 0
    expected = model.encode(["A man plays the guitar.", "Stocks fell."])
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)
    assert main(["encode", "all-MiniLM", str(tmp_path / "lines.txt")]) == 2
    assert "nearest: all-MiniLM-L6-v2" in capsys.readouterr().err
