"""Encoders that read both ways and have a norm after each branch: BERT and its kin."""

import dataclasses
from typing import Any

from jaxemb.config import UsageError
from jaxemb.encoders import PostNormTransformer, SharedTransformer, Transformer
from jaxemb.heads import BiasedOutput, LanguageModelHead, NormedLayer
from jaxemb.interop.architectures import (
    Config,
    Describe,
    From,
    Network,
    Places,
    activation,
)
from jaxemb.nn import (
    LayerNorm,
    Learned,
    NoNorm,
    NoPosition,
    PositionEncoding,
    PostNorm,
    RelativeBuckets,
    WithSegment,
)
from jaxemb.tokens import FactorizedTable

EMBEDDINGS = {
    "tokens": "embeddings.word_embeddings",
    "encoder/position": "embeddings.token_type_embeddings",
    "encoder/position/inner": "embeddings.position_embeddings",
    "encoder/embedding_norm": "embeddings.LayerNorm",
}
_BLOCK = {
    "encoder/block/attention/query": "encoder.layer.{n}.attention.self.query",
    "encoder/block/attention/key": "encoder.layer.{n}.attention.self.key",
    "encoder/block/attention/value": "encoder.layer.{n}.attention.self.value",
    "encoder/block/attention/output": "encoder.layer.{n}.attention.output.dense",
    "encoder/block/attention_norm": "encoder.layer.{n}.attention.output.LayerNorm",
    "encoder/block/feed_forward/expand": "encoder.layer.{n}.intermediate.dense",
    "encoder/block/feed_forward/output": "encoder.layer.{n}.output.dense",
    "encoder/block/feed_forward_norm": "encoder.layer.{n}.output.LayerNorm",
}


def predicting(dense: str, norm: str, bias: str) -> Places:
    """The places of a masked language model's output."""
    return {"output": bias, "output/transform/dense": dense, "output/transform/norm": norm}


_PREDICTIONS = predicting(
    "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions"
)
_LM_HEAD = predicting("lm_head.dense", "lm_head.layer_norm", "lm_head")


def bert(config: Config) -> Network:
    encoder = encoder_of(config)
    return Network(
        encoder=encoder,
        places=EMBEDDINGS | _BLOCK,
        prefixes=("bert.",),
        max_tokens=config["max_position_embeddings"],
        output=_output(encoder),
        output_places=_PREDICTIONS,
    )


def encoder_of(
    config: Config, kind: type[Transformer] = PostNormTransformer, **changes: Any
) -> Transformer:
    """The layers that a config of BERT's names describes."""
    _check_positions(config)
    norm = LayerNorm(epsilon=float(config.get("layer_norm_eps", 1e-12)))
    given = dict(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        activation=activation(config.get("hidden_act", "gelu")),
        dropout=float(config.get("hidden_dropout_prob", 0.1)),
        attention_dropout=float(config.get("attention_probs_dropout_prob", 0.1)),
        embedding_norm=norm,
        block=PostNorm(branch_norm=norm),
    )
    if "position" not in changes:
        given["position"] = _positions(config, config["max_position_embeddings"])
    return kind(**given | changes)


def _check_positions(config: Config) -> None:
    kind = config.get("position_embedding_type", "absolute")
    if kind != "absolute":
        raise UsageError(f"it has {kind!r} positions, and jaxemb reads absolute ones")


def _positions(config: Config, rows: int) -> WithSegment:
    segments = config.get("type_vocab_size", 2)
    return WithSegment(inner=Learned(max_tokens=rows), segments=segments)


def _output(encoder: Transformer, **changes: Any) -> BiasedOutput:
    given = {"activation": encoder.activation, "norm": encoder.block.branch_norm}
    return BiasedOutput(inner=LanguageModelHead(transform=NormedLayer(**given | changes)))


def roberta(config: Config) -> Network:
    """A BERT whose positions begin after the padding's id.

    There they count the ids that are not the padding's, and here the real tokens by the mask: the same,
    on whatever side padding stands, unless a text holds the padding's piece itself.
    """
    # Positions are counted from after the padding's id; the rows before are never read.
    first = config.get("pad_token_id", 1) + 1
    rows = config["max_position_embeddings"] - first
    encoder = encoder_of(config, position=_positions(config, rows))
    table = From((EMBEDDINGS["encoder/position/inner"],), first)
    return Network(
        encoder=encoder,
        places=EMBEDDINGS | _BLOCK | {"encoder/position/inner": table},
        prefixes=("roberta.", "model."),
        max_tokens=rows,
        output=_output(encoder),
        output_places=_LM_HEAD,
    )


def mpnet(config: Config) -> Network:
    rows = config["max_position_embeddings"] - 2  # padding has the id 1, and positions follow it
    buckets = config.get("relative_attention_num_buckets", 32)
    position = RelativeBuckets(inner=Learned(max_tokens=rows), buckets=buckets)
    encoder = encoder_of(config, position=position)
    at = "encoder.layer.{n}.attention"
    attention = {
        f"encoder/block/attention/{ours}": f"{at}.attn.{theirs}"
        for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o"))
    }
    own = {
        "encoder/position": "encoder.relative_attention_bias",
        "encoder/position/inner": From((EMBEDDINGS["encoder/position/inner"],), 2),
        "encoder/block/attention_norm": f"{at}.LayerNorm",
    }
    return Network(
        encoder=encoder,
        places=EMBEDDINGS | _BLOCK | attention | own,
        prefixes=("mpnet.",),
        max_tokens=rows,
        output=_output(encoder),
        output_places=_LM_HEAD,
    )


