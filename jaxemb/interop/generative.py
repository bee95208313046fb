"""Language models: Llama and its kin, and Gemma."""

from typing import Any

from jaxemb.config import UsageError
from jaxemb.encoders import Layer, Transformer
from jaxemb.heads import LanguageModelHead, Output, SoftCappedOutput, UntiedLanguageModelHead
from jaxemb.interop.architectures import (
    Config,
    Describe,
    Joined,
    Network,
    Places,
    activation,
)
from jaxemb.interop.rotations import rotary
from jaxemb.nn import (
    ALL,
    AttentionMask,
    Bidirectional,
    Causal,
    GatedMLP,
    MultiHead,
    OffsetRMSNorm,
    PreNorm,
    RMSNorm,
    SandwichNorm,
    Window,
)

_AT = "layers.{n}"
_LLAMA: Places = {
    "tokens": "embed_tokens",
    "encoder/norm": "norm",
    "encoder/block/attention/query": f"{_AT}.self_attn.q_proj",
    "encoder/block/attention/key": f"{_AT}.self_attn.k_proj",
    "encoder/block/attention/value": f"{_AT}.self_attn.v_proj",
    "encoder/block/attention/output": f"{_AT}.self_attn.o_proj",
    "encoder/block/attention/query_norm": f"{_AT}.self_attn.q_norm",
    "encoder/block/attention/key_norm": f"{_AT}.self_attn.k_norm",
    "encoder/block/attention_norm": f"{_AT}.input_layernorm",
    "encoder/block/feed_forward/expand": Joined((f"{_AT}.mlp.gate_proj", f"{_AT}.mlp.up_proj")),
    "encoder/block/feed_forward/output": f"{_AT}.mlp.down_proj",
    "encoder/block/feed_forward_norm": f"{_AT}.post_attention_layernorm",
}
_GEMMA: Places = dict(_LLAMA) | {
    "encoder/block/attention_output_norm": f"{_AT}.post_attention_layernorm",
    "encoder/block/feed_forward_norm": f"{_AT}.pre_feedforward_layernorm",
    "encoder/block/feed_forward_output_norm": f"{_AT}.post_feedforward_layernorm",
}


def llama(config: Config) -> Network:
    biases = ALL if config.get("attention_bias") else ()
    return _decoder(config, biases)


def qwen2(config: Config) -> Network:
    return _decoder(config, ("query", "key", "value"))


def qwen3(config: Config) -> Network:
    biases = ALL if config.get("attention_bias") else ()
    return _decoder(config, biases, query_key_norm=_norm(config))


def _norm(config: Config) -> RMSNorm:
    return RMSNorm(epsilon=float(config.get("rms_norm_eps", 1e-6)))


def _decoder(config: Config, biases: tuple[str, ...], **attention: Any) -> Network:
    """A network of Llama's kind: gated, normed by size, heads that share keys."""
    norm, bias = _norm(config), ("expand", "output") if config.get("mlp_bias") else ()
    form = PreNorm(
        branch_norm=norm,
        attention=_attention(config, biases=biases, **attention),
        feed_forward=GatedMLP(biases=bias),
    )
    return Network(
        encoder=_layers(config, norm=norm, block=form, position=rotary(config)),
        places=_LLAMA,
        prefixes=("model.",),
        max_tokens=config["max_position_embeddings"],
        output=_output(config),
        output_places={"output": "lm_head"},
    )


def _attention(config: Config, **fields: Any) -> MultiHead:
    heads, width = config["num_attention_heads"], config["hidden_size"]
    groups, dim = config.get("num_key_value_heads", heads), config.get("head_dim")
    return MultiHead(
        key_value_heads=None if groups == heads else groups,
        head_dim=None if dim in (None, width / heads) else dim,
        **fields,
    )


def _layers(config: Config, **fields: Any) -> Transformer:
    name = config.get("hidden_act") or config.get("hidden_activation", "silu")
    given = dict(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
        activation=activation(name),
        dropout=0.0,
        attention_dropout=float(config.get("attention_dropout", 0.0)),
        mask=Causal(),
    )
    return Transformer(**given | _windows(config, given["layers"]) | fields)


