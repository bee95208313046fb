"""Dense networks to larger ones that begin where they were."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError, check_ranges, expression
from jaxemb.encoders import Layer, Transformer
from jaxemb.model import Embedder, Model, Start
from jaxemb.nn import MLP, Experts, RenormalizedTopExperts, ResidualBlock, Routing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upcycled(Start):
    """Starts from a dense model of which every so many feed-forward layers are layers of experts.

    Layers `every - 1`, `2 every - 1`, ... counted from 0 become an `ExpertFeedForward` each, whose
    experts are copies of the dense layer; see `upcycled`. With the default routing, or with all experts
    active, the model gives at first the vectors that the dense one gives.

    Args:
        of: the dense model, one tower with a `Transformer` of plain feed-forward layers.
        experts: copies of each layer.
        routing: which experts a token is sent to.
        every: 1 is every layer, 2 every second one.
        spread: standard deviation of the routers' numbers.

    Raises:
        UsageError: the network has no such layer, or layers with patterns of their own.

    Example:
        >>> Upcycled(of=Pretrained("all-MiniLM-L6-v2"), experts=4)  # doctest: +SKIP

    Reference: Komatsuzaki et al., Sparse Upcycling, arXiv:2212.05055; every second layer, Nussbaum and
    Duderstadt, Training Sparse Mixture Of Experts Text Embedding Models, arXiv:2502.07972.
    """

    of: Start
    experts: Annotated[int, AtLeast(1)] = 8
    routing: Routing = RenormalizedTopExperts()
    every: Annotated[int, AtLeast(1)] = 2
    spread: Annotated[float, AtLeast(0)] = 0.02

    __post_init__ = check_ranges

    @property
    def network(self) -> Embedder:
        """The dense network with experts in it."""
        dense = self.of.network
        encoder = getattr(dense, "encoder", None)
        self._check(encoder)
        experts = Experts(experts=self.experts, routing=self.routing)
        block = dataclasses.replace(encoder.block, feed_forward=experts)
        pattern = (*[Layer()] * (self.every - 1), Layer(block=block))
        return dataclasses.replace(dense, encoder=dataclasses.replace(encoder, pattern=pattern))

    def _check(self, encoder: Any) -> None:
        if not isinstance(encoder, Transformer) or encoder.pattern:
            raise UsageError(
                f"Upcycled grows one tower whose encoder is a Transformer without a pattern, not "
                f"{'towers' if encoder is None else expression(encoder)}."
            )
        block = encoder.block
        if not isinstance(block, ResidualBlock) or not isinstance(block.feed_forward, MLP):
            raise UsageError(f"{expression(block)} has no plain feed-forward layer to grow.")
        if encoder.layers < self.every:
            raise UsageError(f"every={self.every} leaves out all {encoder.layers} layers.")

    def start(self, key: Array) -> Model:
        """The dense model's parameters, and copies of its layers."""
        return self._grown(self.of.start(key), key)

    def untrained(self, key: Array) -> Model:
        """Of the dense model's random parameters, the same."""
        return self._grown(self.of.untrained(key), key)

    def _grown(self, model: Model, key: Array) -> Model:
        layers = range(self.every - 1, model.embedder.encoder.layers, self.every)
        names = {f"block_{n}/feed_forward" for n in layers}
        encoder = upcycled(
            model.params["encoder"],
            jax.random.fold_in(key, 1),
            experts=self.experts,
            chosen=names.__contains__,
            spread=self.spread,
        )
        params = {**model.params, "encoder": encoder}
        return dataclasses.replace(model, embedder=self.network, params=params)

    def fingerprint(self) -> str:
        """Of the dense model, and of how it is grown; empty where that one reads nothing."""
        read = self.of.fingerprint()
        return read and hashlib.sha256(f"{read} {expression(self)}".encode()).hexdigest()

    def small(self) -> "Upcycled":
        """Two experts in every layer of a small model."""
        return dataclasses.replace(self, of=self.of.small(), experts=2, every=1)


def upcycled(
    params: Mapping[str, Any],
    key: Key[Array, ""],
    *,
    experts: int,
    chosen: Callable[[str], bool] = lambda path: True,
    spread: float = 0.02,
) -> dict[str, Any]:
    """Parameters in which feed-forward layers are layers of experts, each a copy of the dense one.

    The result is for the same network with an `ExpertFeedForward` in the place of each `FeedForward`
    that is replaced. Where the weights of a token's experts sum to 1 (`RenormalizedTopExperts`, or all
    experts active) the network computes at first what it did before; with `TopExperts` each of these
    layers gives less, by the probability of the experts that are not asked.

    Args:
        params: of a network, nested dicts by name; they are not changed.
        key: what the routers are drawn from.
        experts: copies of each layer.
        chosen: whether the layer at a path such as `"encoder/block_1/feed_forward"` is replaced;
            by default every one.
        spread: standard deviation of the routers' numbers.

    Raises:
        UsageError: no layer is replaced.

    Example:
        >>> from jaxemb.nn import FeedForward
        >>> dense = FeedForward(hidden=8).init(jax.random.key(0), jnp.ones((1, 4)))["params"]
        >>> grown = upcycled({"block_1": {"feed_forward": dense}}, jax.random.key(1), experts=4)
        >>> grown["block_1"]["feed_forward"]["expand_kernel"].shape
        (4, 4, 8)

    Reference: Komatsuzaki et al., Sparse Upcycling: Training Mixture-of-Experts from Dense
    Checkpoints, arXiv:2212.05055.
    """
    grown, count = _replaced(
        params,
        "",
        chosen,
        lambda n, layer: _copies(layer, jax.random.fold_in(key, n), experts, spread),
        0,
    )
    if not count:
        raise UsageError("there is no feed-forward layer to replace among these parameters")
    return grown


def _replaced(tree, path, chosen, replace, count):
    """The tree with its feed-forward layers replaced, each by its number, and how many they are."""
    if not isinstance(tree, Mapping):
        return tree, count
    if _is_feed_forward(tree) and chosen(path):
        return replace(count, tree), count + 1
    grown = {}
    for name in sorted(tree):
        inner = f"{path}/{name}" if path else name
        grown[name], count = _replaced(tree[name], inner, chosen, replace, count)
    return grown, count


def _is_feed_forward(tree: Mapping[str, Any]) -> bool:
    """Whether these are the two maps of a plain layer; a gated one's have other sizes."""
    if set(tree) != {"expand", "output"}:
        return False
    expand, output = tree["expand"]["kernel"], tree["output"]["kernel"]
    return expand.shape == output.shape[::-1]


def _copies(layer: Mapping[str, Any], key: Array, experts: int, spread: float) -> dict[str, Array]:
    def copied(leaf: Array) -> Array:
        return jnp.broadcast_to(leaf, (experts, *leaf.shape))

    width = layer["expand"]["kernel"].shape[0]
    grown = {"router": spread * jax.random.normal(key, (width, experts))}
    for name in ("expand", "output"):
        kernel = layer[name]["kernel"]
        bias = layer[name].get("bias", jnp.zeros(kernel.shape[1], kernel.dtype))
        grown |= {f"{name}_kernel": copied(kernel), f"{name}_bias": copied(bias)}
    return grown
