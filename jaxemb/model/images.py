"""Images to vectors: one tower over patches."""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.encoders import Encoder
from jaxemb.heads import Head, Normalize
from jaxemb.losses import Cosine, Similarity
from jaxemb.model.network import Params
from jaxemb.model.tower import OneTower
from jaxemb.nn import Dense
from jaxemb.pooling import Pooling
from jaxemb.runtime.shapes import TokenMask


class ImageBatch(NamedTuple):
    """Pixels `[batch, height, width, channels]` in float. A JAX pytree."""

    pixels: Float[Array, "*batch height width channels"] | Float[np.ndarray, "..."]

    @property
    def lead(self) -> tuple[int, ...]:
        """The axes before those of one image."""
        return self.pixels.shape[:-3]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image(Part):
    """The shape of an image, and of the squares that it is cut into.

    Raises:
        UsageError: the squares do not fill the image.
    """

    height: Annotated[int, AtLeast(1)] = 32
    width: Annotated[int, AtLeast(1)] = 32
    channels: Annotated[int, AtLeast(1)] = 3
    patch: Annotated[int, AtLeast(1)] = 8

    def __post_init__(self) -> None:
        if self.height % self.patch or self.width % self.patch:
            raise UsageError(
                f"patch={self.patch} does not divide the image of {self.height} by {self.width}."
            )

    @property
    def patches(self) -> int:
        """How many squares an image has."""
        return (self.height // self.patch) * (self.width // self.patch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageEmbedder(OneTower):
    """Image to one vector: `head(pooling(encoder(W patches)))`, the patches in reading order.

    Example:
        >>> params = tower.init(jax.random.key(0))
        >>> vectors = tower.apply(params, ImageBatch(pixels))        # [batch, dim]

    Reference: Dosovitskiy et al., An Image is Worth 16x16 Words, arXiv:2010.11929.
    """

    image: Image
    encoder: Encoder
    pooling: Pooling
    head: Head = dataclasses.field(default_factory=Normalize)
    similarity: Similarity = Cosine()

    def place(self, tokens: Params, batch: ImageBatch) -> tuple[Array, TokenMask]:
        """Each patch through one linear map; all are real."""
        patches = self._patches(jnp.asarray(batch.pixels))
        x = self._map().apply({"params": tokens}, patches)
        return x, jnp.ones(x.shape[:2], bool)

    def init_tokens(self, key: Array) -> tuple[Array, Params]:
        """The patches of one blank image, and a fresh linear map."""
        shape = (1, self.image.height, self.image.width, self.image.channels)
        x, made = self._map().init_with_output(key, self._patches(jnp.zeros(shape)))
        return x, made["params"]

    def example(self, rows: int = 1) -> ImageBatch:
        """The shapes of a batch of images."""
        shape = (rows, self.image.height, self.image.width, self.image.channels)
        return ImageBatch(jax.ShapeDtypeStruct(shape, jnp.float32))

    def largest(self, column: str, rows: int = 1) -> ImageBatch:
        """The shapes of a batch of images: all are of one size."""
        return self.example(rows)

    def _map(self) -> Dense:
        return Dense(features=self.encoder.width)

    def _patches(self, pixels: Array) -> Float[Array, "batch patches numbers"]:
        size = self.image.patch
        b, h, w, c = pixels.shape
        cut = pixels.reshape(b, h // size, size, w // size, size, c)
        return cut.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, size * size * c)
