"""A head of several layers."""

from typing import Annotated

import flax.linen as nn
from jaxtyping import Array, Float32

from jaxemb.config import AtLeast
from jaxemb.heads.base import Head, Linear
from jaxemb.nn import Activation, ReLU


class FeedForwardHead(Head, kw_only=True):
    """Linear layers, each with its nonlinearity, `y = a(W_k … a(W₁ v + b₁) … + b_k)`.

    After the pooling `Mean` of an encoder without context it is a deep averaging network. The last
    layer has its nonlinearity too, as there; where it should not, put a `Linear` after this in a
    `Chain`.

    Attributes:
        dims: features of each layer's result.
        activation: `a`.

    Example:
        >>> head = FeedForwardHead(dims=(6, 3))
        >>> y, variables = head.init_with_output(jax.random.key(0), jnp.ones((2, 5)))
        >>> y.shape, variables["params"]["layer_1"]["kernel"].shape
        ((2, 3), (6, 3))

    Reference: Iyyer et al., Deep Unordered Composition Rivals Syntactic Methods for Text
    Classification, ACL 2015; Cer et al., Universal Sentence Encoder, arXiv:1803.11175.
    """

    dims: Annotated[tuple[int, ...], AtLeast(1)] = (512, 512)
    activation: Activation = ReLU()

    @nn.compact
    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch dim"]:
        for n, dim in enumerate(self.dims):
            vectors = self.activation(Linear(dim=dim, name=f"layer_{n}")(vectors))
        return vectors
