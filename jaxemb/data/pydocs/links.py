"""What a name in a docstring stands for, through the imports of the packages themselves."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_MOST_STEPS = 12  # of re-exports that re-export
_SHORT = {"np": "numpy", "jnp": "jax.numpy", "nn": "flax.linen", "sp": "scipy"}


class ImportTable(NamedTuple):
    """What names at a module's top level stand for, and the modules imported with `*`."""

    names: Mapping[str, str]
    stars: Iterable[str]


class Resolver:
    """From a name, as someone wrote it in a docstring, to the qualified name of a record."""

    def __init__(self, records: Iterable[str], tables: Mapping[str, ImportTable]):
        self._records = frozenset(records)
        self._tables = tables
        self._known: dict[str, str | None] = {}

    def resolve(self, name: str, parent: str) -> str | None:
        """The record meant by `name` in the docstring of an object that stands in `parent`.

        Tried as a full name first, then relative to the class, the module, and each package above.
        """
        head, _, rest = name.partition(".")
        scopes = [f"{_SHORT[head]}.{rest}"] if head in _SHORT and rest else [name]
        parts = parent.split(".")
        scopes += [".".join([*parts[:n], name]) for n in range(len(parts), 0, -1)]
        return next((found for scope in scopes if (found := self._lookup(scope))), None)

    def _lookup(self, qualified: str) -> str | None:
        if qualified not in self._known:
            self._known[qualified] = self._follow(qualified, _MOST_STEPS)
        return self._known[qualified]

    def _follow(self, qualified: str, steps: int) -> str | None:
        if qualified in self._records:
            return qualified
        parts = qualified.split(".")
        for n in range(len(parts) - 1, 0, -1) if steps else ():
            table = self._tables.get(".".join(parts[:n]))
            if table is not None:
                return self._through(table, parts[n], parts[n + 1 :], steps - 1)
        return None

    def _through(self, table: ImportTable, name: str, rest: list[str], steps: int) -> str | None:
        if name in table.names:
            target = table.names[name]
            found = self._follow(".".join([target, *rest]), steps)
            return found if found is None or not rest or found != target else None
        scopes = (".".join([module, name, *rest]) for module in table.stars)
        return next((found for s in scopes if (found := self._follow(s, steps))), None)
