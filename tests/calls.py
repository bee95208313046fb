"""Layers, losses and their parts, each called by itself. Not a test itself.

`contracts.py` has the parts that fill a slot of an embedder; here is every other public part of the
networks and losses. A call takes inputs whose first axis is the batch's rows.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb import fitting, heads, losses, nn
from jaxemb.config import choices, snake_case
from jaxemb.config.parts import is_part_class
from tests.exports import exports

PACKAGES = ("tokens", "fitting", "nn", "encoders", "pooling", "heads", "losses")
B, T, W = 4, 5, 8  # rows, tokens, width

Inputs = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """How parts of one kind are called. `visible` zeroes outputs that stand for padding."""

    inputs: Callable[[np.random.Generator], Inputs]
    call: Callable[[Any, Any, dict], jax.Array]
    init: Callable[[Any, jax.Array, dict], Any] = lambda part, key, inputs: {}
    visible: Callable[[np.ndarray, Inputs], np.ndarray] = lambda output, inputs: output


@dataclasses.dataclass(frozen=True)
class Row:
    part: Any
    kind: Kind
    shape: tuple[int, ...]
    configurable: bool = True  # False: only ever written inside another part, never in JSON

    def draw(self, seed: int = 0) -> Inputs:
        """Fresh random inputs; every mask has a False and a True."""
        return self.kind.inputs(np.random.default_rng(seed))

    def visible(self, output: jax.Array, inputs: Inputs) -> np.ndarray:
        return self.kind.visible(np.asarray(output), inputs)


def normal(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.normal(size=shape).astype(np.float32)


def ids(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Few enough that they collide."""
    return lambda rng: rng.integers(0, B, shape, dtype=np.int32)


def right_padded(rng: np.random.Generator) -> np.ndarray:
    lengths = rng.permutation([1, T, *rng.integers(1, T + 1, B - 2)])
    return np.arange(T) < lengths[:, None]


def one_is_filler(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(B) > 0)


def drawn(**fields: Callable[[np.random.Generator], np.ndarray]) -> Callable:
    return lambda rng: {name: field(rng) for name, field in fields.items()}


def linen(*arguments: Callable[[dict], Any]) -> dict[str, Callable]:
    """Calls of a Linen module; `arguments` are read off the inputs."""

    def init(part: Any, key: jax.Array, inputs: dict) -> Any:
        return part.init(key, *(read(inputs) for read in arguments)).get("params", {})

    def call(part: Any, params: Any, inputs: dict) -> jax.Array:
        return part.apply({"params": params}, *(read(inputs) for read in arguments))

    return {"init": init, "call": call}


def field(name: str) -> Callable[[dict], Any]:
    return lambda inputs: inputs[name]


def allowed(inputs: dict) -> jax.Array:
    return nn.Bidirectional()(inputs["mask"])


def example_keys(inputs: dict) -> jax.Array:
    return jax.vmap(jax.random.key)(inputs["key"])


def loss_values(loss: losses.Loss, inputs: dict) -> jax.Array:
    """A loss's values `[rows, terms]`; rows under a False of the mask are filler."""
    columns = {name: value for name, value in inputs.items() if name != "mask"}
    columns["weight"] = inputs["mask"].astype(jnp.float32)
    terms = loss(columns, key=jax.random.key(0))
    return jnp.stack([terms[name].value for name in sorted(terms)], axis=1)


def in_loss(wrapped: Callable[[Any], losses.Loss]) -> Callable:
    return lambda part, params, inputs: loss_values(wrapped(part), inputs)


def with_block(block: losses.Block) -> losses.Loss:
    """A block of candidates only stands beside the one with the pair's own score."""
    pair = losses.QueryToDocument() if block.row == "query" else losses.DocumentToQuery()
    return losses.InfoNCE(blocks=(block,) if block.holds_target else (pair, block))


def with_partition(partition: losses.Partition) -> losses.Loss:
    blocks = (losses.QueryToDocument(), losses.DocumentToQuery(), losses.QueryToQuery())
    return losses.InfoNCE(blocks=blocks, partition=partition)