def distilbert(config: Config) -> Network:
    norm = LayerNorm(epsilon=1e-12)
    position: PositionEncoding = Learned(max_tokens=config["max_position_embeddings"])
    encoder = PostNormTransformer(
        layers=config["n_layers"],
        width=config["dim"],
        heads=config["n_heads"],
        hidden=config["hidden_dim"],
        position=position,
        activation=activation(config.get("activation", "gelu")),
        dropout=float(config.get("dropout", 0.1)),
        attention_dropout=float(config.get("attention_dropout", 0.1)),
        embedding_norm=norm,
        block=PostNorm(branch_norm=norm),
    )
    at = "transformer.layer.{n}"
    places = {
        "tokens": "embeddings.word_embeddings",
        "encoder/position": "embeddings.position_embeddings",
        "encoder/embedding_norm": "embeddings.LayerNorm",
        "encoder/block/attention/query": f"{at}.attention.q_lin",
        "encoder/block/attention/key": f"{at}.attention.k_lin",
        "encoder/block/attention/value": f"{at}.attention.v_lin",
        "encoder/block/attention/output": f"{at}.attention.out_lin",
        "encoder/block/attention_norm": f"{at}.sa_layer_norm",
        "encoder/block/feed_forward/expand": f"{at}.ffn.lin1",
        "encoder/block/feed_forward/output": f"{at}.ffn.lin2",
        "encoder/block/feed_forward_norm": f"{at}.output_layer_norm",
    }
    return Network(
        encoder=encoder,
        places=places,
        prefixes=("distilbert.",),
        max_tokens=position.max_tokens,
        output=_output(encoder),
        output_places=predicting("vocab_transform", "vocab_layer_norm", "vocab_projector"),
    )


def electra(config: Config) -> Network:
    width, dim = config["hidden_size"], config.get("embedding_size", config["hidden_size"])
    base = dataclasses.replace(bert(config), prefixes=("electra.",), output=None, output_places={})
    unused = (*base.unused, "discriminator_predictions.", "generator_predictions.", "generator_lm_")
    base = dataclasses.replace(base, unused=unused)
    return base if dim == width else _factorized(base, dim, "embeddings_project")


def _factorized(base: Network, dim: int, projection: str) -> Network:
    """Positions and norm are those of the narrow table, and a map to the width follows."""
    encoder = base.encoder
    tokens = FactorizedTable(dim=dim, position=encoder.position, norm=encoder.embedding_norm)
    moved = {
        path.replace("encoder/position", "tokens/position").replace(
            "encoder/embedding_norm", "tokens/norm"
        ): place
        for path, place in base.places.items()
    }
    return dataclasses.replace(
        base,
        tokens=tokens,
        encoder=dataclasses.replace(encoder, position=NoPosition(), embedding_norm=NoNorm()),
        places=moved | {"tokens/projection": projection},
    )


def albert(config: Config) -> Network:
    groups, inside = config.get("num_hidden_groups", 1), config.get("inner_group_num", 1)
    layers = config["num_hidden_layers"]
    if inside != 1 or layers % groups:
        raise UsageError(
            f"it has {inside} layers in each of {groups} groups for {layers} layers, and jaxemb "
            "reads groups of one layer that share the layers evenly"
        )
    encoder = encoder_of(config, SharedTransformer, repeats=layers // groups)
    at = "encoder.albert_layer_groups.{n}.albert_layers.0"
    block = {
        "encoder/block/attention/query": f"{at}.attention.query",
        "encoder/block/attention/key": f"{at}.attention.key",
        "encoder/block/attention/value": f"{at}.attention.value",
        "encoder/block/attention/output": f"{at}.attention.dense",
        "encoder/block/attention_norm": f"{at}.attention.LayerNorm",
        "encoder/block/feed_forward/expand": f"{at}.ffn",
        "encoder/block/feed_forward/output": f"{at}.ffn_output",
        "encoder/block/feed_forward_norm": f"{at}.full_layer_layer_norm",
    }
    base = Network(
        encoder=encoder,
        places=EMBEDDINGS | block,
        prefixes=("albert.",),
        max_tokens=config["max_position_embeddings"],
        output=_output(encoder),
        output_places=predicting("predictions.dense", "predictions.LayerNorm", "predictions"),
    )
    base = dataclasses.replace(base, unused=(*base.unused, "predictions.", "sop_classifier."))
    return _factorized(base, config["embedding_size"], "encoder.embedding_hidden_mapping_in")


BIDIRECTIONAL: dict[str, Describe] = {
    "bert": bert, "distilbert": distilbert, "roberta": roberta, "xlm-roberta": roberta,
    "camembert": roberta, "mpnet": mpnet, "electra": electra, "albert": albert,
}  # fmt: skip
