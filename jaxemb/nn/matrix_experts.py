"""A feed-forward layer whose first map has a few experts, each a change of the one map."""

from dataclasses import dataclass
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import AtLeast, Between
from jaxemb.nn.activations import GELU, Activation
from jaxemb.nn.dense import Dense, branch
from jaxemb.nn.experts import RenormalizedTopExperts, Routing
from jaxemb.nn.feedforward import FeedForwardForm
from jaxemb.nn.sizes import Sizes


@dataclass(frozen=True, kw_only=True)
class MatrixExperts(FeedForwardForm):
    """Experts of the first map alone; see `MatrixExpertFeedForward`.

    Attributes:
        experts: how many.
        routing: which experts a token is sent to, and their weights. With one expert and a weight of
            1, as in the reference, the gate has no gradient; by default both of two are asked.

    Reference: Yu et al., Efficient fine-tuning methodology of text embedding models for information
    retrieval: contrastive learning penalty, arXiv:2412.17364.
    """

    experts: Annotated[int, AtLeast(1)] = 2
    routing: Routing = RenormalizedTopExperts(active=2)

    def layer(self, sizes: Sizes, *, name: str) -> "MatrixExpertFeedForward":
        return MatrixExpertFeedForward(
            experts=self.experts, routing=self.routing, **sizes.feed_forward, name=name
        )


class MatrixExpertFeedForward(nn.Module, kw_only=True):
    """`W₂ a(Σₑ wₑ ((W₁ + Δₑ) x + b₁ + δₑ)) + b₂`, `[..., width] -> [..., width]`, weights of sum 1.

    The maps are named as those of `FeedForward`, so that its weights can be read, and an expert is
    what it adds to the first: `expert_kernels` `[experts, width, hidden]` and `expert_biases`
    `[experts, hidden]`, zeros at first. The layer then gives what the plain one gives, and training
    these and `gate` `[width, experts]` alone is training copies of one matrix.

    Attributes:
        hidden: features between the two maps.
        experts: how many.
        routing: which experts a token is sent to, from `softmax(x · gate)`, and their weights.
        activation: `a`.
        dtype: of the products; the gate is computed in float32.

    Example:
        >>> layer, x = MatrixExpertFeedForward(hidden=8), jnp.ones((2, 3, 4))
        >>> params = layer.init(jax.random.key(0), x)["params"]
        >>> sorted(params)
        ['expand', 'expert_biases', 'expert_kernels', 'gate', 'output']

    Reference: Yu et al., arXiv:2412.17364 (which gives whole copies; a sum is the same function).
    """

    hidden: Annotated[int, Between(1, 2**22)]
    experts: Annotated[int, AtLeast(1)] = 2
    routing: Routing = RenormalizedTopExperts(active=2)
    activation: Activation = GELU()
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        width, zeros = x.shape[-1], nn.initializers.zeros
        gate = self.param("gate", nn.initializers.normal(0.02), (width, self.experts))
        kernels = self.param("expert_kernels", zeros, (self.experts, width, self.hidden))
        biases = self.param("expert_biases", zeros, (self.experts, self.hidden))
        shared = Dense(features=self.hidden, dtype=self.dtype, name="expand")(x)
        rows = x.reshape(-1, width).astype(jnp.dtype(self.dtype))
        weights = self._weights(jax.nn.softmax(rows.astype(jnp.float32) @ gate))
        made = jnp.einsum(
            "nd,edh->neh", rows, kernels.astype(rows.dtype), preferred_element_type=jnp.float32
        )
        added = jnp.einsum("ne,neh->nh", weights, made + biases)
        hidden = shared + added.reshape(shared.shape).astype(shared.dtype)
        output = Dense(features=width, dtype=self.dtype, kernel_init=branch, name="output")
        return output(jax.checkpoint(self.activation)(hidden))

    def _weights(self, probabilities: Float[Array, "n experts"]) -> Float[Array, "n experts"]:
        """The weight of every expert, 0 where a token is not sent."""
        weights, chosen = self.routing(probabilities)
        sent = jax.nn.one_hot(chosen, self.experts)
        return jnp.einsum("na,nae->ne", weights, sent)
