"""The table of parts: one small embedder a part, with the part in its slot. Not a test itself."""

from jaxemb.config import Part, choices, override
from jaxemb.encoders import Encoder, PostNormTransformer, SharedTransformer, Transformer
from jaxemb.heads import Chain, Head, Linear, Normalize
from jaxemb.model import Embedder
from jaxemb.nn import (
    Activation,
    AttentionMask,
    Block,
    FeedForwardForm,
    Norm,
    PositionEncoding,
    Prefix,
    Window,
)
from jaxemb.pooling import (
    Concatenation,
    FirstToken,
    LatentOverLayers,
    LatentOverTokens,
    Mean,
    Pooling,
)
from jaxemb.text import WordPiece
from jaxemb.tokens import TokenEmbedding, TokenTable

VOCABULARY, TOKENS, WIDTH, LAYERS = 40, 8, 16, 2

# Where a part goes. Every concrete part of these slots is a row, found by itself.
SLOTS: dict[str, type] = {
    "tokens": TokenEmbedding,
    "encoder": Encoder,
    "encoder.mask": AttentionMask,
    "encoder.position": PositionEncoding,
    "encoder.activation": Activation,
    "encoder.norm": Norm,
    "encoder.block": Block,
    "encoder.block.feed_forward": FeedForwardForm,
    "pooling": Pooling,
    "head": Head,
}

# Parts that are tested with other fields than their defaults.
SETTINGS: dict[str, Part] = {
    "bag": choices(Encoder)["bag"](width=WIDTH),
    "transformer": Transformer(layers=LAYERS, width=WIDTH, heads=2, dropout=0.2),
    "post_norm_transformer": PostNormTransformer(layers=LAYERS, width=WIDTH, heads=2, dropout=0.2),
    "shared_transformer": SharedTransformer(layers=LAYERS, width=WIDTH, heads=2, dropout=0.2),
    "window": Window(reach=2),
    "prefix": Prefix(tokens=2),
    "linear": Linear(dim=12),
    "chain": Chain(heads=(Linear(dim=12), Normalize())),
    "concatenation": Concatenation(poolings=(FirstToken(), Mean())),
    "latent_over_tokens": LatentOverTokens(latents=3, heads=2),
    "latent_over_layers": LatentOverLayers(latents=3, heads=2),
}


def base() -> Embedder:
    return Embedder(
        text=WordPiece(vocabulary=VOCABULARY, max_tokens=TOKENS),
        tokens=TokenTable(),
        encoder=Transformer(layers=LAYERS, width=WIDTH, heads=2, dropout=0.2),
        pooling=Mean(),
    )


def with_part(slot: str, part: Part) -> Embedder:
    """The base embedder with `part` in `slot`."""
    return override(base(), slot, part)


def rows() -> dict[str, Embedder]:
    """`{"pooling=mean": embedder, ...}`, a row for every concrete part of every slot."""
    return {
        f"{slot}={name}": with_part(slot, SETTINGS.get(name) or cls())
        for slot, family in SLOTS.items()
        for name, cls in choices(family).items()
        if cls.__module__.startswith("jaxemb.")
    }
