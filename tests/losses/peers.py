"""A network of one table for the library sentence-transformers, and its numbers for ours.

Not a test itself; it is imported where that library is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

from jaxemb.losses import Embedded, Loss, LossState, embedded, reduce

B, W, K, T = 6, 8, 2, 4  # rows, width, negatives, tokens
KEY = jax.random.key(0)


# --- the library's side


class Table(torch.nn.Module):
    """A network that hands out the rows of a table: `input_ids` are their numbers."""

    device = torch.device("cpu")
    similarity_fn_name = None

    def __init__(self, table: Any, mask: Any = None, extra: dict[str, Any] | None = None):
        super().__init__()
        self.table, self.mask, self.extra = table, mask, extra or {}

    def forward(self, features: dict, **_: Any) -> dict:
        rows = features["input_ids"][:, 0]
        found = {name: x[rows] for name, x in self.extra.items()}
        if self.mask is not None:
            unit = torch.nn.functional.normalize(self.table[rows], dim=-1)
            return {"token_embeddings": unit, "attention_mask": self.mask[rows].long(), **found}
        return {**features, "sentence_embedding": self.table[rows], **found}

    def get_embedding_dimension(self) -> int:
        return self.table.shape[1]

    def __getitem__(self, index: int) -> None:
        return None


def features(*columns: range) -> list[dict]:
    return [
        {
            "input_ids": torch.tensor(list(c))[:, None],
            "attention_mask": torch.ones(len(c), 1).long(),
        }
        for c in columns
    ]


QUERY, POSITIVE = range(B), range(B, 2 * B)
NEGATIVES = [range((2 + k) * B, (3 + k) * B) for k in range(K)]
PAIRS, TEXTS = (QUERY, POSITIVE), (QUERY, POSITIVE, *NEGATIVES)


class Drawn(NamedTuple):
    """Vectors of all texts, a mask of tokens, labels and a teacher's vectors."""

    table: np.ndarray
    mask: np.ndarray | None
    labels: Any
    guide: np.ndarray


def draw(labels: Callable | None, tokens: bool, seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    n = (2 + K) * B
    mask = (np.arange(T) < rng.integers(1, T + 1, (n, 1))) if tokens else None
    shape = (n, T, W) if tokens else (n, W)
    made = labels(rng) if labels else None
    return Drawn(rng.normal(size=shape), mask, made, rng.normal(size=(n, W)))


# --- our side


def our_columns(
    names: tuple[str, ...], drawn: Drawn, others: dict[str, np.ndarray]
) -> tuple[dict, dict]:
    """What is embedded, and the rest in 32 bits."""
    table = jnp.asarray(drawn.table, jnp.float32)

    def column(x: Any) -> Any:
        x = x.reshape(-1, B, *x.shape[1:])
        shaped = {"query": x[0], "positive": x[1], "negatives": jnp.moveaxis(x[2:], 0, 1)}
        return {name: shaped[name] for name in names}

    learned = column(table)
    if drawn.mask is not None:
        masks = column(jnp.asarray(drawn.mask))
        learned = {name: Embedded(x, masks[name]) for name, x in learned.items()}
    values = {name: np.asarray(x) for name, x in others.items()}
    kinds = {n: jnp.int32 if x.dtype.kind in "ib" else jnp.float32 for n, x in values.items()}
    return learned, {name: jnp.asarray(x, kinds[name]) for name, x in values.items()}


def our_loss(loss: Loss, learned: dict, others: dict, params: Any) -> tuple[Any, Any]:
    state = loss.init(KEY, {**learned, **others})
    state = LossState(state.params if params is None else params, state.memory)

    @jax.jit
    def run(floats, masks):
        seen = {n: Embedded(x, masks.get(n)) for n, x in floats.items()}
        terms, _ = loss.apply(state, {**seen, **others}, key=KEY)
        return reduce(terms)[0]

    floats = {name: embedded(x).vectors for name, x in learned.items()}
    masks = {name: embedded(x).real for name, x in learned.items()}
    return jax.value_and_grad(run)(floats, masks)


def as_table(grads: dict, columns: tuple[str, ...]) -> np.ndarray:
    """Gradients in the order of the library's table."""
    parts = [grads[n] for n in columns if n != "negatives"]
    if "negatives" in columns:
        parts += list(np.moveaxis(np.asarray(grads["negatives"]), 1, 0))
    return np.concatenate(parts)


# Losses of cross-encoders: those over lists of documents, and those over pairs.
LISTS = ["ListNetLoss", "ListMLELoss", "PListMLELoss", "RankNetLoss", "LambdaLoss", "ADRMSELoss"]
CROSS = [*LISTS, "MarginMSELoss", "BinaryCrossEntropyLoss", "MSELoss", "CrossEntropyLoss"]


CODES = {
    "input": "sentence_embedding_backbone",
    "decoded": "decoded_embedding_k",
    "decoded_4k": "decoded_embedding_4k",
    "decoded_aux": "decoded_embedding_aux",
    "decoded_without_bias": "decoded_embedding_k_pre_bias",
}
"""What a sparse autoencoder gives, by our names and by the library's."""
