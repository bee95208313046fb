"""Vectors written as they come and mapped: searched as an array is, in bounded memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.retrieval import cosine_top_k, top_k
from jaxemb.vectors import map_vectors, store_vectors

ROOT = Path(__file__).parents[2]


def test_a_mapped_file_is_searched_as_the_array(tmp_path):
    draw = np.random.default_rng(0)
    documents = draw.normal(size=(1003, 12)).astype("f") * draw.uniform(1, 9, (1003, 1)).astype("f")
    queries = draw.normal(size=(7, 12)).astype("f")
    mapped = store_vectors(tmp_path / "new" / "corpus.npy", np.array_split(documents, 9))
    np.testing.assert_array_equal(mapped, documents)
    assert isinstance(mapped, np.memmap)
    for search in (top_k, cosine_top_k):
        for one, other in zip(
            search(queries, mapped, 9, block=100),
            search(queries, documents, 9, block=100),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


SEARCH = """
import resource, sys
import numpy as np
from jaxemb.retrieval import cosine_top_k
from jaxemb.vectors import map_vectors
def anonymous():
    with open("/proc/self/status") as lines:
        return int(next(l for l in lines if l.startswith("RssAnon")).split()[1]) // 1024
documents = map_vectors(sys.argv[1])
queries = np.ones((4, documents.shape[1]), "f")
cosine_top_k(queries, documents[:8192], 5)
before = anonymous()
most = 0
def pieces():
    global most
    for start in range(0, len(documents), 65536):
        most = max(most, anonymous())
        yield documents[start : start + 65536]
cosine_top_k(queries, pieces(), 5)
whole = anonymous()
cosine_top_k(queries, documents, 5)
most = max(most, anonymous())
print(most - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_a_search_holds_no_more_than_blocks_in_memory(tmp_path):
    """A corpus of 256 MB: its own memory grows by less than a quarter of that."""
    path = tmp_path / "corpus.npy"
    block = np.random.default_rng(0).normal(size=(65_536, 128)).astype("f")
    mapped = store_vectors(path, (block for _ in range(8)))
    assert mapped.nbytes == 2**28
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(path)], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    grown = int(done.stdout.split()[0])
    assert grown < 64, done.stdout


def test_pieces_and_files_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "corpus.npy"
    with pytest.raises(UsageError, match="3 wide, and then 4"):
        store_vectors(path, (np.ones((2, n), "f") for n in (3, 4)))
    with pytest.raises(UsageError, match="no vector to write"):
        store_vectors(path, ())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="no vectors at"):
        map_vectors(path)
    path.write_text("words")
    with pytest.raises(UsageError, match="no .npy file that can be read"):
        map_vectors(path)
    np.save(path, np.arange(3))
    with pytest.raises(UsageError, match=r"holds int64 \[3\], and not vectors"):
        map_vectors(path)
