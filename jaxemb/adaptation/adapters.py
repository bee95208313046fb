"""Small networks and prefixes inside a network that is kept as it is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.adaptation.places import beside, continued, with_additions
from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.training import Trainable


class Additions(Trainable):
    """Base of what adds parameters to some modules, and leaves the network's own as they are.

    The additions stay parameters of the model after training, under `adapters`; a later stage of the
    same kind goes on with them.
    """

    def split(self, params: Any, key: Key[Array, ""]) -> tuple[Any, Any]:
        """`({"adapters": {part: ...}}, params)`."""
        return continued(self.added(params, key), params), params

    def added(self, params: Any, key: Key[Array, ""]) -> Any:
        """Additions as they are before any training."""
        raise TypeError(f"{type(self).__name__} must define added(params, key)")

    def join(self, moved: Any, kept: Any) -> Any:
        """The kept parameters, and the additions that the layers look for."""
        return with_additions(kept, moved["adapters"])

    def check(self, unread: Sequence[str]) -> None:
        """Every addition must be read by its layer."""
        if unread:
            place = unread[0].removeprefix("adapters/").rpartition("/")[0]
            raise UsageError(
                f"{type(self).__name__} cannot add to {place}: that layer does not look for such "
                "additions; name other targets."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BottleneckAdapters(Additions):
    r"""Only small networks move, which read what a linear map gives and add to it.

    $$y' = y + \mathrm{gelu}(y D + d)\, U + u, \quad D \in \mathbb{R}^{n \times m},\; U \in
    \mathbb{R}^{m \times n}$$

    The default places are the ends of both branches of each block. $U$, $d$ and $u$ start at 0, so that
    training starts from the network as it is. They stay in the network: nothing can be merged.

    Args:
        width: $m$.
        targets: patterns of paths of linear maps, such as `"feed_forward/output"`; shell style, over
            any run of a path's segments.

    Raises:
        UsageError: a pattern matches no kernel, or `width` is below 1.

    Example:
        >>> kernel = {"output": {"kernel": jnp.eye(4), "bias": jnp.zeros(4)}}
        >>> adapters = BottleneckAdapters(width=2, targets=("output",))
        >>> moved, _ = adapters.split(kernel, jax.random.key(0))
        >>> {name: x.shape for name, x in moved["adapters"]["output"].items()}
        {'down': (4, 2), 'down_bias': (2,), 'up': (2, 4), 'up_bias': (4,)}

    Reference: Houlsby et al., Parameter-Efficient Transfer Learning for NLP, arXiv:1902.00751.
    """

    width: Annotated[int, AtLeast(1)] = 64
    targets: tuple[str, ...] = ("attention/output", "feed_forward/output")

    __post_init__ = check_ranges

    def added(self, params: Any, key: Key[Array, ""]) -> Any:
        """One network for each map."""
        return beside(params, self.targets, has_kernel, self._fresh, key, what="kernel")

    def _fresh(self, module: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        features = module["kernel"].shape[1]
        down = jax.nn.initializers.lecun_normal()(key, (features, self.width), jnp.float32)
        return {
            "down": down,
            "down_bias": jnp.zeros(self.width),
            "up": jnp.zeros((self.width, features)),
            "up_bias": jnp.zeros(features),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrefixAdapters(Additions):
    r"""Only keys and values before each attention's own move: $\mathrm{softmax}(Q [P_K; K]^T) [P_V; V]$.

    Every token reads the prefix, whatever the mask, and it has no position. It starts near 0: each of
    its tokens takes the share of a key that fits no query well, so the network is not quite as it was
    at first. The arrays are trained as they stand, without a network that makes them.

    Args:
        tokens: of each prefix.
        targets: patterns of paths of attention layers.
        scale: standard deviation of the first keys and values.

    Raises:
        UsageError: a pattern matches no attention layer, or `tokens` is below 1.

    Example:
        >>> maps = {name: {"kernel": jnp.ones((4, 6))} for name in ("query", "key", "value")}
        >>> prefix = PrefixAdapters(tokens=3, targets=("attention",))
        >>> moved, _ = prefix.split({"attention": maps}, jax.random.key(0))
        >>> moved["adapters"]["attention"]["prefix_key"].shape
        (3, 6)

    Reference: Li and Liang, Prefix-Tuning, arXiv:2101.00190; of every layer and without a network, Liu
    et al., P-Tuning v2, arXiv:2110.07602.
    """

    tokens: Annotated[int, AtLeast(1)] = 8
    targets: tuple[str, ...] = ("attention",)
    scale: Annotated[float, AtLeast(0)] = 0.02

    __post_init__ = check_ranges

    def added(self, params: Any, key: Key[Array, ""]) -> Any:
        """Keys and values for each attention."""
        return beside(params, self.targets, is_attention, self._fresh, key, what="attention")

    def _fresh(self, module: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        keys = zip(("key", "value"), jax.random.split(key), strict=True)
        return {
            f"prefix_{name}": self.scale
            * jax.random.normal(own, (self.tokens, module[name]["kernel"].shape[1]))
            for name, own in keys
        }


def has_kernel(module: Mapping[str, Any]) -> bool:
    """Whether a module is a linear map, by its parameters."""
    kernel = module.get("kernel")
    return kernel is not None and not isinstance(kernel, Mapping) and kernel.ndim == 2


def is_attention(module: Mapping[str, Any]) -> bool:
    """Whether a module maps to queries, keys and values."""
    names = ("query", "key", "value")
    return all(isinstance(module.get(n), Mapping) and has_kernel(module[n]) for n in names)
