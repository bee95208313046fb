"""What the probes share: a little text, a small embedder, training on every layout. Not a test."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb import Embedder, Model, Runtime, load
from jaxemb.data import Pairs, Source, View
from jaxemb.encoders import Transformer
from jaxemb.fitting import Vocabulary
from jaxemb.losses import InfoNCE, Loss
from jaxemb.model import Start
from jaxemb.pooling import Mean
from jaxemb.runtime import Jit, Pmap
from jaxemb.text import WordPiece
from jaxemb.tokens import TokenTable
from jaxemb.training import SGD, AdamW, Context, Steps, Train

WORDS = ("list", "string", "array", "file", "socket", "thread", "queue", "table")
VERBS = ("sort", "join", "open", "close", "copy", "merge", "count", "print")
RECORDS = [
    {"query": f"{verb} a {word}", "positive": f"how to {verb} every {word} at once"}
    for verb in VERBS
    for word in WORDS
]
TEXTS = [text for record in RECORDS for text in record.values()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sayings(Source):
    """The records above, in every split."""

    def records(self, split: str) -> list[dict[str, Any]]:
        return RECORDS

    def fingerprint(self) -> str:
        return "sayings"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Said(View):
    """A record as a pair."""

    columns = ("query", "positive", "query_id", "positive_id")

    def __call__(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        numbers: dict[str, int] = {}
        for record in records:
            for text in record.values():
                numbers.setdefault(text, len(numbers))
        ids = [
            {"query_id": numbers[r["query"]], "positive_id": numbers[r["positive"]]}
            for r in records
        ]
        return [{**record, **own} for record, own in zip(records, ids, strict=True)]


PAIRS = Pairs(source=Sayings(), view=Said(), batch_size=16)


def embedder(**changes: Any) -> Embedder:
    """Two layers of 16 over 64 pieces."""
    whole = Embedder(
        text=WordPiece(vocabulary=96, max_tokens=12),
        tokens=TokenTable(),
        encoder=Transformer(layers=2, width=16, heads=2),
        pooling=Mean(),
    )
    return dataclasses.replace(whole, **changes)


def started(start: Start) -> Model:
    """The model before training, with a vocabulary of the texts."""
    model = start.start(jax.random.key(0))
    return Vocabulary().fit(model, TEXTS, jax.random.key(0))


def stage(loss: Loss | None = None, **changes: Any) -> Train:
    """A few steps of SGD, whose sums are the same in any order up to rounding."""
    options = dict(data=PAIRS, loss=loss or InfoNCE(), optimizer=SGD(learning_rate=0.1))
    return Train(**{**options, "budget": Steps(3), **changes})


def trained(model: Model, train: Train, **context: Any) -> Model:
    """The model after the stage, equal under `jit` and `pmap` over all devices of this process."""
    models = [
        train.run(model, Context(key=jax.random.key(1), runtime=Runtime(devices=own), **context))
        for own in (Jit(limit=2), Pmap(limit=2))
    ]
    first, second = (jax.tree.leaves(one.params) for one in models)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    assert any(
        np.abs(a - b).max() > 0 for a, b in zip(first, jax.tree.leaves(model.params), strict=True)
    )
    return models[0]


def reloaded(model: Model, folder: Path) -> Model:
    """The model as it is read back from where it was saved."""
    return load(model.save(folder / "model"))


LEARNS = {"optimizer": AdamW(learning_rate=3e-3, weight_decay=0.0), "budget": Steps(60)}
"""Changes of `stage` with which the small embedder learns the pairs."""
