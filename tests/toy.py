"""A small real embedder and endless random data, for tests that train. Not a test itself."""

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError
from jaxemb.data import Batches, Dataset
from jaxemb.encoders import Transformer
from jaxemb.model import Embedder, Model
from jaxemb.pooling import Mean
from jaxemb.text import TextBatch, WordPiece
from jaxemb.tokens import TokenTable

VOCABULARY, TOKENS = 64, 6
COLUMNS = ("query", "positive", "negatives", "query_id", "positive_id", "negatives_id", "weight")


def embedder(**changes: Any) -> Embedder:
    """Two layers of 32 with dropout on."""
    options = {"layers": 2, "width": 32, "heads": 2, "dropout": 0.2} | changes
    return Embedder(
        text=WordPiece(vocabulary=VOCABULARY, max_tokens=TOKENS),
        tokens=TokenTable(),
        encoder=Transformer(**options),
        pooling=Mean(),
    )


def model(**changes: Any) -> Model:
    """Random parameters, and the tokenizer of nothing: the data below has ids already."""
    tokenizer = WordPiece(vocabulary=VOCABULARY, max_tokens=TOKENS).train(["a toy"])
    created = Model.create(embedder(**changes), jax.random.key(0))
    return dataclasses.replace(created, tokenizer=tokenizer)


class RandomBatches(Batches):
    """Batch `n` depends on the seed and `n` alone."""

    def __init__(self, rows: int, seed: int, poisoned: int | None = None):
        self.rows, self.seed, self.poisoned, self.position = rows, seed, poisoned, 0

    def __next__(self) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, self.position))
        self.position += 1
        batch = {"query": text(rng, self.rows), "positive": text(rng, self.rows)}
        batch["negatives"] = text(rng, self.rows, 2)
        for name, shape in (("query_id", ()), ("positive_id", ()), ("negatives_id", (2,))):
            ids = rng.integers(0, 2 * self.rows, (self.rows, *shape))
            batch[name] = ids.astype(np.int32)
        # Uneven over devices: the first quarter of the rows counts for nothing.
        weight = rng.integers(1, 4, self.rows) * (np.arange(self.rows) >= self.rows // 4)
        batch["weight"] = weight.astype(np.float32)
        if self.poisoned == self.position:
            batch["weight"][:] = np.nan
        return batch

    def get_state(self) -> dict[str, Any]:
        return {"position": self.position, "seed": self.seed}

    def set_state(self, state: dict[str, Any]) -> None:
        if state["seed"] != self.seed:
            raise UsageError("another seed")
        self.position = state["position"]

    def close(self) -> None:
        self.rows = 0


def text(rng: np.random.Generator, *rows: int) -> TextBatch:
    """Random ids of lengths from 1 to `TOKENS`."""
    mask = np.arange(TOKENS) < rng.integers(1, TOKENS + 1, (*rows, 1))
    ids = rng.integers(5, VOCABULARY, (*rows, TOKENS)).astype(np.int32)
    return TextBatch(np.where(mask, ids, 0).astype(np.int32), mask)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomTexts(Dataset):
    """Endless random triples; `poisoned` is the number of a batch with a weight of NaN."""

    batch_size: int = 32
    poisoned: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def __len__(self) -> int:
        return 1000

    def texts(self) -> list[str]:
        return []

    def batches(self, tokenizer: Any, *, seed: int) -> RandomBatches:
        return RandomBatches(self.batch_size, seed, self.poisoned)

    def fingerprint(self) -> str:
        return "random"
