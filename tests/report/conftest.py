"""A record and run folders as an experiment leaves them, with made-up numbers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

ARMS = {
    "causal-last": ("causal", "last_token", 0.331),
    "causal-tokens": ("causal", "latent_over_tokens", 0.372),
    "causal-layers": ("causal", "latent_over_layers", 0.358),
    "bidirectional-tokens": ("bidirectional", "latent_over_tokens", 0.402),
    "bidirectional-layers": ("bidirectional", "latent_over_layers", 0.413),
}
TASKS = {
    "retrieval/ndcg@10": 1.0,
    "sts/spearman": 1.55,
    "classification/accuracy": 1.72,
    "clustering/v_measure": 0.92,
    "pair_classification/ap": 1.9,
    "retrieval/mrr@10": 0.9,
    "retrieval/recall@10": 1.3,
}
STEPS = 240


def make_record() -> dict:
    """A record with five arms, five seeds, two claims and four controls."""
    draws = np.random.default_rng(0)
    return {
        "format": 1,
        "experiment": "pooling_and_attention",
        "papers": [101],
        "scale": "small",
        "date": "2026-11-23",
        "commit": "3f1c9a7be0d2",
        "versions": {"python": "3.11.7", "jax": "0.10.2", "flax": "0.12.8", "jaxemb": "0.1.0"},
        "data": {"pydocs": "9f3b2c1d5e6f7a8b"},
        "arms": {name: _arm(name, *about, draws) for name, about in ARMS.items()},
        "controls": {
            "bm25": {"retrieval/ndcg@10": 0.566},
            "random_vectors": {task: 0.02 * scale for task, scale in TASKS.items()},
            "untrained": {task: 0.18 * scale for task, scale in TASKS.items()},
            "static_bag": {
                task: {"mean": 0.36 * s, "low": 0.352 * s, "high": 0.368 * s}
                for task, s in TASKS.items()
            },
        },
        "claims": [
            {
                "text": "bidirectional-layers beats causal-last in retrieval/ndcg@10",
                "metric": "retrieval/ndcg@10",
                "seeds_needed": None,
                "effect": 0.0817,
                "interval": [0.0624, 0.1011],
                "p": 0.00021,
                "p_corrected": 0.00042,
                "detectable": 0.0151,
                "verdict": "supported",
            },
            {
                "text": "bidirectional-layers beats causal-last in sts/spearman",
                "metric": "sts/spearman",
                "seeds_needed": 12,
                "effect": 0.0213,
                "interval": [-0.0088, 0.0514],
                "p": 0.121,
                "p_corrected": 0.121,
                "detectable": 0.0332,
                "verdict": "undecided",
            },
        ],
        "verdict": "undecided",
        "failed": [{"arm": "causal-layers", "seed": 7, "error": "did not finish"}],
    }


def make_runs(folder: Path, record: dict) -> Path:
    """Run folders for every arm and seed of a record; the last seed of one arm has failed."""
    for name, arm in record["arms"].items():
        for entry in arm["seeds"]:
            place = folder / f"{name}-{arm['fingerprint'][:8]}" / f"seed-{entry['seed']}"
            place.mkdir(parents=True)
            _write_run(place, name, arm, entry)
    failed = (
        folder / f"causal-tokens-{record['arms']['causal-tokens']['fingerprint'][:8]}" / "seed-9"
    )
    failed.mkdir()
    about = {"status": "failed", "error": "loss is NaN at step 31 <lr 0.1>"}
    (failed / "run.json").write_text(json.dumps(about))
    return folder


@pytest.fixture
def record() -> dict:
    return make_record()


@pytest.fixture
def runs(tmp_path: Path, record: dict) -> Path:
    return make_runs(tmp_path / "runs", record)


def _arm(name: str, mask: str, pooling: str, level: float, draws: np.random.Generator) -> dict:
    arm = {
        "overrides": {
            "mask": mask,
            "pooling": f"{pooling}(latents=8)" if "latent" in pooling else pooling,
        },
        "fingerprint": hashlib.sha256(name.encode()).hexdigest()[:8],
        "learning_rate": 1e-3,
        "parameters": 1_447_424 + 33_000 * ("latent" in pooling),
        "flops": 4.1e13 + 2.6e12 * ("latent" in pooling),
        "seeds": [
            {
                "seed": seed,
                "metrics": _cut(
                    {
                        task: round(level * scale + draws.normal(0, 0.006 * scale), 4)
                        for task, scale in TASKS.items()
                    }
                ),
            }
            for seed in range(5)
        ],
    }
    every = arm["seeds"][0]["metrics"]
    means = {task: np.mean([s["metrics"][task] for s in arm["seeds"]]) for task in every}
    arm["summary"] = {
        task: {"mean": float(mean), "low": float(mean) - 0.014, "high": float(mean) + 0.014}
        for task, mean in means.items()
    }
    return arm


def _cut(whole: dict[str, float]) -> dict[str, float]:
    """With two of the scores at every size that the model may be cut to."""
    return whole | {
        f"{task}@layers={layers},dim={dim}/{measure}": round(
            whole[f"{task}/{measure}"] * (dim / 128) ** 0.12 * (0.86 + 0.07 * layers), 4
        )
        for task, measure in (("retrieval", "ndcg@10"), ("sts", "spearman"))
        for layers in (1, 2)
        for dim in (16, 32, 64, 128)
    }


def _write_run(place: Path, name: str, arm: dict, entry: dict) -> None:
    about = {
        "recipe": {"part": "jaxemb.study.Recipe", "seed": entry["seed"]},
        "arm": name,
        "seed": entry["seed"],
        "fingerprint": arm["fingerprint"],
        "status": "done",
        "seconds": 40.0 + 10 * entry["seed"],
        "programs": 21,
        "seconds_to_first_step": None,
    }
    (place / "run.json").write_text(json.dumps(about))
    final = entry["metrics"]
    (place / "scores.json").write_text(json.dumps(final))
    lines = [json.dumps(_step(step, final, entry["seed"])) for step in range(1, STEPS + 1)]
    (place / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 241, "lo')


def _step(step: int, final: dict[str, float], seed: int) -> dict:
    noise = np.random.default_rng(seed * 1000 + step).normal(0, 0.05)
    ready = final["retrieval/ndcg@10"]
    loss = 4.8 - 6 * ready * (1 - np.exp(-step / 60)) + noise
    entry = {"step": step, "loss": float(loss), "term/infonce": float(loss)}
    entry |= {"learning_rate": 1e-3, "tokens_per_second": 9000.0, "padding_efficiency": 0.87}
    if step % 40 == 0:
        gone = 1 - np.exp(-step / 70)
        entry |= {f"dev/{task}": float(x * gone + noise * 0.1) for task, x in final.items()}
    return entry
