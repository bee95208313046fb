"""A feed-forward layer of many networks, of which each token is sent to a few."""

import abc
from dataclasses import dataclass
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int

from jaxemb.config import AtLeast, Between, Part, UsageError
from jaxemb.nn.activations import GELU, Activation
from jaxemb.nn.feedforward import FeedForwardForm
from jaxemb.nn.sizes import Sizes
from jaxemb.runtime.shapes import States

# Each expert's kernel by itself starts as that of a feed-forward layer does.
_expand = nn.initializers.lecun_normal(in_axis=-2, out_axis=-1, batch_axis=(0,))
_output = nn.initializers.variance_scaling(
    0.25, "fan_in", "truncated_normal", in_axis=-2, out_axis=-1, batch_axis=(0,)
)


@dataclass(frozen=True, kw_only=True)
class Routing(Part, abc.ABC):
    """Slot: from a router's probabilities to the experts of a token and their weights."""

    @abc.abstractmethod
    def __call__(
        self, probabilities: Float32[Array, "tokens experts"]
    ) -> tuple[Float32[Array, "tokens active"], Int[Array, "tokens active"]]:
        """Returns the weights of the experts that a token is sent to, and their numbers."""


@dataclass(frozen=True, kw_only=True)
class TopExperts(Routing):
    """The `active` most probable experts, each weighted by its probability.

    Example:
        >>> weights, chosen = TopExperts(active=1)(jnp.array([[0.25, 0.75]]))
        >>> weights.tolist(), chosen.tolist()
        ([[0.75]], [[1]])

    Reference: Shazeer et al., Outrageously Large Neural Networks, arXiv:1701.06538.
    """

    active: Annotated[int, AtLeast(1)] = 2

    def __call__(
        self, probabilities: Float32[Array, "tokens experts"]
    ) -> tuple[Float32[Array, "tokens active"], Int[Array, "tokens active"]]:
        if not 1 <= self.active <= probabilities.shape[-1]:
            raise UsageError(
                f"active={self.active} must be 1 to {probabilities.shape[-1]}, the experts there are."
            )
        return tuple(jax.lax.top_k(probabilities, self.active))


@dataclass(frozen=True, kw_only=True)
class RenormalizedTopExperts(TopExperts):
    """The `active` most probable experts; their weights are brought to a sum of 1.

    Example:
        >>> weights, chosen = RenormalizedTopExperts(active=1)(jnp.array([[0.25, 0.75]]))
        >>> weights.tolist(), chosen.tolist()
        ([[1.0]], [[1]])

    Reference: Jiang et al., Mixtral of Experts, arXiv:2401.04088.
    """

    def __call__(
        self, probabilities: Float32[Array, "tokens experts"]
    ) -> tuple[Float32[Array, "tokens active"], Int[Array, "tokens active"]]:
        weights, chosen = super().__call__(probabilities)
        return weights / weights.sum(-1, keepdims=True), chosen


@dataclass(frozen=True, kw_only=True)
class Experts(FeedForwardForm):
    """Many networks, of which each token is sent to a few; see `ExpertFeedForward`.

    Attributes:
        experts: how many networks.
        routing: which experts a token is sent to.

    Reference: Fedus, Zoph and Shazeer, Switch Transformers, arXiv:2101.03961.
    """

    experts: Annotated[int, AtLeast(1)] = 8
    routing: Routing = TopExperts()

    def layer(self, sizes: Sizes, *, name: str) -> "ExpertFeedForward":
        return ExpertFeedForward(
            experts=self.experts, routing=self.routing, **sizes.feed_forward, name=name
        )

    def called(
        self,
        layer: nn.Module,
        x: States,
        real: Bool[Array, "#batch tokens"],
    ) -> States:
        return layer(x, real)


@dataclass(frozen=True, kw_only=True)
class SharedBiasExperts(Experts):
    """Experts without biases, and one bias for their sum; see `SharedBiasExpertFeedForward`.

    Reference: Nussbaum and Duderstadt, Training Sparse Mixture Of Experts Text Embedding Models,
    arXiv:2502.07972.
    """

    def layer(self, sizes: Sizes, *, name: str) -> "SharedBiasExpertFeedForward":
        return SharedBiasExpertFeedForward(
            experts=self.experts, routing=self.routing, **sizes.feed_forward, name=name
        )


