"""Random networks of every kind that is read, against transformers: every hidden state."""

import json

import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.text import TextBatch
from tests.interop.folders import PIECES

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VOCABULARY, PAD, TOKENS = 40, 0, 11
BERT = dict(
    vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=3, num_attention_heads=4,
    intermediate_size=22, max_position_embeddings=30, initializer_range=0.3, pad_token_id=PAD,
)  # fmt: skip
LLAMA = BERT | dict(num_key_value_heads=2, bos_token_id=1, eos_token_id=2, head_dim=6)
GEMMA = LLAMA | dict(head_dim=8, query_pre_attn_scalar=10, sliding_window=4)
MODERN = BERT | dict(cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3)
FIRST = dict(max_window_layers=1)
BANDS = dict(low_freq_factor=1.0, high_freq_factor=4.0)
T5 = dict(
    vocab_size=VOCABULARY, d_model=24, d_kv=5, d_ff=20, num_layers=3, num_heads=4,
    relative_attention_num_buckets=8, relative_attention_max_distance=7, pad_token_id=PAD,
    initializer_factor=1.0, decoder_start_token_id=0,
)  # fmt: skip


def rope(kind: str, **more) -> dict:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 50.0, "factor": 3.0} | more}


DISTIL = dict(
    vocab_size=VOCABULARY, dim=20, n_layers=3, n_heads=5, hidden_dim=14, initializer_range=0.3,
    max_position_embeddings=13, pad_token_id=PAD,
)  # fmt: skip
NETWORKS = {
    "bert": ("Bert", BERT),
    "bert-one-segment": (
        "Bert", BERT | dict(type_vocab_size=1, hidden_act="gelu_new", layer_norm_eps=1e-3),
    ),
    "bert-relu": ("Bert", BERT | dict(hidden_act="relu", num_hidden_layers=1)),
    "roberta": ("Roberta", BERT | dict(pad_token_id=1, type_vocab_size=1)),
    "xlm-roberta": ("XLMRoberta", BERT | dict(pad_token_id=1, layer_norm_eps=1e-5)),
    "camembert": ("Camembert", BERT | dict(pad_token_id=3, type_vocab_size=1)),
    "distilbert": ("DistilBert", DISTIL),
    "albert": ("Albert", BERT | dict(embedding_size=10, num_hidden_groups=1)),
    "albert-groups": ("Albert", BERT | dict(embedding_size=10, num_hidden_groups=3)),
    "mpnet": ("MPNet", BERT | dict(pad_token_id=1, relative_attention_num_buckets=32)),
    "electra": ("Electra", BERT | dict(embedding_size=24)),
    "electra-narrow": ("Electra", BERT | dict(embedding_size=10)),
    "nomic-bert": ("NomicBert", BERT | dict(hidden_act="silu") | rope("default")),
    "modernbert": ("ModernBert", MODERN | dict(local_attention=4, num_hidden_layers=4)),
    "modernbert-biases": (
        "ModernBert",
        MODERN | dict(local_attention=6, norm_bias=True, attention_bias=True, mlp_bias=True),
    ),
    "t5": ("T5", T5),
    "t5-gated": ("T5", T5 | dict(feed_forward_proj="gated-gelu")),
    "llama": ("Llama", LLAMA | dict(attention_bias=True, mlp_bias=True)),
    "llama-linear": ("Llama", LLAMA | rope("linear")),
    "llama-dynamic": ("Llama", LLAMA | dict(max_position_embeddings=11) | rope("dynamic")),
    "llama-yarn": ("Llama", LLAMA | rope("yarn", original_max_position_embeddings=10, beta_fast=2.0)),
    "llama-3": ("Llama", LLAMA | rope("llama3", **BANDS, original_max_position_embeddings=16)),
    "mistral": ("Mistral", LLAMA | dict(sliding_window=4)),
    "mistral-whole": ("Mistral", LLAMA | dict(sliding_window=None)),
    "qwen2": ("Qwen2", LLAMA),
    "qwen2-windows": ("Qwen2", LLAMA | dict(use_sliding_window=True, sliding_window=3) | FIRST),
    "qwen3": ("Qwen3", LLAMA | dict(head_dim=10)),
    "gemma2": ("Gemma2", GEMMA | dict(attn_logit_softcapping=2.0)),
    "gemma3": ("Gemma3Text", GEMMA | dict(sliding_window_pattern=2)),
    "gemma3-both-ways": ("Gemma3Text", GEMMA | dict(use_bidirectional_attention=True, sliding_window=6)),
}  # fmt: skip
# Positions are at the network's input, where transformers counts padding on the left too.
FROM_ARRAY = ("albert", "albert-groups", "electra-narrow")


