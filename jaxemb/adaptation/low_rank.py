"""Low-rank additions beside the kernels of a network that is kept as it is."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxemb.adaptation.adapters import has_kernel
from jaxemb.adaptation.places import beside, with_additions
from jaxemb.config import Above, AtLeast, UsageError
from jaxemb.training import Trainable


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoRA(Trainable):
    r"""Only a low-rank addition to some kernels moves; everything else is kept.

    $$W' = W + \frac{\alpha}{r} A B, \quad A \in \mathbb{R}^{m \times r},\; B \in
    \mathbb{R}^{r \times n}$$

    $A$ starts at random, $B$ at 0, so that training starts from the network as it is. A kernel is
    multiplied as $x W + \frac{\alpha}{r} (x A) B$: no gradient of its own shape is made. After
    training the addition is merged into the kernel.

    Args:
        rank: $r$.
        alpha: $\alpha$.
        targets: patterns of paths of modules with a `kernel`, such as `"attention/query"`; shell
            style, over any run of a path's segments.

    Raises:
        UsageError: a pattern matches no kernel, or `rank` is below 1.

    Example:
        >>> kernel = {"head": {"kernel": jnp.eye(4), "bias": jnp.zeros(4)}}
        >>> moved, kept = LoRA(rank=2, targets=("head",)).split(kernel, jax.random.key(0))
        >>> {name: x.shape for name, x in moved["adapters"]["head"].items()}
        {'a': (4, 2), 'b': (2, 4)}

    Reference: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, arXiv:2106.09685.
    """

    rank: Annotated[int, AtLeast(1)] = 8
    alpha: Annotated[float, Above(0)] = 16.0
    targets: tuple[str, ...] = ("attention/query", "attention/value")

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UsageError(f"rank={self.rank} must be at least 1.")

    def split(self, params: Any, key: Array) -> tuple[Any, Any]:
        """`({"adapters": {part: ...}}, params)`."""
        added = beside(params, self.targets, has_kernel, self._fresh, key, what="kernel")
        return added, params

    def _fresh(self, module: Mapping[str, Any], key: Array) -> dict[str, Array]:
        rows, columns = module["kernel"].shape
        a = jax.random.normal(key, (rows, self.rank)) / math.sqrt(rows)
        return {"a": a, "b": jnp.zeros((self.rank, columns))}

    def join(self, moved: Any, kept: Any) -> Any:
        """The kept parameters, and the scaled additions that the layers look for."""
        scale = jnp.float32(self._scale)
        scaled = _each_pair(moved["adapters"], lambda pair: {**pair, "scale": scale})
        return with_additions(kept, scaled)

    def check(self, unread: Sequence[str]) -> None:
        """Every addition must be read by its layer: only linear maps of `jaxemb.nn.Dense` do."""
        if unread:
            raise UsageError(
                f"LoRA cannot add to {unread[0].removeprefix('adapters/').rpartition('/')[0]}: "
                "that layer does not look for additions; name other targets."
            )

    def merged(self, moved: Any, kept: Any) -> Any:
        """The kernels with their additions in them."""
        return _added(kept, moved["adapters"], self._scale)

    @property
    def _scale(self) -> float:
        return self.alpha / self.rank


def _is_pair(tree: Any) -> bool:
    return isinstance(tree, dict) and set(tree) >= {"a", "b"} and not isinstance(tree["a"], dict)


def _each_pair(tree: Any, change: Any) -> Any:
    """A tree of additions with `change` applied to each pair."""
    if _is_pair(tree):
        inner = {n: _each_pair(v, change) for n, v in tree.items() if n not in ("a", "b")}
        return change({"a": tree["a"], "b": tree["b"]}) | inner
    return {name: _each_pair(value, change) for name, value in tree.items()}


def _added(params: Any, added: Any, scale: float) -> Any:
    if _is_pair(added):
        params = {**params, "kernel": params["kernel"] + scale * (added["a"] @ added["b"])}
    names = [name for name in added if isinstance(added[name], dict)]
    return {**params, **{name: _added(params[name], added[name], scale) for name in names}}
