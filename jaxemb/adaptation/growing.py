"""Dense networks to larger ones that begin where they were."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import UsageError


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
