"""The settings of our networks in transformers' words, a function for each kind of network.

A function may say anything of a network that is another kind: what it says is read back, and counts
only if the parts are the same. A part that it needs and the network has not is an `AttributeError`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from jaxemb.config import UsageError, expression
from jaxemb.encoders import Layer, Transformer
from jaxemb.interop.architectures import ACTIVATIONS
from jaxemb.interop.rotations import said
from jaxemb.model import Embedder
from jaxemb.nn import ALL, Activation, Bidirectional, GatedMLP, LayerNorm, Window

Settings = dict[str, Any]
_T = TypeVar("_T")
_FAR = Window(reach=63)


def hidden(encoder: Transformer) -> int:
    """Features inside the feed-forward networks."""
    return encoder.hidden or 4 * encoder.width


def layers_of(encoder: Transformer) -> tuple[Layer, ...]:
    """What each layer has of its own."""
    own = encoder.pattern or (Layer(),)
    return tuple(own[n % len(own)] for n in range(encoder.layers))


def repeats(encoder: Transformer) -> int:
    """Layers in a row that are one block."""
    return getattr(encoder, "repeats", 1) or encoder.layers


def activation_name(part: Activation) -> str:
    """What others call an activation.

    Raises:
        UsageError: they have no name for it.
    """
    found = [name for name, known in ACTIVATIONS.items() if known == part]
    if not found:
        raise UsageError(f"The activation {expression(part)} has no name in transformers.")
    return found[0]


def _needed(value: _T | None) -> _T:
    if value is None:
        raise AttributeError("this kind of network has it")
    return value


def _sizes(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return {
        "vocab_size": embedder.text.vocabulary, "hidden_size": encoder.width,
        "num_hidden_layers": encoder.layers, "num_attention_heads": encoder.heads,
        "intermediate_size": hidden(encoder), "hidden_act": activation_name(encoder.activation),
        "pad_token_id": 0,
    }  # fmt: skip


def _dropout(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return {
        "hidden_dropout_prob": encoder.dropout,
        "attention_probs_dropout_prob": encoder.attention_dropout,
    }


# --- a norm after each branch


def _bert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return _sizes(embedder) | _dropout(embedder) | {
        "layer_norm_eps": encoder.embedding_norm.epsilon,
        "max_position_embeddings": encoder.position.inner.max_tokens,
        "type_vocab_size": encoder.position.segments,
    }  # fmt: skip


def _distilbert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return {
        "vocab_size": embedder.text.vocabulary, "dim": encoder.width, "n_layers": encoder.layers,
        "n_heads": encoder.heads, "hidden_dim": hidden(encoder), "pad_token_id": 0,
        "activation": activation_name(encoder.activation), "dropout": encoder.dropout,
        "attention_dropout": encoder.attention_dropout, "sinusoidal_pos_embds": False,
        "max_position_embeddings": encoder.position.max_tokens,
    }  # fmt: skip


def _mpnet(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    if encoder.position.buckets != 32:
        raise AttributeError("transformers sorts distances into 32, whatever the settings say")
    return _sizes(embedder) | _dropout(embedder) | {
        "layer_norm_eps": encoder.embedding_norm.epsilon,
        # Padding has the id 1 there, and positions are counted from after it.
        "max_position_embeddings": encoder.position.inner.max_tokens + 2, "pad_token_id": 1,
        "relative_attention_num_buckets": encoder.position.buckets,
    }  # fmt: skip


def _narrow(embedder: Embedder) -> Settings:
    """Of a table that is narrower than the states."""
    table = embedder.tokens
    return _sizes(embedder) | _dropout(embedder) | {
        "embedding_size": table.dim, "layer_norm_eps": table.norm.epsilon,
        "max_position_embeddings": table.position.inner.max_tokens,
        "type_vocab_size": table.position.segments,
    }  # fmt: skip


def _albert(embedder: Embedder) -> Settings:
    layers, shared = embedder.encoder.layers, repeats(embedder.encoder)
    if layers % shared:
        raise AttributeError("groups of layers that are equally large")
    return _narrow(embedder) | {"num_hidden_groups": layers // shared, "inner_group_num": 1}


def _nomic_bert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return _sizes(embedder) | _dropout(embedder) | said(encoder.position.inner) | {
        "layer_norm_eps": encoder.embedding_norm.epsilon,
        "max_position_embeddings": embedder.text.max_tokens,
        "type_vocab_size": encoder.position.segments,
    }  # fmt: skip


# --- a norm before each branch


def _modernbert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    form, kinds, local = encoder.block, _kinds(encoder), _local(encoder)
    near = local.position or encoder.position
    return _sizes(embedder) | {
        "hidden_activation": activation_name(encoder.activation),
        "norm_eps": encoder.norm.epsilon, "norm_bias": type(encoder.norm) is LayerNorm,
        "attention_bias": form.attention.biases == ALL, "mlp_bias": bool(form.feed_forward.biases),
        "embedding_dropout": encoder.dropout, "attention_dropout": encoder.attention_dropout,
        "mlp_dropout": encoder.dropout, "max_position_embeddings": embedder.text.max_tokens,
        "local_attention": 2 * local.mask.reach, "layer_types": kinds,
        "global_attn_every_n_layers": _every(kinds),
        "global_rope_theta": encoder.position.base, "local_rope_theta": near.base,
        "rope_parameters": _ropes(encoder.position, near),
        "bos_token_id": 0, "eos_token_id": 0, "cls_token_id": 0, "sep_token_id": 0,
    }  # fmt: skip


def _every(kinds: list[str]) -> int:
    """Of how many layers the first reads the whole text: older versions are told nothing else."""
    for every in range(1, len(kinds) + 1):
        if kinds == [
            "sliding_attention" if n % every else "full_attention" for n in range(len(kinds))
        ]:
            return every
    raise AttributeError("layers that take turns")


def _t5(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    name = activation_name(encoder.activation)
    # "gated-gelu" means the tanh form there.
    gated = "gated-gelu" if name == "gelu_new" else f"gated-{name}"
    return {
        "vocab_size": embedder.text.vocabulary, "d_model": encoder.width, "d_ff": hidden(encoder),
        "d_kv": encoder.block.attention.head_dim or encoder.width // encoder.heads,
        "num_layers": encoder.layers, "num_heads": encoder.heads, "pad_token_id": 0,
        "feed_forward_proj": gated if type(encoder.block.feed_forward) is GatedMLP else name,
        "layer_norm_epsilon": encoder.norm.epsilon, "dropout_rate": encoder.dropout,
        "relative_attention_num_buckets": encoder.position.buckets,
        "relative_attention_max_distance": encoder.position.farthest,
        "n_positions": embedder.text.max_tokens, "decoder_start_token_id": 0,
        "is_encoder_decoder": True, "tie_word_embeddings": True,
    }  # fmt: skip


# --- language models


def _decoder(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    attention = encoder.block.attention
    return _sizes(embedder) | {
        "num_key_value_heads": attention.key_value_heads or encoder.heads,
        "head_dim": attention.head_dim or encoder.width // encoder.heads,
        "rms_norm_eps": encoder.norm.epsilon, "attention_bias": attention.biases == ALL,
        "attention_dropout": encoder.attention_dropout, "tie_word_embeddings": True,
        "max_position_embeddings": embedder.text.max_tokens,
    }  # fmt: skip


def _llama(embedder: Embedder) -> Settings:
    return _decoder(embedder) | said(embedder.encoder.position) | {
        "mlp_bias": bool(embedder.encoder.block.feed_forward.biases),
        "sliding_window": None, "use_sliding_window": False,
    }  # fmt: skip


def _mistral(embedder: Embedder) -> Settings:
    reach = embedder.encoder.mask.reach
    return _llama(embedder) | {"sliding_window": reach + 1, "use_sliding_window": True}


def _qwen(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    masks = [own.mask or encoder.mask for own in layers_of(encoder)]
    reaches = [getattr(mask, "reach", None) for mask in masks]
    known = [reach for reach in reaches if reach is not None]
    if not known:
        return _llama(embedder)
    kinds = ["full_attention" if reach is None else "sliding_attention" for reach in reaches]
    return _llama(embedder) | {
        "sliding_window": known[0] + 1, "use_sliding_window": True, "layer_types": kinds,
        "max_window_layers": kinds.count("full_attention"),
    }  # fmt: skip


def _gemma(embedder: Embedder) -> Settings:
    encoder, attention = embedder.encoder, embedder.encoder.block.attention
    both = encoder.mask == Bidirectional()
    reach = _local(encoder).mask.reach
    name = activation_name(encoder.activation)
    return _decoder(embedder) | {
        "hidden_activation": "gelu_pytorch_tanh" if name == "gelu_new" else name,
        "query_pre_attn_scalar": _inverse_square(_needed(attention.score_scale)),
        # Of both sides it is stated as a whole, and a causal one with the token itself.
        "sliding_window": 2 * reach if both else reach + 1, "layer_types": _kinds(encoder),
        "attn_logit_softcapping": attention.soft_cap, "final_logit_softcapping": None,
        "use_bidirectional_attention": both,
    }  # fmt: skip


def _gemma2(embedder: Embedder) -> Settings:
    return _gemma(embedder) | said(embedder.encoder.position)


def _gemma3(embedder: Embedder) -> Settings:
    far = embedder.encoder.position
    near = _local(embedder.encoder).position or far
    return _gemma(embedder) | said(far) | {
        "rope_local_base_freq": near.base, "rope_parameters": _ropes(far, near),
    }  # fmt: skip


def _inverse_square(scale: float) -> float:
    """The number whose inverse root this is, whole where it was."""
    number = scale**-2
    return round(number) if round(number) ** -0.5 == scale else number


def _kinds(encoder: Transformer) -> list[str]:
    """Which layers have a mask of their own."""
    own = layers_of(encoder)
    return ["full_attention" if one.mask is None else "sliding_attention" for one in own]


def _local(encoder: Transformer) -> Layer:
    """What the layers with a window have of their own; where there are none, it is read by nobody."""
    found = [own for own in layers_of(encoder) if own.mask is not None]
    return found[0] if found else Layer(mask=_FAR)


def _ropes(far: Any, near: Any) -> Settings:
    both = {"full_attention": far, "sliding_attention": near}
    return {kind: said(position)["rope_parameters"] for kind, position in both.items()}


WRITERS: dict[str, tuple[str, Callable[[Embedder], Settings]]] = {
    "bert": ("BertModel", _bert), "distilbert": ("DistilBertModel", _distilbert),
    "mpnet": ("MPNetModel", _mpnet), "electra": ("ElectraModel", _narrow),
    "albert": ("AlbertModel", _albert), "nomic_bert": ("NomicBertModel", _nomic_bert),
    "modernbert": ("ModernBertModel", _modernbert), "t5": ("T5EncoderModel", _t5),
    "llama": ("LlamaModel", _llama), "mistral": ("MistralModel", _mistral),
    "qwen2": ("Qwen2Model", _qwen), "qwen3": ("Qwen3Model", _qwen),
    "gemma2": ("Gemma2Model", _gemma2), "gemma3_text": ("Gemma3TextModel", _gemma3),
}  # fmt: skip
"""By the name of the kind: the class of transformers, and what writes its settings."""
