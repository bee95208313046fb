"""Several towers, such as one for queries and one for documents, with declared sharing."""

import dataclasses
from collections.abc import Mapping

import jax
from jaxtyping import Array

from jaxemb.config import Part, UsageError
from jaxemb.losses import Similarity
from jaxemb.model.model import Model
from jaxemb.model.network import Network, Params
from jaxemb.model.tower import initialised
from jaxemb.text import Text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tower(Part):
    """One of several towers.

    Args:
        name: how parameters and folders speak of it.
        columns: which columns of a batch it reads; a role such as `"query"` counts as a column.
        network: an `Embedder`, an `ImageEmbedder`.
        shares: parts whose parameters are those of the first tower, such as `("tokens", "encoder")`.
    """

    name: str
    columns: tuple[str, ...]
    network: Network
    shares: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Towers(Network):
    """Towers by column. A column that no tower names is read by the last one.

    Parameters are `{tower: {part: ...}}`; what a tower shares stands with the first tower alone.

    Raises:
        UsageError: fewer than two towers, two of one name, or sharing of a part that is not there.

    Example:
        >>> embedder = recipes.static_bag().embedder
        >>> query = Tower(name="query", columns=("query",), network=embedder)
        >>> document = Tower(name="document", columns=(), network=embedder, shares=("tokens",))
        >>> Towers(towers=(query, document)).name_of("positive")
        'document'
    """

    towers: tuple[Tower, ...]

    def __post_init__(self) -> None:
        names = [tower.name for tower in self.towers]
        if len(names) < 2 or len(set(names)) < len(names) or "" in names:
            raise UsageError(f"Towers takes two or more towers of different names, not {names}.")
        for tower in self.towers[1:]:
            known = tower.network.shapes()
            for part in tower.shares:
                if part not in known:
                    raise UsageError(
                        f"The tower {tower.name!r} shares {part!r}; its parts: {', '.join(known)}."
                    )
        if self.towers[0].shares:
            raise UsageError("The first tower shares nothing: the others share its parts.")

    @property
    def by_name(self) -> Mapping[str, Network]:
        """The networks of the towers, by name."""
        return {tower.name: tower.network for tower in self.towers}

    def name_of(self, column: str) -> str:
        """The first tower that names the column; the last one otherwise."""
        found = (tower.name for tower in self.towers if column in tower.columns)
        return next(found, self.towers[-1].name)

    def params_of(self, params: Params, name: str) -> Params:
        """The tower's own parameters, and those that it shares with the first."""
        shares = next(tower.shares for tower in self.towers if tower.name == name)
        lender = self.towers[0].name
        own = params[name] | {part: params[lender][part] for part in shares}
        beside = params.get("adapters", {})
        lent = {part: x for part, x in beside.get(lender, {}).items() if part in shares}
        added = beside.get(name, {}) | lent
        return own | {"adapters": added} if added else own

    def start(self, key: Array) -> Model:
        """Random parameters, and no tokenizer yet."""
        return Model(embedder=self, params=initialised(self, key))

    def init(self, key: Array) -> Params:
        """Random parameters by tower; the parts that are shared are left out."""
        keys = jax.random.split(key, len(self.towers))
        return {
            tower.name: {
                part: params
                for part, params in tower.network.init(own).items()
                if part not in tower.shares
            }
            for tower, own in zip(self.towers, keys, strict=True)
        }

    def truncated(self, layers: int) -> "Towers":
        """Every tower with its first layers."""
        cut = (dataclasses.replace(t, network=t.network.truncated(layers)) for t in self.towers)
        return dataclasses.replace(self, towers=tuple(cut))

    def checkpointed(self) -> "Towers":
        """Every tower so."""
        less = (dataclasses.replace(t, network=t.network.checkpointed()) for t in self.towers)
        return dataclasses.replace(self, towers=tuple(less))

    @property
    def text(self) -> Text:
        """How the first tower that reads text reads it: what a vocabulary is fitted for."""
        return next(n.text for n in self.by_name.values() if hasattr(n, "text"))

    @property
    def layers(self) -> int:
        """Of the tower that reads documents."""
        return self.tower_of("document").layers

    @property
    def dim(self) -> int:
        """Of the tower that reads documents."""
        return self.tower_of("document").dim

    @property
    def similarity(self) -> Similarity:
        """Of the tower that reads documents."""
        return self.tower_of("document").similarity
