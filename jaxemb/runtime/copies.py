"""A model's parameters on several devices of this process, placed once."""

import threading
from typing import Any

import jax

from jaxemb.runtime.meshes import local_mesh, place_copies


class Copies:
    """A model's parameters on every device: placed by the first call that shares its work, then kept.

    They take the parameters' size on each further device for as long as the model lives. Other
    parameters, such as a model's whose tree was changed in place, are placed anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: list[Any] = []
        self._placed: Any = None

    def on(self, devices: int, tree: Any) -> Any:
        """A tree of arrays, whole on each of so many of this process's devices."""
        with self._lock:
            leaves = jax.tree.leaves(tree)
            if self._placed is not None and _same(leaves, self._of):
                return self._placed
            self._placed = None  # what is kept already makes room first
            placed = place_copies(tree, local_mesh(devices))
            # Arrays of other kinds may be written to: their copies serve this call alone.
            if all(isinstance(leaf, jax.Array) for leaf in leaves):
                self._placed, self._of = placed, leaves
            return placed

    def __reduce__(self) -> tuple:
        return Copies, ()  # a model that is pickled or copied deeply leaves them behind


def _same(leaves: list[Any], others: list[Any]) -> bool:
    """Whether these are the very same arrays."""
    pairs = zip(leaves, others, strict=False)
    return len(leaves) == len(others) and all(one is other for one, other in pairs)
