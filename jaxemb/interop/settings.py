"""What the JSON files of a folder of others may say, field by field: types, and ranges of numbers.

Fields that no part here reads are not looked at. What is null counts as absent.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypedDict

from jaxemb.config.ranges import AtLeast, Between
from jaxemb.config.reading import read_json, shaped

Layers = Annotated[int, Between(1, 1000)]
Size = Annotated[int, Between(1, 2**22)]
Count = Annotated[int, Between(1, 2**31)]
Share = Annotated[float, Between(0, 1)]
Small = Annotated[float, Between(0, 1)]
Scale = Annotated[float, Between(1e-6, 1e12)]


class Rope(TypedDict, total=False):
    """How positions are rotated."""

    rope_type: str | None
    type: str | None
    rope_theta: Scale | None
    partial_rotary_factor: Share | None
    factor: Scale | None
    original_max_position_embeddings: Count | None
    low_freq_factor: Scale | None
    high_freq_factor: Scale | None
    beta_fast: Scale | None
    beta_slow: Scale | None
    attention_factor: Scale | None
    mscale: Annotated[float, Between(0, 1e6)] | None
    mscale_all_dim: Annotated[float, Between(0, 1e6)] | None
    truncate: bool | None


class Ropes(Rope, total=False):
    """One for all layers, or one for each kind of layers."""

    sliding_attention: Rope
    full_attention: Rope


class NetworkSettings(TypedDict, total=False):
    """`config.json` of a network."""

    model_type: str
    auto_map: dict[str, Any]
    is_decoder: bool
    add_cross_attention: bool
    vocab_size: Count
    num_hidden_layers: Layers
    num_layers: Layers
    n_layer: Layers
    n_layers: Layers
    hidden_size: Size
    d_model: Size
    dim: Size
    n_embd: Size
    embedding_size: Size
    intermediate_size: Size
    hidden_dim: Size
    d_ff: Size
    n_inner: Size
    num_attention_heads: Size
    num_key_value_heads: Size
    num_heads: Size
    n_heads: Size
    n_head: Size
    head_dim: Size
    d_kv: Size
    max_position_embeddings: Count
    n_positions: Count
    type_vocab_size: Annotated[int, Between(0, 2**22)]
    pad_token_id: Annotated[int, Between(-1, 2**31)]
    relative_attention_num_buckets: Size
    relative_attention_max_distance: Count
    num_experts: Annotated[int, Between(0, 2**22)]
    moe_top_k: Size
    moe_every_n_layers: Annotated[int, Between(0, 1000)]
    moe_normalize_expert_weights: bool
    num_hidden_groups: Size
    inner_group_num: Size
    sliding_window: Annotated[int, Between(0, 2**31)]
    use_sliding_window: bool
    sliding_window_pattern: Size
    local_attention: Annotated[int, Between(-1, 2**31)]
    global_attn_every_n_layers: Size
    max_window_layers: Annotated[int, Between(0, 1000)]
    layer_types: list[str]
    layer_norm_eps: Small
    layer_norm_epsilon: Small
    rms_norm_eps: Small
    norm_eps: Small
    hidden_dropout_prob: Small
    attention_probs_dropout_prob: Small
    embedding_dropout: Small
    attention_dropout: Small
    resid_pdrop: Small
    attn_pdrop: Small
    dropout_rate: Small
    dropout: Small
    hidden_act: str
    hidden_activation: str
    activation: str
    activation_function: str
    feed_forward_proj: str
    position_embedding_type: str
    tie_word_embeddings: bool
    attention_bias: bool
    mlp_bias: bool
    rope_theta: Scale
    rotary_emb_base: Scale
    rope_local_base_freq: Scale
    partial_rotary_factor: Share
    rope_scaling: Rope
    rope_parameters: Ropes
    query_pre_attn_scalar: Scale


def network_settings(values: Any, place: Path) -> dict[str, Any]:
    """The settings of a network that are not null.

    Raises:
        UsageError: they are no object, or a field has another type or is out of range; the message
            names the file and the field.
    """
    shaped(values, dict, place)
    return shaped(_present(values), NetworkSettings, place)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# --- the files of sentence-transformers


class Module(TypedDict, total=False):
    """An entry of `modules.json`."""

    type: str
    path: str


class Sentences(TypedDict, total=False):
    """`sentence_bert_config.json`."""

    max_seq_length: Annotated[int, AtLeast(3)]
    do_lower_case: bool


class Prompts(TypedDict, total=False):
    """`config_sentence_transformers.json`."""

    prompts: dict[str, str | None]
    default_prompt_name: str
    similarity_fn_name: str


class PoolingSettings(TypedDict, total=False):
    """`config.json` of a pooling."""

    pooling_mode: str | list[str]
    include_prompt: bool
    word_embedding_dimension: Size
    pooling_mode_cls_token: bool
    pooling_mode_max_tokens: bool
    pooling_mode_mean_tokens: bool
    pooling_mode_mean_sqrt_len_tokens: bool
    pooling_mode_weightedmean_tokens: bool
    pooling_mode_lasttoken: bool


class VocabularySettings(TypedDict, total=False):
    """`config.json` of a pooling of logits, `SpladePooling`."""

    pooling_strategy: str
    activation_function: str


class HeadSettings(TypedDict, total=False):
    """`config.json` of what follows the pooling."""

    in_features: Size
    out_features: Size
    bias: bool
    use_residual: bool
    activation_function: str
    module_input_name: str
    module_output_name: str


class Pieces(TypedDict, total=False):
    """`tokenizer_config.json`."""

    model_max_length: Annotated[float, Between(3, 1e300)]
    truncation_side: str
    do_lower_case: bool
    strip_accents: bool
    tokenize_chinese_chars: bool
    pad_token: str | dict[str, Any]
    unk_token: str | dict[str, Any]
    cls_token: str | dict[str, Any]
    sep_token: str | dict[str, Any]
    mask_token: str | dict[str, Any]


class Index(TypedDict):
    """`model.safetensors.index.json`."""

    weight_map: dict[str, str]


def read_settings(path: Path, shape: Any, default: Any = None) -> dict[str, Any]:
    """What a settings file says, without what is null.

    Raises:
        UsageError: it cannot be read, or a field has another type or is out of range.
    """
    return shaped(_present(read_json(path, dict, default)), shape, path)
