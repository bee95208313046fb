"""Which parameters a stage moves: all of them, some, or new ones beside what is there."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array

from jaxemb.config import Part, UsageError
from jaxemb.training.optimizers import check_pattern, matches


class Trainable(Part):
    """Slot: a network's parameters in two: what moves, and what is kept as it is.

    Gradients, the optimizer's state and checkpoints hold what moves, and nothing else.
    """

    def split(self, params: Any, key: Array) -> tuple[Any, Any]:
        """`(moved, kept)`; `key` is for parameters that start here."""
        raise TypeError(f"{type(self).__name__} must define split(params, key)")

    def join(self, moved: Any, kept: Any) -> Any:
        """The parameters that the network is applied with."""
        raise TypeError(f"{type(self).__name__} must define join(moved, kept)")

    def check(self, unread: Sequence[str]) -> None:
        """Raises UsageError where parameters that move must be read, and these paths are not."""

    def merged(self, moved: Any, kept: Any) -> Any:
        """The parameters of the model after training, in the network's own shapes."""
        return self.join(moved, kept)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Everything(Trainable):
    """All parameters move.

    Example:
        >>> Everything().split({"head": {}}, jax.random.key(0))
        ({'head': {}}, {})
    """

    def split(self, params: Any, key: Array) -> tuple[Any, Any]:
        """All of them, and nothing."""
        return params, {}

    def join(self, moved: Any, kept: Any) -> Any:
        """What moved."""
        return moved


@dataclasses.dataclass(frozen=True, kw_only=True)
class Only(Trainable):
    """The parameters whose path matches a pattern move; the others are kept.

    Args:
        patterns: shell-style, over any run of a path's segments: `"encoder/block_0"`, `"*/bias"`.

    Raises:
        UsageError: a pattern matches no parameter (found in `split`), or there is none.

    Example:
        >>> params = {"head": {"kernel": 1.0, "bias": 2.0}, "tokens": {"embedding": 3.0}}
        >>> Only(patterns=("bias",)).split(params, jax.random.key(0))[0]
        {'head': {'bias': 2.0}}

    Reference: for biases alone, Ben Zaken et al., BitFit, arXiv:2106.10199.
    """

    patterns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.patterns:
            raise UsageError("Only needs at least one pattern of parameters that move.")

    def split(self, params: Any, key: Array) -> tuple[Any, Any]:
        """The matching leaves, and the others; both keep the tree's names."""
        for pattern in self.patterns:
            check_pattern(pattern, params)
        return _parted(params, self._moves)

    def join(self, moved: Any, kept: Any) -> Any:
        """Both trees in one."""
        return overlaid(kept, moved)

    def _moves(self, path: str) -> bool:
        return any(matches(pattern, path) for pattern in self.patterns)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithParts(Trainable):
    """What `inner` moves, and all parameters of some parts of the network, whole.

    For additions to weights that are there, beside a pooling or a head that starts fresh. A part
    without parameters moves nothing.

    Args:
        inner: what of the other parts moves.
        parts: `"pooling"`, `"head"`, ...

    Raises:
        UsageError: the network has no such part.

    Example:
        >>> params = {"head": {"bias": 2.0}, "pooling": {}, "encoder": {"kernel": 3.0}}
        >>> trains = WithParts(inner=Only(patterns=("kernel",)), parts=("head", "pooling"))
        >>> trains.split(params, jax.random.key(0))
        ({'inner': {'encoder': {'kernel': 3.0}}, 'parts': {'head': {'bias': 2.0}, 'pooling': {}}}, {})
    """

    inner: Trainable
    parts: tuple[str, ...] = ("pooling", "head")

    def split(self, params: Any, key: Array) -> tuple[Any, Any]:
        """The inner split of the other parts; these parts beside what it moves."""
        absent = [name for name in self.parts if name not in params]
        if absent:
            raise UsageError(f"The network has no part {absent[0]!r}; it has {', '.join(params)}.")
        whole = {name: params[name] for name in self.parts}
        rest = {name: tree for name, tree in params.items() if name not in whole}
        moved, kept = self.inner.split(rest, key)
        return {"inner": moved, "parts": whole}, kept

    def join(self, moved: Any, kept: Any) -> Any:
        """The inner join, with these parts."""
        return {**self.inner.join(moved["inner"], kept), **moved["parts"]}

    def check(self, unread: Sequence[str]) -> None:
        """As the inner one; a part may hold what this batch does not need."""
        own = (path.partition("inner/") for path in unread)
        self.inner.check([rest for before, found, rest in own if found and not before])

    def merged(self, moved: Any, kept: Any) -> Any:
        """The inner merge, with these parts."""
        return {**self.inner.merged(moved["inner"], kept), **moved["parts"]}


def _parted(tree: dict, moves: Any, path: str = "") -> tuple[dict, dict]:
    """The leaves whose path `moves`, and the rest."""
    moved, kept = {}, {}
    for name, value in tree.items():
        here = f"{path}/{name}" if path else name
        if isinstance(value, dict):
            inside, outside = _parted(value, moves, here)
            moved |= {name: inside} if inside else {}
            kept |= {name: outside} if outside or not value else {}
        else:
            (moved if moves(here) else kept)[name] = value
    return moved, kept


def overlaid(below: Any, above: Any) -> Any:
    """A nested dict with the leaves of another put in.

    Example:
        >>> overlaid({"a": {"b": 1}}, {"a": {"c": 2}})
        {'a': {'b': 1, 'c': 2}}
    """
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    inner = {name: overlaid(below[name], above[name]) for name in above if name in below}
    return {**below, **above, **inner}


def count(tree: Any) -> int:
    """How many numbers a tree of arrays holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