def texts(*layers: int, **more: Callable) -> Callable[[np.random.Generator], Inputs]:
    """Columns of queries, positives and two negatives a row, and more columns."""
    return drawn(
        query=normal(B, *layers, W),
        positive=normal(B, *layers, W),
        negatives=normal(B, 2, *layers, W),
        query_id=ids(B),
        positive_id=ids(B),
        negatives_id=ids(B, 2),
        mask=one_is_filler,
        **more,
    )


def real_tokens(output: np.ndarray, inputs: Inputs) -> np.ndarray:
    return np.where(inputs["mask"][..., None], output, 0)


LAYER = Kind(inputs=drawn(x=normal(B, T, W)), **linen(field("x")))
DROPOUT = Kind(
    inputs=drawn(x=normal(B, T, W), key=lambda rng: rng.permutation(B).astype(np.uint32)),
    **linen(field("x"), example_keys),
)
ATTENTION = Kind(
    inputs=drawn(x=normal(B, T, W), mask=right_padded),
    **linen(field("x"), allowed),
    visible=real_tokens,
)
CROSS = Kind(
    inputs=drawn(states=normal(B, T, W + 2), mask=right_padded),
    **linen(lambda inputs: jnp.eye(3, W), field("states"), field("mask")),
)
MASKED = Kind(
    inputs=drawn(x=normal(B, T, W), mask=right_padded), **linen(field("x"), field("mask"))
)
READING = Kind(
    inputs=drawn(x=normal(B, 3, W), states=normal(B, T, W + 2), mask=right_padded),
    **linen(field("x"), field("states"), field("mask")),
)
DECODER_BLOCK = Kind(
    inputs=drawn(x=normal(B, T, W), mask=right_padded),
    **linen(field("x"), field("x"), allowed, field("mask")),
    visible=real_tokens,
)
DECODER = Kind(
    inputs=drawn(x=normal(B, T, W), mask=right_padded),
    **linen(field("x"), field("x"), field("mask"), field("mask")),
    visible=lambda output, inputs: np.where(inputs["mask"][..., None], output[0], 0),
)
STATES = dataclasses.replace(
    MASKED, call=lambda part, params, inputs: MASKED.call(part, params, inputs)[0]
)
PAIR = Kind(inputs=drawn(u=normal(B, W), v=normal(B, W)), **linen(field("u"), field("v")))
DECODED = Kind(
    inputs=drawn(vectors=normal(B, 4 * W), mask=right_padded),
    **linen(field("vectors"), field("mask")),
)
SIMILARITY = Kind(
    inputs=drawn(x=normal(B, W)),
    call=lambda part, params, inputs: part(inputs["x"], jnp.eye(3, W) + 0.5),
)
LOSS = Kind(
    inputs=texts(),
    call=in_loss(lambda loss: loss),
    visible=lambda output, inputs: output * inputs["mask"][:, None],
)
LAYERED_LOSS = dataclasses.replace(LOSS, inputs=texts(3))
BLOCK = dataclasses.replace(LOSS, call=in_loss(with_block))
CANDIDATES = dataclasses.replace(LOSS, call=in_loss(lambda part: losses.InfoNCE(candidates=part)))
FAMILIES = dataclasses.replace(CANDIDATES, inputs=texts(family=ids(B)))
PARTITION = dataclasses.replace(LOSS, call=in_loss(with_partition))

PREFIXES = losses.SampledDimension(inner=losses.InfoNCE(), dims=(2, 4))

