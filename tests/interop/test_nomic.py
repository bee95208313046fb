"""Random networks under the names of Nomic's checkpoints, beside float64 loops in numpy."""

import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.nn import RenormalizedTopExperts, SharedBiasExperts
from jaxemb.text import TextBatch
from tests.interop.folders import PIECES, attend, gelu, write
from tests.interop.nomic import (
    BASE,
    CONFIG,
    EXPERTS,
    HEADS,
    LAYERS,
    WIDTH,
    arrays_of,
    has_experts,
)

KINDS = {
    "experts": CONFIG,
    "experts-of-one": CONFIG | {"moe_top_k": 1},
    "experts-normalised": CONFIG | {"moe_normalize_expert_weights": True, "moe_top_k": 3},
    "experts-every-third": CONFIG | {"moe_every_n_layers": 3, "activation_function": "geglu"},
    "experts-without-biases": CONFIG
    | {"qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False},
    "plain": CONFIG | {"num_experts": 0, "moe_every_n_layers": 0, "mlp_fc2_bias": False},
    "gated": CONFIG | {"activation_function": "swiglu", "moe_every_n_layers": 0},
}


def reference(config: dict, arrays: dict, ids: np.ndarray) -> np.ndarray:
    """States of every layer of one text without padding, `[layers, tokens, width]`, in float64."""
    get = {name: array.astype(np.float64) for name, array in arrays.items()}
    kind = config["activation_function"]

    def linear(x, name):
        return x @ get[f"{name}.weight"].T + get.get(f"{name}.bias", 0.0)

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_epsilon"])
        return centred / scale * get[f"{name}.weight"] + get[f"{name}.bias"]

    def dense(x, at):
        if not kind.endswith("glu"):
            return linear(gelu(linear(x, f"{at}.fc1")), f"{at}.fc2")
        gate = linear(x, f"{at}.fc12")
        bent = gelu(gate) if kind == "geglu" else gate / (1 + np.exp(-gate))
        return linear(linear(x, f"{at}.fc11") * bent, f"{at}.fc2")

    def mixture(x, at):
        """A token and an expert at a time."""
        w1, w2 = (np.split(get[f"{at}.experts.mlp.w{k}"], EXPERTS) for k in (1, 2))
        out = np.tile(get[f"{at}.experts.bias"], (len(x), 1))
        for t, token in enumerate(x):
            scores = np.exp(get[f"{at}.router.layer.weight"] @ token)
            weights = scores / scores.sum()
            best = np.argsort(-weights)[: config["moe_top_k"]]
            whole = weights[best].sum() if config["moe_normalize_expert_weights"] else 1.0
            for e in best:
                # The experts are plain, whatever the other layers' networks are.
                out[t] += weights[e] / whole * (bend(w1[e] @ token) @ w2[e])
        return out

    def bend(h):
        return gelu(h) if kind in ("gelu", "geglu") else h / (1 + np.exp(-h))

    x = get["embeddings.word_embeddings.weight"][ids]
    x = norm(x + get["embeddings.token_type_embeddings.weight"][0], "emb_ln")
    states = []
    for n in range(LAYERS):
        at = f"encoder.layers.{n}"
        query, key, value = np.split(linear(x, f"{at}.attn.Wqkv"), 3, axis=-1)
        y = linear(attend(rotated(query), rotated(key), value, HEADS), f"{at}.attn.out_proj")
        x = norm(x + y, f"{at}.norm1")
        y = mixture(x, f"{at}.mlp") if has_experts(config, n) else dense(x, f"{at}.mlp")
        x = norm(x + y, f"{at}.norm2")
        states.append(x)
    return np.stack(states)


def rotated(x: np.ndarray) -> np.ndarray:
    """Each head's halves turned against each other, as complex numbers."""
    half = WIDTH // HEADS // 2
    angles = np.arange(len(x))[:, None] * BASE ** -(np.arange(half) / half)
    heads = []
    for head in np.split(x, HEADS, axis=-1):
        turned = (head[:, :half] + 1j * head[:, half:]) * np.exp(1j * angles)
        heads.append(np.concatenate([turned.real, turned.imag], axis=-1))
    return np.concatenate(heads, axis=-1)


@pytest.mark.parametrize("name", KINDS)
def test_states_are_those_of_the_published_network(name, tmp_path):
    config = KINDS[name]
    arrays = arrays_of(config)
    model = jaxemb.load(write(tmp_path / "folder", config, arrays))
    lengths, rng = (9, 4, 1), np.random.default_rng()
    ids = rng.integers(5, len(PIECES), (3, 9))
    for left in (False, True):
        place = np.arange(9)
        mask = np.stack([place >= 9 - n if left else place < n for n in lengths])
        batch = TextBatch(np.where(mask, ids, 0).astype(np.int32), mask)
        found = np.asarray(model.embedder.states(model.params, batch))
        for row, own in enumerate(mask):
            expected = reference(config, arrays, ids[row, own])
            np.testing.assert_allclose(found[:, row, own], expected, rtol=1e-4, atol=1e-4)


def test_a_mixture_is_cut_saved_and_says_its_router(tmp_path):
    config = KINDS["experts-normalised"]
    folder = write(tmp_path / "folder", config, arrays_of(config))
    model = jaxemb.load(folder)
    form = model.embedder.encoder.pattern[1].block.feed_forward
    routing = RenormalizedTopExperts(active=3)
    assert form == SharedBiasExperts(experts=EXPERTS, routing=routing)
    first = jaxemb.interop.read(folder, layers=2)
    texts = ["sort a list", "open the file"]
    np.testing.assert_allclose(first.encode(texts), model.encode(texts, layers=2), atol=1e-5)
    again = jaxemb.load(model.save(tmp_path / "saved"))
    np.testing.assert_array_equal(again.encode(texts), model.encode(texts))
    batch = TextBatch(np.full((1, 3), 5, np.int32), np.ones((1, 3), bool))
    router = model.embedder.vectors(model.params, batch).extra["router"]
    assert router.shape == (1, 2, 3, EXPERTS)  # of layers 1 and 3


@pytest.mark.parametrize(
    "change", [{"num_shared_experts": 1}, {"expert_choice_router": True}, {"ffn_div": 2}]
)
def test_other_mixtures_are_refused(change, tmp_path):
    config = CONFIG | change
    with pytest.raises(UsageError, match=f"{next(iter(change))}=.* and no part here does that"):
        jaxemb.load(write(tmp_path / "folder", config, arrays_of(config)))


def test_arrays_of_another_shape_are_refused(tmp_path):
    arrays = arrays_of(CONFIG)
    name = "encoder.layers.1.mlp.experts.mlp.w1"
    folder = write(tmp_path / "folder", CONFIG, arrays | {name: arrays[name][:-1]})
    with pytest.raises(UsageError, match="does not fit the settings"):
        jaxemb.load(folder)
