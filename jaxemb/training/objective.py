"""What is differentiated: embed a batch's texts, apply the loss, reduce over all devices."""

import dataclasses
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Key, Shaped

from jaxemb.losses import Loss, reduce
from jaxemb.runtime import own_rows
from jaxemb.text import TextBatch

Vectors = dict[str, Float32[Array, "rows ..."]]


class Examples(NamedTuple):
    """A device's rows: texts to embed, the dropout keys of each text, and everything else."""

    texts: dict[str, TextBatch]
    keys: dict[str, Key[Array, "rows ..."]]
    labels: dict[str, Shaped[Array, "rows ..."]]


def examples(batch: dict[str, Any], loss: Loss, key: Key[Array, ""], axis: str | None) -> Examples:
    """A batch by kind. Texts that the loss does not read are left out."""
    texts = {n: x for n, x in batch.items() if isinstance(x, TextBatch) and n in loss.vectors}
    labels = {n: x for n, x in batch.items() if not isinstance(x, TextBatch)}
    keys = {
        name: _text_keys(jax.random.fold_in(key, zlib.crc32(name.encode())), text, axis)
        for name, text in texts.items()
    }
    return Examples(texts, keys, labels)


def _text_keys(key: Key[Array, ""], text: TextBatch, axis: str | None) -> Key[Array, "rows ..."]:
    """A key a text by its place in the global batch, the same on any layout of devices."""
    rows, *inner = text.ids.shape[:-1]
    a_row = own_rows(rows, axis)
    places = a_row if not inner else a_row[:, None] * inner[0] + jnp.arange(inner[0])
    keys = jax.vmap(lambda place: jax.random.fold_in(key, place))(places.reshape(-1))
    return keys.reshape(places.shape)


@dataclasses.dataclass(frozen=True)
class Objective:
    """The loss of a batch as a function of the parameters, in two halves.

    Attributes:
        embedder: has `apply` and `depths`.
        loss: reads what `embed` gives.
        axis: the device axis inside `pmap`; None where arrays are global.
        policy: which intermediate values of `embed` are kept for the backward pass; None keeps all.
    """

    embedder: Any
    loss: Loss
    axis: str | None = None
    policy: Any = None

    def embed(self, params: Any, examples: Examples) -> Vectors:
        """Vectors of every text column: `[rows, dim]`, `[rows, k, dim]`, or with depths."""
        embed = self._embed
        if self.policy is not None:
            embed = jax.checkpoint(embed, policy=self.policy)
        return embed(params, examples.texts, examples.keys)

    def _embed(self, params: Any, texts: dict[str, TextBatch], keys: dict[str, Any]) -> Vectors:
        lengths = dict.fromkeys(text.ids.shape[-1] for text in texts.values())
        groups = [[n for n, x in texts.items() if x.ids.shape[-1] == size] for size in lengths]
        vectors: Vectors = {}
        for names in groups:
            vectors |= self._together(params, [(n, texts[n], keys[n]) for n in names])
        return vectors

    def _together(self, params: Any, columns: list[tuple[str, TextBatch, Any]]) -> Vectors:
        """Columns of one token length in one call, `[rows, texts, tokens]` flattened.

        A row's texts stand side by side, so that a sharded row stays on its device.
        """
        names, texts, keys = zip(*columns, strict=True)
        wide = [TextBatch(*(_by_row(x, 1) for x in text)) for text in texts]
        joined = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *wide)
        keys = jnp.concatenate([_by_row(k, 0) for k in keys], axis=1)
        flat = TextBatch(*(x.reshape(-1, x.shape[-1]) for x in joined))
        apply = self.embedder.depths if self.loss.reads_depths else self.embedder.apply
        found = apply(params, flat, keys=keys.reshape(-1)).astype(jnp.float32)
        found = found.reshape(*keys.shape, *found.shape[1:])
        ends = np.cumsum([text.ids.shape[1] for text in wide])[:-1]
        parts = zip(names, texts, jnp.split(found, ends, axis=1), strict=True)
        return {n: x.reshape(*text.ids.shape[:-1], *x.shape[2:]) for n, text, x in parts}

    def value(
        self, vectors: Vectors, examples: Examples, key: Key[Array, ""]
    ) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
        """The loss over all devices' rows, and its terms."""
        terms = self.loss({**examples.labels, **vectors}, key=key, axis=self.axis)
        return reduce(terms, self.axis)


def _by_row(x: Shaped[Array, "rows ..."], own: int) -> Shaped[Array, "rows texts ..."]:
    """`[rows, ...]` to `[rows, texts, ...]`, where the last `own` axes belong to a text."""
    return x.reshape(x.shape[0], -1, *x.shape[x.ndim - own :])
