"""Where new parameters are put beside those of a network: modules by the pattern of their path."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jaxtyping import Array, Key

from jaxemb.config import UsageError
from jaxemb.training.optimizers import check_pattern, matches
from jaxemb.training.trainable import overlaid

Tree = Mapping[str, Any]


def modules(params: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """Every module's parameters by its path; additions that are there already are none."""
    yield path, params
    for name, value in params.items():
        if isinstance(value, Mapping) and (path or name != "adapters"):
            yield from modules(value, f"{path}/{name}" if path else name)


def beside(
    params: Tree,
    targets: tuple[str, ...],
    fits: Callable[[Tree], bool],
    fresh: Callable[[Tree, Key[Array, ""]], dict[str, Array]],
    key: Key[Array, ""],
    *,
    what: str,
) -> dict[str, Any]:
    """`{"adapters": ...}`: new parameters for each module that a pattern names and that fits.

    Args:
        params: the network's.
        targets: patterns of paths, shell style, over any run of a path's segments.
        fits: whether a module, by its parameters, can have such additions.
        fresh: a module's additions; each has a key of its own.
        what: the kind of module, for the message.

    Raises:
        UsageError: a pattern matches nothing, or no module that fits.
    """
    for pattern in targets:
        check_pattern(pattern, params)
    fitting = {path: own for path, own in modules(params) if fits(own)}
    chosen = [path for path in fitting if any(matches(t, path) for t in targets)]
    if not chosen:
        raise UsageError(f"No {what} stands under {', '.join(targets)}.")
    added: dict = {}
    for path, own in zip(chosen, jax.random.split(key, len(chosen)), strict=True):
        put(added, path.split("/"), fresh(fitting[path], own))
    return {"adapters": added}


def put(tree: dict, path: list[str], value: Any) -> None:
    """Puts a value under a path of names, beside what is there."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = overlaid(tree.get(path[-1], {}), value)


def with_additions(params: Tree, added: Tree) -> dict[str, Any]:
    """The parameters with additions, beside those that they have already."""
    return {**params, "adapters": overlaid(params.get("adapters", {}), added)}


def continued(fresh: Tree, params: Tree) -> Any:
    """Fresh additions, in whose place stand those that the parameters have of the same shape."""
    there = params.get("adapters", {})

    def chosen(path: Any, own: Array) -> Array:
        found = there
        for step in path[1:]:
            found = found.get(step.key, {}) if isinstance(found, Mapping) else {}
        return found if getattr(found, "shape", None) == own.shape else own

    return jax.tree_util.tree_map_with_path(chosen, fresh)
