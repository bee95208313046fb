"""The table of parts: one small embedder a part, with the part in its slot. Not a test itself."""

from jaxemb.config import Part, choices, override
from jaxemb.encoders import (
    Convolutional,
    ConvolutionWindows,
    Encoder,
    EncoderDecoder,
    IterativeRefinement,
    PostNormTransformer,
    Recurrent,
    RecurrentConvolutional,
    RecursiveConvolutional,
    SharedTransformer,
    Transformer,
    WordDropout,
)
from jaxemb.heads import Chain, FeedForwardHead, Head, Linear, Normalize
from jaxemb.model import Embedder
from jaxemb.nn import (
    Activation,
    AttentionMask,
    Block,
    Cell,
    Direction,
    Experts,
    FeedForwardForm,
    Norm,
    PositionEncoding,
    Prefix,
    SharedBiasExperts,
    Window,
)
from jaxemb.pooling import (
    AtMarkers,
    Concatenation,
    EachToken,
    FirstToken,
    LatentOverLayers,
    LatentOverTokens,
    Mean,
    ParagraphBag,
    ParagraphMemory,
    Pooling,
    SelectedTokens,
)
from jaxemb.text import WordPiece
from jaxemb.tokens import (
    Basis,
    BasisEmbedding,
    BasisFeatures,
    HashedNgrams,
    TokenEmbedding,
    TokenTable,
)

VOCABULARY, TOKENS, WIDTH, LAYERS = 40, 8, 16, 2

# Where a part goes. Every concrete part of these slots is a row, found by itself.
SLOTS: dict[str, type] = {
    "tokens": TokenEmbedding,
    "tokens.basis": Basis,
    "encoder": Encoder,
    "encoder.cell": Cell,
    "encoder.direction": Direction,
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
    "recurrent": Recurrent(layers=LAYERS, width=WIDTH, hidden=6, dropout=0.2),
    "iterative_refinement": IterativeRefinement(layers=LAYERS, width=WIDTH, dropout=0.2),
    "recurrent_convolutional": RecurrentConvolutional(width=WIDTH, context=5, dropout=0.2),
    "convolutional": Convolutional(layers=LAYERS, width=WIDTH, dropout=0.2),
    "convolution_windows": ConvolutionWindows(width=WIDTH, features=5, dropout=0.2),
    "recursive_convolutional": RecursiveConvolutional(width=WIDTH, blocks=1, dropout=0.2),
    "encoder_decoder": EncoderDecoder(
        inner=Transformer(layers=1, width=WIDTH, heads=2), layers=LAYERS, heads=2, dropout=0.2
    ),
    "word_dropout": WordDropout(inner=Transformer(layers=LAYERS, width=WIDTH, heads=2)),
    "basis_features": BasisFeatures(),
    "hashed_ngrams": HashedNgrams(sizes=(2, 3), buckets=50),
    "experts": Experts(experts=3),
    "shared_bias_experts": SharedBiasExperts(experts=3),
    "linear": Linear(dim=12),
    "feed_forward_head": FeedForwardHead(dims=(12, 6), activation=choices(Activation)["tanh"]()),
    "chain": Chain(heads=(Linear(dim=12), Normalize())),
    "paragraph_bag": ParagraphBag(alpha=1.0),
    "paragraph_memory": ParagraphMemory(alpha=1.0, window=2),
    "concatenation": Concatenation(poolings=(FirstToken(), Mean())),
    "at_markers": AtMarkers(ids=tuple(range(5, 30))),
    "latent_over_tokens": LatentOverTokens(latents=3, heads=2),
    "latent_over_layers": LatentOverLayers(latents=3, heads=2),
}

# What stands around a slot that the base embedder does not have.
AROUND: dict[str, tuple[str, Part]] = {
    "tokens.basis": ("tokens", BasisEmbedding()),
    "encoder.cell": ("encoder", Recurrent(layers=LAYERS, width=WIDTH)),
    "encoder.direction": ("encoder", Recurrent(layers=LAYERS, width=WIDTH)),
}

# Poolings that give several vectors for a text; their table is in pooling/test_several.py.
SEVERAL = (EachToken, SelectedTokens)


def base() -> Embedder:
    return Embedder(
        text=WordPiece(vocabulary=VOCABULARY, max_tokens=TOKENS),
        tokens=TokenTable(),
        encoder=Transformer(layers=LAYERS, width=WIDTH, heads=2, dropout=0.2),
        pooling=Mean(),
    )


def with_part(slot: str, part: Part) -> Embedder:
    """The base embedder with `part` in `slot`."""
    embedder = base()
    if slot in AROUND:
        embedder = override(embedder, *AROUND[slot])
    return override(embedder, slot, part)


def rows() -> dict[str, Embedder]:
    """`{"pooling=mean": embedder, ...}`, a row for every concrete part of every slot."""
    return {
        f"{slot}={name}": with_part(slot, SETTINGS.get(name) or cls())
        for slot, family in SLOTS.items()
        for name, cls in choices(family).items()
        if cls.__module__.startswith("jaxemb.") and cls not in SEVERAL
    }