def saved(folder, kind: str, settings: dict):
    """A network with random weights, norms too, and a tokenizer's folder."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**settings)
    # Scores are bent in the eager form alone; where padding comes first, that has no float64.
    config._attn_implementation = "eager" if kind in ("Gemma2", "MPNet") else "sdpa"
    make = transformers.T5EncoderModel if kind == "T5" else getattr(transformers, f"{kind}Model")
    network = make(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return network


@pytest.fixture(scope="module", params=NETWORKS)
def pair(request, tmp_path_factory):
    """A network of transformers, in both precisions, and ours."""
    folder = tmp_path_factory.mktemp(request.param)
    network = saved(folder, *NETWORKS[request.param])
    return request.param, network, jaxemb.load(folder), folder


LENGTHS = np.array([[TOKENS], [4], [1]])
SIDES = {
    "right": np.arange(TOKENS) < LENGTHS,
    "left": np.arange(TOKENS) >= TOKENS - LENGTHS,
    "none": np.ones((2, TOKENS), bool),
}


@pytest.mark.in_turn(15)
@pytest.mark.parametrize("side", SIDES)
def test_states_are_those_of_transformers(pair, side):
    """Positions count from the first real token, wherever padding stands.

    RoBERTa, XLM-R, CamemBERT and MPNet do so in transformers too, which finds padding by its id. BERT,
    DistilBERT and ELECTRA count the padding on the left there, unless they are given the positions.
    """
    name, network, model, _ = pair
    if side == "left" and name in FROM_ARRAY:
        pytest.skip("positions of a factorised table are counted from the row's beginning")
    rng, mask = np.random.default_rng(3), SIDES[side]
    ids = np.where(mask, rng.integers(5, VOCABULARY, mask.shape), network.config.pad_token_id)
    single = hidden_states(network.float(), ids, mask)
    exact = single if name == "gemma2" else hidden_states(network.double(), ids, mask)
    batch = TextBatch(np.where(mask, ids, 0).astype(np.int32), mask)
    found = np.asarray(model.embedder.states(model.params, batch))
    assert found.shape == exact.shape
    rounding = np.abs(single - exact)[:, mask].max()
    np.testing.assert_allclose(
        found[:, mask], exact[:, mask], rtol=1e-5, atol=16 * max(rounding, 2.5e-6)
    )


def hidden_states(network, ids, mask) -> np.ndarray:
    """The states after each layer, `[layers, batch, tokens, width]`, all behind the last norm."""
    given = {"attention_mask": torch.tensor(mask.astype(int)), "output_hidden_states": True}
    if network.config.model_type in ("bert", "distilbert", "electra"):
        given["position_ids"] = torch.tensor(np.maximum(np.cumsum(mask, axis=1) - 1, 0))
    with torch.no_grad():
        told = network(torch.tensor(ids), **given).hidden_states[1:]
        norm = final_norm(network)
        states = [*(norm(state) for state in told[:-1]), told[-1]] if norm else told
    return np.stack([state.numpy() for state in states])


def final_norm(network):
    """What transformers applies to the last state alone."""
    for owner in (network, getattr(network, "encoder", None)):
        for name in ("norm", "final_norm", "final_layer_norm"):
            if hasattr(owner, name):
                return getattr(owner, name)
    return None


def test_first_layers_are_read_by_themselves(pair):
    name, _, model, folder = pair
    cut = jaxemb.interop.read(folder, layers=1)
    texts = ["sort a list", "open the file"]
    np.testing.assert_allclose(cut.encode(texts), model.encode(texts, layers=1), atol=1e-5)


def test_saved_models_load_again(pair, tmp_path):
    name, _, model, _ = pair
    if name not in ("gemma3", "albert", "modernbert"):
        pytest.skip("one of each form is enough")
    again = jaxemb.load(model.save(tmp_path / "saved"))
    assert again.embedder == model.embedder
    np.testing.assert_array_equal(again.encode(["sort a list"]), model.encode(["sort a list"]))


def test_older_settings_of_rotary_positions_are_read(tmp_path):
    network = saved(tmp_path, "Llama", LLAMA | rope("linear"))
    model, config = jaxemb.load(tmp_path), json.loads((tmp_path / "config.json").read_text())
    said = config.pop("rope_parameters")
    config |= {"rope_theta": said["rope_theta"], "rope_scaling": {"type": "linear", "factor": 3.0}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert jaxemb.load(tmp_path).embedder == model.embedder
    assert network.config.model_type == "llama"


def test_settings_of_the_first_nomic_checkpoints_are_read(tmp_path):
    """Their names of fields and of arrays; code that they name is not needed, nor run."""
    saved(tmp_path, *NETWORKS["nomic-bert"])
    model, config = jaxemb.load(tmp_path), json.loads((tmp_path / "config.json").read_text())
    old = {
        "model_type": "nomic_bert", "auto_map": {"AutoModel": "code.M"}, "vocab_size": VOCABULARY,
        "n_embd": 24, "n_head": 4, "n_layer": 3, "n_inner": 22, "n_positions": 30,
        "layer_norm_epsilon": config["layer_norm_eps"], "rotary_emb_base": 50.0,
        "rotary_emb_fraction": 1.0, "activation_function": "swiglu", "qkv_proj_bias": False,
        "type_vocab_size": 2, "prenorm": False, "resid_pdrop": config["hidden_dropout_prob"],
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(old))
    again = jaxemb.load(tmp_path)
    np.testing.assert_array_equal(again.encode(["a list"]), model.encode(["a list"]))
    (tmp_path / "config.json").write_text(json.dumps(old | {"rotary_emb_interleaved": True}))
    with pytest.raises(UsageError, match="rotary_emb_interleaved=True, and no part here does"):
        jaxemb.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("llama", {"rope_parameters": {"rope_type": "longrope", "factor": 2.0}}, "by 'longrope'"),
        ("llama", {"hidden_size": "many"}, 'hidden_size is "many", not a whole number'),
        ("llama", {"num_key_value_heads": 4}, "k_proj.* has the shape"),
        ("gemma3", {"layer_types": ["chunked_attention"] * 3}, "kind 'chunked_attention'"),
        ("t5", {"feed_forward_proj": "gated-mish"}, "the activation 'mish' has no part"),
        ("albert", {"inner_group_num": 2}, "2 layers in each of 1 groups"),
        ("modernbert", {"norm_bias": True}, "lack .*norm.bias"),
    ],
)
def test_settings_that_no_part_is_are_refused(name, change, message, tmp_path):
    saved(tmp_path, *NETWORKS[name])
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UsageError, match=message):
        jaxemb.load(tmp_path)