BLOCKS = (nn.PreNormBlock, nn.PostNormBlock, nn.SandwichNormBlock, nn.CheckpointedBlock)
ROWS = (
    Row(nn.Dense(features=3), LAYER, (B, T, 3), configurable=False),
    Row(nn.FeedForward(hidden=6), LAYER, (B, T, W)),
    Row(nn.GatedFeedForward(hidden=6), LAYER, (B, T, W)),
    Row(nn.Dropout(rate=0.3), DROPOUT, (B, T, W)),
    Row(nn.SelfAttention(heads=2), ATTENTION, (B, T, W)),
    *(
        Row(block(sizes=nn.Sizes(heads=2, hidden=6)), ATTENTION, (B, T, W), configurable=False)
        for block in BLOCKS
    ),
    Row(nn.CrossAttention(heads=2), CROSS, (B, 3, W)),
    Row(nn.Convolution(features=3), MASKED, (B, T, 3), configurable=False),
    Row(nn.ConvolutionBlock(), MASKED, (B, T, W)),
    Row(nn.ExpandingBlock(), MASKED, (B, 2 * T, W)),
    Row(nn.Recurrence(features=3), STATES, (B, T, 3)),
    Row(nn.EncoderDecoderAttention(heads=2), READING, (B, 3, W)),
    Row(nn.DecoderBlock(heads=2, hidden=6), DECODER_BLOCK, (B, T, W)),
    Row(nn.Decoder(heads=2, hidden=6), DECODER, (1, B, T, W)),
    Row(nn.ExpertFeedForward(hidden=6, experts=3), LAYER, (B, T, W)),
    Row(nn.SharedBiasExpertFeedForward(hidden=6, experts=3), LAYER, (B, T, W)),
    Row(nn.MatrixExpertFeedForward(hidden=6, experts=3), LAYER, (B, T, W)),
    *(
        Row(nn.ExpertFeedForward(hidden=6, experts=4, routing=routing), LAYER, (B, T, W))
        for routing in (nn.TopExperts(active=1), nn.RenormalizedTopExperts())
    ),
    Row(heads.PairHead(), PAIR, (B, 3)),
    *(
        Row(heads.PairHead(features=(feature,)), PAIR, (B, 3))
        for feature in (
            heads.First(),
            heads.Second(),
            heads.Difference(),
            heads.AbsoluteDifference(),
            heads.Product(),
        )
    ),
    Row(heads.RecursiveDecoder(blocks=1, vocabulary=7), DECODED, (B, T, 7)),
    Row(losses.Dot(), SIMILARITY, (B, 3)),
    Row(losses.Cosine(), SIMILARITY, (B, 3)),
    Row(losses.QueryToDocument(), BLOCK, (B, 1)),
    Row(losses.DocumentToQuery(), BLOCK, (B, 1)),
    Row(losses.QueryToQuery(), BLOCK, (B, 1)),
    Row(losses.DocumentToDocument(), BLOCK, (B, 1)),
    Row(losses.KeepAll(), CANDIDATES, (B, 1)),
    Row(losses.MaskDuplicates(), CANDIDATES, (B, 1)),
    Row(losses.SameFamily(), FAMILIES, (B, 1)),
    Row(losses.ByRow(), PARTITION, (B, 2)),
    Row(losses.Joint(), PARTITION, (B, 1)),
    Row(losses.InfoNCE(), LOSS, (B, 1)),
    Row(losses.Matryoshka(inner=losses.InfoNCE(), dims=(2, 4, W)), LOSS, (B, 3)),
    Row(PREFIXES, LOSS, (B, 2)),
    Row(losses.LayerWise(inner=PREFIXES), LAYERED_LOSS, (B, 5)),
)

# Slots whose parts are called inside another row's part.
INSIDE_ROWS = (heads.PairFeature, nn.Routing, fitting.TokenRows, fitting.InTower, losses.Composer)

# Fitted to texts without gradients; nothing of them is compiled.
ESTIMATORS = (
    fitting.Vocabulary(),
    fitting.PPMISVD(window=2),
    fitting.TFIDF(),
    fitting.MoreWords(words=2),
    fitting.SimilarIds(rows=fitting.FittedRows(estimator=fitting.PPMISVD(window=2)), group=8),
)


def public_parts() -> dict[str, type]:
    """Every concrete part that the packages export, by its public path."""
    found = {}
    for package in PACKAGES:
        for name, cls in exports(package).items():
            # A slot's base is not among its own choices.
            if is_part_class(cls) and choices(cls).get(snake_case(cls)) is cls:
                found[f"{package}.{name}"] = cls
    return found
