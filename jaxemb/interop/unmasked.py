"""Encoders that read both ways and have a norm before each branch: ModernBERT and T5's."""

import dataclasses

from jaxemb.encoders import Layer, Transformer
from jaxemb.interop.architectures import (
    Config,
    Describe,
    Joined,
    Network,
    Places,
    Third,
    activation,
)
from jaxemb.interop.generative import pattern
from jaxemb.interop.rotations import rotary
from jaxemb.nn import (
    ALL,
    BOTH,
    MLP,
    BiasFreeLayerNorm,
    GatedMLP,
    LayerNorm,
    MultiHead,
    NoNorm,
    Norm,
    PreNorm,
    RelativeBuckets,
    RMSNorm,
    Window,
)


def modernbert(config: Config) -> Network:
    layers, every = config["num_hidden_layers"], config.get("global_attn_every_n_layers", 3)
    kinds = ["sliding_attention" if n % every else "full_attention" for n in range(layers)]
    kinds = config.get("layer_types", kinds)
    epsilon, bias = float(config.get("norm_eps", 1e-5)), config.get("norm_bias")
    norm: Norm = LayerNorm(epsilon=epsilon) if bias else BiasFreeLayerNorm(epsilon=epsilon)
    form = PreNorm(
        branch_norm=norm,
        attention=MultiHead(biases=ALL if config.get("attention_bias") else ()),
        feed_forward=GatedMLP(biases=BOTH if config.get("mlp_bias") else ()),
    )
    far = rotary(_global(config, "global"), "full_attention", base=160000.0)
    near = rotary(_global(config, "local"), "sliding_attention")
    local = Layer(mask=Window(reach=config.get("local_attention", 128) // 2), position=near)
    own = list(pattern(kinds, local) or [Layer()] * layers)
    # The embeddings are normed already: the first attention reads them as they are.
    bare = dataclasses.replace(form, attention_norm=NoNorm())
    own[0] = dataclasses.replace(own[0], block=bare)
    encoder = Transformer(
        layers=layers,
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        activation=activation(config.get("hidden_activation", "gelu")),
        dropout=float(config.get("embedding_dropout", 0.0)),
        attention_dropout=float(config.get("attention_dropout", 0.0)),
        position=far,
        norm=norm,
        embedding_norm=norm.copy(),  # one object in two slots would be one norm with one scale
        block=form,
        pattern=tuple(own),
    )
    return Network(
        encoder=encoder,
        places=_MODERN,
        prefixes=("model.",),
        max_tokens=config["max_position_embeddings"],
        unused=("head.", "decoder.", "classifier."),
    )


def _global(config: Config, kind: str) -> Config:
    theta = config.get(f"{kind}_rope_theta")
    return config if theta is None else Config(dict(config) | {"rope_theta": theta}, config.place)


_MODERN: Places = {
    "tokens": "embeddings.tok_embeddings",
    "encoder/embedding_norm": "embeddings.norm",
    "encoder/norm": "final_norm",
    "encoder/block/attention/query": Third(("layers.{n}.attn.Wqkv",), 0),
    "encoder/block/attention/key": Third(("layers.{n}.attn.Wqkv",), 1),
    "encoder/block/attention/value": Third(("layers.{n}.attn.Wqkv",), 2),
    "encoder/block/attention/output": "layers.{n}.attn.Wo",
    "encoder/block/attention_norm": "layers.{n}.attn_norm",
    "encoder/block/feed_forward/expand": "layers.{n}.mlp.Wi",
    "encoder/block/feed_forward/output": "layers.{n}.mlp.Wo",
    "encoder/block/feed_forward_norm": "layers.{n}.mlp_norm",
}


def t5(config: Config) -> Network:
    """The encoder of T5; its decoder is left alone."""
    norm = RMSNorm(epsilon=float(config.get("layer_norm_epsilon", 1e-6)))
    gated, _, name = str(config.get("feed_forward_proj", "relu")).rpartition("-")
    # What is written "gated-gelu" was trained with the tanh form.
    bent = activation("gelu_new" if gated and name == "gelu" else name)
    form = PreNorm(
        branch_norm=norm,
        attention=MultiHead(head_dim=config["d_kv"], biases=(), score_scale=1.0),
        feed_forward=GatedMLP() if gated else MLP(biases=()),
    )
    position = RelativeBuckets(
        buckets=config.get("relative_attention_num_buckets", 32),
        farthest=config.get("relative_attention_max_distance", 128),
    )
    rate = float(config.get("dropout_rate", 0.1))
    encoder = Transformer(
        layers=config["num_layers"], width=config["d_model"], heads=config["num_heads"],
        hidden=config["d_ff"], activation=bent, dropout=rate, attention_dropout=rate,
        norm=norm, block=form, position=position,
    )  # fmt: skip
    at = "encoder.block.{n}.layer"
    wide = f"{at}.1.DenseReluDense"
    places: Places = {
        "tokens": "shared",
        "encoder/norm": "encoder.final_layer_norm",
        "encoder/position": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
        "encoder/block/attention/query": f"{at}.0.SelfAttention.q",
        "encoder/block/attention/key": f"{at}.0.SelfAttention.k",
        "encoder/block/attention/value": f"{at}.0.SelfAttention.v",
        "encoder/block/attention/output": f"{at}.0.SelfAttention.o",
        "encoder/block/attention_norm": f"{at}.0.layer_norm",
        "encoder/block/feed_forward/expand": Joined((f"{wide}.wi_0", f"{wide}.wi_1"))
        if gated
        else f"{wide}.wi",
        "encoder/block/feed_forward/output": f"{wide}.wo",
        "encoder/block/feed_forward_norm": f"{at}.1.layer_norm",
    }
    return Network(
        encoder=encoder,
        places=places,
        prefixes=(),
        max_tokens=config.get("n_positions", 512),
        unused=("decoder.", "lm_head.", "encoder.embed_tokens."),
    )


UNMASKED: dict[str, Describe] = {"modernbert": modernbert, "t5": t5}
