"""InfoNCE of large batches, whose scores are never all in memory."""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxemb.config import AtLeast, check_ranges
from jaxemb.losses.batch import Batch
from jaxemb.losses.info_nce import InfoNCE


@dataclasses.dataclass(frozen=True, kw_only=True)
class TiledInfoNCE(InfoNCE):
    r"""`InfoNCE`, computed for `tile` rows at a time against all candidates.

    Values and gradients are those of `InfoNCE`. A batch of $B$ rows with $N$ candidates never has more
    than $\mathrm{tile} \times N$ scores in memory, forward or backward, instead of $B \times N$: the
    backward pass computes the scores of a tile again. Beside `GradCache`, whose chunks bound what the
    network takes, it makes the memory of a step grow with $B$ and not with $B^2$.

    Args:
        tile: rows of a device whose scores are in memory at a time. Any number of rows will do; the
            last tile is filled up.

    Raises:
        UsageError: as `InfoNCE`, or `tile` is below 1.

    Example:
        >>> vectors = {"query": jnp.eye(3), "positive": jnp.eye(3)}
        >>> total, _ = reduce(TiledInfoNCE(temperature=1.0, tile=2)(vectors, key=jax.random.key(0)))
        >>> round(float(total), 4)
        0.5514

    Reference: Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup,
    arXiv:2101.06983; Cheng et al., Breaking the Memory Barrier of Contrastive Loss via Tile-Based
    Strategy, arXiv:2410.17243.
    """

    tile: Annotated[int, AtLeast(1)] = 1024

    def __post_init__(self) -> None:
        check_ranges(self)
        super().__post_init__()

    def _values(
        self, batch: Batch, temperature: Any, key: Key[Array, ""]
    ) -> dict[str, Float[Array, " rows"]]:
        rows = len(batch.rows["query"].pair)
        if rows <= self.tile:
            return super()._values(batch, temperature, key)
        tiles = -(-rows // self.tile)

        @jax.checkpoint
        def of_tile(own: tuple) -> dict[str, Array]:
            tile = batch._replace(rows=own[0], own=own[1])
            return super(TiledInfoNCE, self)._values(tile, temperature, key)

        found = jax.lax.map(of_tile, _tiled((batch.rows, batch.own), tiles))
        return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(-1)[:rows], found)


def _tiled(tree: Any, tiles: int) -> Any:
    """`[rows, ...]` to `[tiles, rows / tiles, ...]`, the last rows again where some are missing.

    Tile `m` holds rows `m, m + tiles, ...`: a tile of neighbours would be on one device of a sharded
    batch, and the others would wait.
    """

    def cut(x: Array) -> Array:
        missing = -len(x) % tiles
        x = jnp.pad(x, ((0, missing), *((0, 0),) * (x.ndim - 1)), mode="edge")
        return jnp.moveaxis(x.reshape(-1, tiles, *x.shape[1:]), 1, 0)

    return jax.tree.map(cut, tree)
