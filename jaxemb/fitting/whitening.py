"""Whitening and centring, fitted to texts and kept as a linear head's parameters."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.fitting import Estimator
from jaxemb.heads import Chain, Identity, Linear
from jaxemb.model import Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whitening(Estimator):
    """Makes the first linear head whiten: `y = (x - m) U Λ^(-1/2)`, for the covariance `U Λ Uᵀ`.

    The mean `m` and the covariance are those of the vectors, before the head, of `texts` texts. The
    embedder's head is `Chain` of a `Linear` and others; a `dim` below the width keeps the directions
    of the largest variance. `scale=False` leaves the lengths, `(x - m) U`: centring.

    Raises:
        UsageError: if the embedder's head does not start with a `Linear`, `dim` exceeds the width, or
            there are fewer than two texts per number of `dim`: the covariance would be of chance.

    Reference: Su et al., Whitening Sentence Representations, arXiv:2103.15316.

    Example:
        >>> model = Whitening(texts=1000).fit(model, texts, key)
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder", "pooling", "head")
    texts: Annotated[int, AtLeast(1)] = 4000
    scale: bool = True

    def fit(self, model: Model, texts: Iterable[str], key: Key[Array, ""]) -> Model:
        head = model.embedder.head
        if not isinstance(head, Chain) or not isinstance(head.heads[0], Linear):
            raise UsageError(
                "Whitening needs an embedder whose head is a Chain that starts Linear."
            )
        bare = dataclasses.replace(
            model,
            embedder=dataclasses.replace(model.embedder, head=Identity()),
            params={**model.params, "head": {}},
            transforms=(),  # what is fitted stands before them
        )
        sample = list(itertools.islice(dict.fromkeys(texts), self.texts))
        vectors = bare.encode(sample, normalize=False).astype(np.float64)
        linear = _whitener(vectors, head.heads[0].dim, self.scale)
        fitted = {**model.params["head"], "heads_0": linear}
        return dataclasses.replace(model, params={**model.params, "head": fitted})


def _whitener(
    vectors: Float64[np.ndarray, "texts width"], dim: int, scale: bool
) -> dict[str, Float[Array, "..."]]:
    width = vectors.shape[1]
    if dim > width:
        raise UsageError(f"dim={dim} exceeds the width of the vectors, {width}.")
    if len(vectors) < 2 * dim:
        raise UsageError(
            f"{len(vectors)} texts are too few to whiten {dim} numbers; {2 * dim} are needed at least."
        )
    mean = vectors.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(vectors.T))
    kernel = directions[:, ::-1][:, :dim]
    if scale:
        # Directions without variance would be blown up to noise.
        floor = 1e-9 * variances[-1]
        kernel = kernel / np.sqrt(np.maximum(variances[::-1][:dim], floor))
    return {
        "kernel": jnp.asarray(kernel, jnp.float32),
        "bias": jnp.asarray(-mean @ kernel, jnp.float32),
    }