def _windows(config: Config, layers: int) -> dict[str, Any]:
    """The mask, or the pattern of masks, that a config's sliding window stands for."""
    reach, kinds = config.get("sliding_window"), config.get("layer_types")
    qwen = config["model_type"] in ("qwen2", "qwen3")
    if reach is None or not config.get("use_sliding_window", not qwen):
        return {}
    window = Window(inner=Causal(), reach=reach - 1)
    if qwen and kinds is None:
        first = config.get("max_window_layers", layers)
        kinds = ["full_attention"] * first + ["sliding_attention"] * (layers - first)
    if kinds is None or set(kinds) == {"sliding_attention"}:
        return {"mask": window}
    return {"pattern": pattern(kinds, Layer(mask=window))}


def pattern(kinds: list[str], local: Layer) -> tuple[Layer, ...]:
    """What each layer has of its own; nothing where none has a window.

    Raises:
        UsageError: a kind of layer that no part here is.
    """
    others = set(kinds) - {"full_attention", "sliding_attention"}
    if others:
        raise UsageError(f"it has layers of the kind {min(others)!r}, and no part here does")
    if "sliding_attention" not in kinds:
        return ()
    return tuple(local if kind == "sliding_attention" else Layer() for kind in kinds)


def _output(config: Config, tied: bool = False) -> Output:
    tied = config.get("tie_word_embeddings", tied)
    return LanguageModelHead() if tied else UntiedLanguageModelHead()


# --- Gemma


def gemma2(config: Config) -> Network:
    layers = config["num_hidden_layers"]
    kinds = ["full_attention" if n % 2 else "sliding_attention" for n in range(layers)]
    cap = config.get("attn_logit_softcapping")
    return _gemma(config, kinds, rotary(config), rotary(config), Causal(), soft_cap=cap)


def gemma3(config: Config) -> Network:
    layers, every = config["num_hidden_layers"], config.get("sliding_window_pattern", 6)
    kinds = ["sliding_attention" if (n + 1) % every else "full_attention" for n in range(layers)]
    local = dict(config) | {"rope_theta": config.get("rope_local_base_freq", 10000.0)}
    near = Config({n: x for n, x in local.items() if n != "rope_scaling"}, config.place)
    return _gemma(
        config,
        kinds,
        rotary(config, "full_attention", base=1e6),
        rotary(near, "sliding_attention"),
        Bidirectional() if config.get("use_bidirectional_attention") else Causal(),
        query_key_norm=_offset_norm(config),
    )


def _offset_norm(config: Config) -> OffsetRMSNorm:
    return OffsetRMSNorm(epsilon=float(config.get("rms_norm_eps", 1e-6)))


def _gemma(
    config: Config, kinds: list[str], far: Any, near: Any, mask: AttentionMask, **attention: Any
) -> Network:
    norm, width = _offset_norm(config), config["hidden_size"]
    # A window of both sides is stated as a whole, and a causal one with the token itself.
    reach = (
        config["sliding_window"] // 2 if mask == Bidirectional() else config["sliding_window"] - 1
    )
    biases = ALL if config.get("attention_bias") else ()
    scale = config.get("query_pre_attn_scalar", 256) ** -0.5
    form = SandwichNorm(
        branch_norm=norm,
        attention=_attention(config, biases=biases, score_scale=scale, **attention),
        feed_forward=GatedMLP(),
    )
    name = config.get("hidden_activation") or config.get("hidden_act", "gelu_pytorch_tanh")
    local = Layer(mask=Window(inner=mask, reach=reach), position=None if near == far else near)
    encoder = _layers(
        config, norm=norm, block=form, mask=mask, position=far, activation=activation(name),
        embedding_scale=width**0.5, pattern=pattern(config.get("layer_types", kinds), local),
    )  # fmt: skip
    output, cap = _output(config, tied=True), config.get("final_logit_softcapping")
    return Network(
        encoder=encoder,
        places=_GEMMA,
        prefixes=("model.",),
        max_tokens=config["max_position_embeddings"],
        output=output if cap is None else SoftCappedOutput(inner=output, cap=float(cap)),
        output_places={"output": "lm_head"},
    )


GENERATIVE: dict[str, Describe] = {
    "llama": llama, "mistral": llama, "qwen2": qwen2, "qwen3": qwen3, "gemma2": gemma2,
    "gemma3_text": gemma3,
}  # fmt: skip
