"""BERT with rotary positions, gated or plain, with experts in some of its layers: Nomic's encoders."""

from typing import Any

from jaxemb.config import UsageError
from jaxemb.encoders import Layer
from jaxemb.interop.architectures import (
    Config,
    Describe,
    Joined,
    Named,
    Network,
    Places,
    Stacked,
    StackedTurned,
    Third,
    Turned,
)
from jaxemb.interop.bidirectional import EMBEDDINGS, encoder_of
from jaxemb.interop.rotations import rotary
from jaxemb.nn import (
    ALL,
    MLP,
    FeedForwardForm,
    GatedMLP,
    LayerNorm,
    MultiHead,
    PostNorm,
    RenormalizedTopExperts,
    SharedBiasExperts,
    TopExperts,
    WithSegment,
)


def nomic_bert(config: Config) -> Network:
    """Both the names of the released checkpoints and those of transformers."""
    if "n_embd" not in config:
        return _network(config, GatedMLP(), places=_TODAY, older=_FIRST | _GATED)
    _check_first(config)
    plain = not config.get("activation_function", "swiglu").endswith("glu")
    biases = tuple(
        ours
        for ours, theirs in (("expand", "mlp_fc1_bias"), ("output", "mlp_fc2_bias"))
        if config.get(theirs, False)
    )
    form = MLP(biases=biases) if plain else GatedMLP(biases=biases)
    places = _FIRST | (_PLAIN if plain else _GATED)
    if not config.get("num_experts", 0) or not config.get("moe_every_n_layers", 0):
        return _network(_renamed(config), form, places=places)
    return _network(
        _renamed(config), form, _mixed(config), places=places | _experts(config["num_experts"])
    )


def _network(
    config: Config,
    form: FeedForwardForm,
    own: tuple[FeedForwardForm | None, ...] = (),
    *,
    places: Places,
    older: Places | None = None,
) -> Network:
    """A network of blocks of one form, and of others in the layers that have their own."""
    norm = LayerNorm(epsilon=float(config.get("layer_norm_eps", 1e-12)))
    attention = MultiHead(biases=ALL if config.get("qkv_proj_bias", False) else ())

    def block(feed_forward: FeedForwardForm) -> PostNorm:
        return PostNorm(branch_norm=norm, attention=attention, feed_forward=feed_forward)

    encoder = encoder_of(
        config,
        position=WithSegment(inner=rotary(config), segments=config.get("type_vocab_size", 2)),
        block=block(form),
        pattern=tuple(Layer() if one is None else Layer(block=block(one)) for one in own),
    )
    return Network(
        encoder=encoder,
        places=places,
        older_places=older or {},
        prefixes=("bert.", "model."),
        max_tokens=config["max_position_embeddings"],
    )


# --- the settings of the released checkpoints

_NAMES = {
    "n_embd": "hidden_size", "n_head": "num_attention_heads", "n_layer": "num_hidden_layers",
    "n_inner": "intermediate_size", "n_positions": "max_position_embeddings",
    "layer_norm_epsilon": "layer_norm_eps", "rotary_emb_base": "rope_theta",
    "resid_pdrop": "hidden_dropout_prob", "attn_pdrop": "attention_probs_dropout_prob",
}  # fmt: skip
_ACTIVATIONS = {"swiglu": "silu", "geglu": "gelu"}
_ONLY: dict[str, Any] = {
    "prenorm": False, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False,
    "parallel_block": False, "use_rms_norm": False, "num_shared_experts": 0, "ffn_div": 1,
    "expert_choice_router": False,
}  # fmt: skip


def _check_first(config: Config) -> None:
    others = [name for name, value in _ONLY.items() if config.get(name, value) != value]
    if others:
        raise UsageError(f"it has {others[0]}={config[others[0]]!r}, and no part here does that")


def _renamed(config: Config) -> Config:
    values = {_NAMES.get(name, name): value for name, value in config.items()}
    said = config.get("activation_function", "swiglu")
    return Config(values | {"hidden_act": _ACTIVATIONS.get(said, said)}, config.place)


def _mixed(config: Config) -> tuple[FeedForwardForm | None, ...]:
    """Of so many layers in a row, the second one has experts; of one, none has."""
    kind = RenormalizedTopExperts if config.get("moe_normalize_expert_weights") else TopExperts
    form = SharedBiasExperts(
        experts=config["num_experts"], routing=kind(active=config.get("moe_top_k", 1))
    )
    return tuple(form if n == 1 else None for n in range(config["moe_every_n_layers"]))


# --- where arrays stand

_TABLES = {name: place for name, place in EMBEDDINGS.items() if name != "encoder/position/inner"}
_TODAY = _TABLES | {
    "encoder/block/attention/query": "layers.{n}.self_attn.q_proj",
    "encoder/block/attention/key": "layers.{n}.self_attn.k_proj",
    "encoder/block/attention/value": "layers.{n}.self_attn.v_proj",
    "encoder/block/attention/output": "layers.{n}.self_attn.o_proj",
    "encoder/block/attention_norm": "layers.{n}.post_attention_layernorm",
    "encoder/block/feed_forward/expand": Joined(
        ("layers.{n}.mlp.gate_proj", "layers.{n}.mlp.up_proj")
    ),
    "encoder/block/feed_forward/output": "layers.{n}.mlp.down_proj",
    "encoder/block/feed_forward_norm": "layers.{n}.post_mlp_layernorm",
}
_FUSED, _AT = ("encoder.layers.{n}.attn.Wqkv",), "encoder.layers.{n}.mlp"
_FIRST = _TABLES | {
    "encoder/embedding_norm": "emb_ln",
    "encoder/block/attention/query": Third(_FUSED, 0),
    "encoder/block/attention/key": Third(_FUSED, 1),
    "encoder/block/attention/value": Third(_FUSED, 2),
    "encoder/block/attention/output": "encoder.layers.{n}.attn.out_proj",
    "encoder/block/attention_norm": "encoder.layers.{n}.norm1",
    "encoder/block/feed_forward/output": f"{_AT}.fc2",
    "encoder/block/feed_forward_norm": "encoder.layers.{n}.norm2",
}
_GATED = {"encoder/block/feed_forward/expand": Joined((f"{_AT}.fc12", f"{_AT}.fc11"))}
_PLAIN = {"encoder/block/feed_forward/expand": f"{_AT}.fc1"}


def _experts(count: int) -> Places:
    """The matrices of all experts stand below one another; their last map is stored as it is applied."""
    return {
        "encoder/block/feed_forward/router": Turned((f"{_AT}.router.layer.weight",)),
        "encoder/block/feed_forward/expand_kernel": StackedTurned(
            (f"{_AT}.experts.mlp.w1",), count
        ),
        "encoder/block/feed_forward/output_kernel": Stacked((f"{_AT}.experts.mlp.w2",), count),
        "encoder/block/feed_forward/bias": Named((f"{_AT}.experts.bias",)),
    }


NOMIC: dict[str, Describe] = {"nomic_bert": nomic_bert}
