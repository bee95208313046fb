"""What networks in GGUF files are called there, and what Hugging Face calls the same."""

import dataclasses
from collections.abc import Mapping

from jaxemb.pooling import FirstToken, LastToken, Mean, Pooling


@dataclasses.dataclass(frozen=True)
class Kind:
    """One architecture of GGUF.

    Attributes:
        model_type: what `config.json` calls it.
        outer: names of modules outside of layers, theirs to ours.
        layer: what stands before the modules of layer `{n}`.
        inner: their names.
        given: settings that the file does not have to say.
        neighbours: whether the pairs that rotary positions turn stand side by side there, and not
            half a head apart.
        causal: whether a token reads those before it alone.
    """

    model_type: str
    outer: Mapping[str, str]
    layer: str
    inner: Mapping[str, str]
    given: Mapping[str, str | float]
    neighbours: bool = False
    causal: bool = True

    def name(self, name: str) -> str:
        """`blk.3.attn_q.weight` as Hugging Face has it; what is not known stays."""
        module, _, leaf = name.rpartition(".")
        if module in self.outer:
            return f"{self.outer[module]}.{leaf}"
        block, _, part = module.removeprefix("blk.").partition(".")
        if part not in self.inner:
            return name
        return f"{self.layer.format(n=block)}.{self.inner[part]}.{leaf}"


# What GGUF calls a field, under the architecture's name.
SETTINGS = {
    "block_count": "num_hidden_layers", "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size", "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads", "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.layer_norm_epsilon": "layer_norm_eps", "rope.freq_base": "rope_theta",
    "attention.sliding_window": "sliding_window",
}  # fmt: skip

_DECODER = {
    "outer": {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"},
    "layer": "layers.{n}",
    "inner": {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    },
    "given": {"hidden_act": "silu", "rms_norm_eps": 1e-6},
}  # fmt: skip
_TABLES = {
    "token_embd": "embeddings.word_embeddings", "token_types": "embeddings.token_type_embeddings",
    "position_embd": "embeddings.position_embeddings",
}  # fmt: skip
_BERT = Kind(
    model_type="bert",
    outer=_TABLES | {"token_embd_norm": "embeddings.LayerNorm"},
    layer="encoder.layer.{n}",
    inner={
        "attn_q": "attention.self.query", "attn_k": "attention.self.key",
        "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
        "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
        "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
    },
    given={"hidden_act": "gelu", "layer_norm_eps": 1e-12},
    causal=False,
)  # fmt: skip
_NOMIC = Kind(
    model_type="nomic_bert",
    outer=_TABLES | {"token_embd_norm": "emb_ln"},
    layer="encoder.layers.{n}",
    inner={
        "attn_qkv": "attn.Wqkv", "attn_output": "attn.out_proj", "attn_output_norm": "norm1",
        "ffn_up": "mlp.fc11", "ffn_gate": "mlp.fc12", "ffn_down": "mlp.fc2",
        "layer_output_norm": "norm2",
    },
    given={"hidden_act": "silu", "layer_norm_eps": 1e-12},
    causal=False,
)  # fmt: skip
KINDS = {
    "llama": Kind("llama", **_DECODER, neighbours=True),
    "qwen2": Kind("qwen2", **_DECODER),
    "qwen3": Kind("qwen3", **_DECODER),
    "bert": _BERT,
    "nomic-bert": _NOMIC,
}
"""By what `general.architecture` says."""

POOLINGS: dict[int, Pooling] = {0: Mean(), 1: Mean(), 2: FirstToken(), 3: LastToken()}
"""By the number under `pooling_type`; a file that names none has the mean, as a plain folder."""
