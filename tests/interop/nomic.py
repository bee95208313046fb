"""Random networks under the names of Nomic's checkpoints. Not a test itself."""

import numpy as np

from tests.interop.folders import PIECES

WIDTH, HEADS, HIDDEN, LAYERS, EXPERTS, BASE = 12, 3, 10, 4, 4, 60.0
CONFIG = {
    "model_type": "nomic_bert", "auto_map": {"AutoModel": "code.M"}, "vocab_size": len(PIECES),
    "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "n_inner": HIDDEN, "n_positions": 20,
    "layer_norm_epsilon": 1e-5, "rotary_emb_base": BASE, "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False, "activation_function": "gelu", "qkv_proj_bias": True,
    "mlp_fc1_bias": True, "mlp_fc2_bias": True, "prenorm": False, "type_vocab_size": 1,
    "num_experts": EXPERTS, "moe_top_k": 2, "moe_every_n_layers": 2, "num_shared_experts": 0,
    "moe_normalize_expert_weights": False, "expert_choice_router": False, "ffn_div": 1,
}  # fmt: skip


def has_experts(config: dict, n: int) -> bool:
    every = config["moe_every_n_layers"]
    return every > 0 and n % every == 1


def arrays_of(config: dict) -> dict[str, np.ndarray]:
    """Random arrays under the names of the released checkpoints."""
    rng = np.random.default_rng()
    gated = config["activation_function"].endswith("glu")
    maps, norms, others = {}, ["emb_ln"], {}
    for n in range(LAYERS):
        at = f"encoder.layers.{n}"
        maps[f"{at}.attn.Wqkv"] = (3 * WIDTH, WIDTH), config["qkv_proj_bias"]
        maps[f"{at}.attn.out_proj"] = (WIDTH, WIDTH), config["qkv_proj_bias"]
        norms += [f"{at}.norm1", f"{at}.norm2"]
        if has_experts(config, n):
            others[f"{at}.mlp.router.layer.weight"] = (EXPERTS, WIDTH)
            others |= {f"{at}.mlp.experts.mlp.w{k}": (EXPERTS * HIDDEN, WIDTH) for k in (1, 2)}
            others[f"{at}.mlp.experts.bias"] = (WIDTH,)
            continue
        for name in ("fc11", "fc12") if gated else ("fc1",):
            maps[f"{at}.mlp.{name}"] = (HIDDEN, WIDTH), config["mlp_fc1_bias"]
        maps[f"{at}.mlp.fc2"] = (WIDTH, HIDDEN), config["mlp_fc2_bias"]
    shapes = {f"embeddings.{kind}_embeddings.weight": (rows, WIDTH)
              for kind, rows in (("word", len(PIECES)), ("token_type", 1))}  # fmt: skip
    shapes |= {f"{name}.weight": shape for name, (shape, _) in maps.items()} | others
    shapes |= {f"{name}.bias": shape[:1] for name, (shape, biased) in maps.items() if biased}
    shapes |= {f"{name}.{leaf}": (WIDTH,) for name in norms for leaf in ("weight", "bias")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
