"""Parameters of one network put into another that shares some of its parts."""

from typing import Any

import numpy as np

from jaxemb.model.network import Params


def transplanted(params: Params, fresh: Params) -> tuple[Params, tuple[str, ...]]:
    """`fresh` with every array of `params` of the same path and shape; and what stayed fresh.

    What stayed fresh is named by the highest path below which nothing was put in.

    Example:
        >>> old = {"head": {"kernel": np.ones((2, 2))}}
        >>> new = {"head": {"kernel": np.zeros((2, 2))}, "pooling": {"query": np.zeros(3)}}
        >>> transplanted(old, new)[1]
        ('pooling',)
    """
    joined, names, _ = _joined(params, fresh, "")
    return joined, tuple(names)


def _joined(old: Any, new: Any, path: str) -> tuple[Any, list[str], bool]:
    """The tree, the paths that stayed fresh, and whether anything was put in."""
    if not isinstance(new, dict):
        fits = old is not None and not isinstance(old, dict) and np.shape(old) == np.shape(new)
        return (old, [], True) if fits else (new, [path], False)
    joined, names, any_put = {}, [], not new
    for name, value in new.items():
        below = old.get(name) if isinstance(old, dict) else None
        here = f"{path}/{name}" if path else name
        joined[name], inner, put = _joined(below, value, here)
        names += inner
        any_put |= put
    if path and new and not any_put:
        return joined, [path], False
    return joined, names, any_put
