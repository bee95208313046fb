"""How the layers of a transformer are run: written out, or as a loop of one compiled body."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import Part
from jaxemb.runtime.shapes import States


@dataclasses.dataclass(frozen=True)
class Run:
    """One layer's turn: its block, how its tokens read each other, and its keys of dropout."""

    block: nn.Module
    reading: Mapping[str, Any]
    keys: Key[Array, " batch"] | None

    def __call__(self, x: States) -> States:
        return self.block(x, **self.reading, keys=self.keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerLoop(Part, abc.ABC):
    """Slot: how the layers of a transformer are run; parameters are the same whichever it is."""

    @abc.abstractmethod
    def states(self, x: States, runs: Sequence[Run], period: int) -> list[States]:
        """What each layer makes, before the norm of the states that are read.

        Args:
            period: layers `n` and `n + period` have the same form.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unrolled(LayerLoop):
    """Every layer is compiled by itself."""

    def states(self, x: States, runs: Sequence[Run], period: int) -> list[States]:
        made = []
        for run in runs:
            x = run(x)
            made.append(x)
        return made


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scanned(LayerLoop):
    """One layer is compiled and run for all, by `jax.lax.scan`.

    The parameters keep their names and shapes, and are stacked inside the program. Where layers take
    turns (`pattern`), one turn is compiled; layers after the last whole turn are written out. Numbers
    are those of `Unrolled` but for dropout, whose draws are others. On a CPU 24 layers compile in less
    than half the time; on a GPU that was not measured.

    Example:
        >>> from jaxemb.encoders import Transformer
        >>> written, looped = (Transformer(layers=3, loop=loop) for loop in (Unrolled(), Scanned()))
        >>> x, mask = jnp.ones((2, 5, 128)), jnp.ones((2, 5), bool)
        >>> variables = written.init(jax.random.key(0), x, mask)
        >>> one, other = (encoder.apply(variables, x, mask) for encoder in (written, looped))
        >>> bool(jnp.allclose(one, other, atol=1e-5))
        True
    """

    def states(self, x: States, runs: Sequence[Run], period: int) -> list[States]:
        turns = len(runs) // period
        if turns < 2 or runs[0].block.is_initializing():
            return Unrolled().states(x, runs, period)
        whole = turns * period
        x, made, extra = _scanned(x, [runs[n:whole:period] for n in range(period)])
        for n, run in enumerate(runs[:whole]):
            for name, value in extra[n % period].items():
                leaf = jax.tree.map(lambda y, turn=n // period: y[turn], value)
                run.block.scope.put_variable("extra", name, leaf)
        # The last one is what the loop ends with: where the others are not read, none is kept.
        states = [made[n % period][n // period] for n in range(whole - 1)] + [x]
        return states + Unrolled().states(x, runs[whole:], period)


def _scanned(
    x: States, kinds: Sequence[Sequence[Run]]
) -> tuple[States, tuple[Array, ...], tuple[dict[str, Any], ...]]:
    """The last states, and per kind of layer those of every turn and what its layers said beside."""
    forms = [runs[0].block.clone(parent=None, name=None) for runs in kinds]
    said = ["extra"] if kinds[0][0].block.scope.is_mutable_collection("extra") else []
    variables = [
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(_variables(run.block) for run in runs))
        for runs in kinds
    ]

    def turn(x: States, given: tuple[Array, list[Any]]) -> tuple[States, tuple[tuple, tuple]]:
        number, own = given
        made, extra = [], []
        for n, (form, runs) in enumerate(zip(forms, kinds, strict=True)):
            keys = folded(runs[0].keys, number * len(kinds) + n)
            x, more = form.apply(own[n], x, **runs[0].reading, keys=keys, mutable=said)
            made.append(x)
            extra.append(more.get("extra", {}))
        return x, (tuple(made), tuple(extra))

    x, (made, extra) = jax.lax.scan(turn, x, (jnp.arange(len(kinds[0])), variables))
    return x, made, extra


def _variables(block: nn.Module) -> dict[str, Any]:
    return {name: held for name, held in block.variables.items() if name != "extra"}


def folded(keys: Array | None, number: int | Array) -> Array | None:
    """Keys of layer `number`: layers of one path draw alike unless their keys differ."""
    if keys is None:
        return None
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