class ExpertFeedForward(nn.Module, kw_only=True):
    """`y = Σₑ wₑ FFNₑ(x)` over the experts that a token is sent to, `[..., width] -> [..., width]`.

    A router gives each token probabilities, `p = softmax(x R)` in float32, and `routing` chooses
    experts and weights from them. No token is ever dropped, however many want one expert, so a
    text's result does not depend on its neighbours. Tokens are sorted by expert and each expert's
    share is one product of a grouped matrix multiplication.

    The probabilities `[..., experts]` leave by `sow("extra", "router", ...)`, zeros at padding; `load`
    and `balance` make of them what a balancing term needs.

    Attributes:
        hidden: features between the two maps of an expert.
        experts: how many networks; each is a `FeedForward`, biases included.
        routing: which experts a token is sent to.
        activation: of every expert.
        dtype: of the experts' products; the router is computed in float32.

    Example:
        >>> layer, x = ExpertFeedForward(hidden=8, experts=4), jnp.ones((2, 3, 4))
        >>> y, variables = layer.init_with_output(jax.random.key(0), x)
        >>> _, said = layer.apply({"params": variables["params"]}, x, mutable=["extra"])
        >>> y.shape, said["extra"]["router"][0].shape
        ((2, 3, 4), (2, 3, 4))

    Reference: Fedus, Zoph and Shazeer, Switch Transformers, arXiv:2101.03961; Nussbaum and Duderstadt,
    Training Sparse Mixture Of Experts Text Embedding Models, arXiv:2502.07972.
    """

    hidden: Annotated[int, Between(1, 2**22)]
    experts: Annotated[int, AtLeast(1)] = 8
    routing: Routing = TopExperts()
    activation: Activation = GELU()
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, x: Float[Array, "*batch width"], real: Bool[Array, "*#batch"] | None = None
    ) -> Float[Array, "*batch width"]:
        """`real` is False at padding; by default nothing is."""
        width = x.shape[-1]
        router = self.param("router", nn.initializers.normal(0.02), (width, self.experts))
        probabilities = jax.nn.softmax(x.astype(jnp.float32) @ router)
        real = jnp.ones(x.shape[:-1], bool) if real is None else real
        self.sow("extra", "router", jnp.where(real[..., None], probabilities, 0))
        weights, chosen = self.routing(probabilities.reshape(-1, self.experts))
        expand = self.map("expand", _expand, width, self.hidden)
        output = self.map("output", _output, self.hidden, width)
        rows = x.reshape(-1, width).astype(jnp.dtype(self.dtype))
        return self.ended(self._sent(rows, weights, chosen, expand, output)).reshape(x.shape)

    def map(self, name: str, init, width: int, features: int) -> tuple[Array, Array | None]:
        """The kernels of one map of all experts, `[experts, width, features]`, and their biases."""
        kernel = self.param(f"{name}_kernel", init, (self.experts, width, features))
        return kernel, self.param(f"{name}_bias", nn.initializers.zeros, (self.experts, features))

    def ended(self, y: Float[Array, "tokens width"]) -> Float[Array, "tokens width"]:
        """What becomes of the sum over experts: nothing else."""
        return y

    def _sent(self, rows, weights, chosen, expand, output):
        """Sorts tokens by expert, lets each expert map its share, and adds up what comes back."""
        order = jnp.argsort(chosen.ravel(), stable=True)
        expert, token = chosen.ravel()[order], order // chosen.shape[-1]
        sizes = jnp.bincount(expert, length=self.experts).astype(jnp.int32)
        hidden = self.activation(_grouped(rows[token], *expand, expert, sizes))
        made = _grouped(hidden.astype(rows.dtype), *output, expert, sizes)
        made = made * weights.ravel()[order, None]
        summed = jnp.zeros((len(rows), made.shape[-1]), jnp.float32).at[token].add(made)
        return summed.astype(rows.dtype)


class SharedBiasExpertFeedForward(ExpertFeedForward, kw_only=True):
    """`y = b + Σₑ wₑ W₂ₑ a(W₁ₑ x)`: the experts have no biases, and one is added to their sum.

    Parameters are `router`, `expand_kernel`, `output_kernel` and `bias [width]`; all else is as in
    `ExpertFeedForward`.
    """

    def map(self, name: str, init, width: int, features: int) -> tuple[Array, Array | None]:
        return self.param(f"{name}_kernel", init, (self.experts, width, features)), None

    def ended(self, y: Float[Array, "tokens width"]) -> Float[Array, "tokens width"]:
        return y + self.param("bias", nn.initializers.zeros, y.shape[-1:]).astype(y.dtype)


def _grouped(
    x: Float[Array, "sent width"],
    kernels: Float32[Array, "experts width features"],
    biases: Float32[Array, "experts features"] | None,
    expert: Int[Array, " sent"],
    sizes: Int[Array, " experts"],
) -> Float32[Array, "sent features"]:
    """`x[i] W[expert[i]] + b[expert[i]]` for rows that are sorted by expert."""
    y = jax.lax.ragged_dot(x, kernels.astype(x.dtype), sizes, preferred_element_type=jnp.float32)
    return y if biases is None else y + biases[expert]


def load(
    probabilities: Float32[Array, "*batch experts"], mask: Bool[Array, "*batch"], routing: Routing
) -> tuple[Float32[Array, " experts"], Float32[Array, " experts"]]:
    """The share of real tokens that each expert is sent, and its mean probability.

    Both sum to 1. A token that is sent to several experts counts for each of them in equal parts.
    """
    rows, real = probabilities.reshape(-1, probabilities.shape[-1]), mask.reshape(-1, 1)
    _, chosen = routing(rows)
    sent = jax.nn.one_hot(chosen, rows.shape[-1]).mean(1)
    count = jnp.maximum(real.sum(), 1)
    share = jnp.sum(jnp.where(real, sent, 0), 0) / count
    return share, jnp.sum(jnp.where(real, rows, 0), 0) / count


def balance(
    probabilities: Float32[Array, "*batch experts"], mask: Bool[Array, "*batch"], routing: Routing
) -> Float32[Array, ""]:
    """`E Σₑ fₑ Pₑ`: 1 where all experts are used alike, E where one is sent every token.

    `f` is the share of tokens that an expert is sent, which has no gradient, and `P` its mean
    probability.

    Example:
        >>> probabilities, mask = jnp.full((6, 4), 0.25), jnp.ones(6, bool)
        >>> float(balance(probabilities, mask, TopExperts(active=4)))
        1.0

    Reference: Fedus, Zoph and Shazeer, Switch Transformers, arXiv:2101.03961.
    """
    share, probability = load(probabilities, mask, routing)
    return probabilities.shape[-1] * jnp.sum(jax.lax.stop_gradient(share) * probability)
