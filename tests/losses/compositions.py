"""Losses around losses: every wrapper with every inner loss, and columns for all of them. Not a test."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxemb import heads
from jaxemb import losses as L
from tests.losses.samples import Sample, W, texts

Columns = dict[str, Any]

# One with candidates, a parameter and a memory, one that orders the whole batch, and one of each row.
QUICK: dict[str, L.Loss] = {
    "queue": L.InfoNCE(temperature=L.LearnedTemperature(start=0.3), memory=L.Queue(size=12)),
    "cosent": L.CoSENT(temperature=0.2),
    "triplet": L.Triplet(margin=1.0),
}
# What else there is, which takes longer to compile: one that draws, and one that looks at labels.
INNERS = QUICK | {
    "sigmoid": L.SigmoidPairs(bias=-1.0),
    "mixed_pairs": L.InfoNCE(
        temperature=L.LearnedTemperature(start=0.3),
        blocks=(L.QueryToDocument(), L.DocumentToQuery(), L.MixedPairs(mixtures=2)),
    ),
    "supervised": L.SupervisedContrastive(temperature=0.3),
}


class Wrapping(NamedTuple):
    """What stands around an inner loss, and what its columns have that the inner loss's have not."""

    loss: Callable[[L.Loss], L.Loss]
    columns: Callable[[np.random.Generator, Columns], Columns] = lambda rng, columns: columns


def layered(rng: np.random.Generator, columns: Columns) -> Columns:
    """Vectors of three depths."""
    shapes = {name: columns[name].shape for name in ("query", "positive", "negatives")}
    return columns | {
        name: rng.normal(size=(*lead, 3, width)) for name, (*lead, width) in shapes.items()
    }


def of_two_parts(rng: np.random.Generator, columns: Columns) -> Columns:
    """Positives of two vectors each."""
    return columns | {"positive": rng.normal(size=(len(columns["positive"]), 2, W))}


def summed(inner: L.Loss) -> L.Loss:
    return L.Sum(losses=(inner, L.SpreadOut(columns=("query", "positive"))), weights=(1.0, 0.5))


WRAPPERS: dict[str, Wrapping] = {
    "sum": Wrapping(summed),
    "matryoshka": Wrapping(
        lambda inner: L.Matryoshka(inner=inner, dims=(2, W), weights=(0.5, 1.0))
    ),
    "sampled_dimension": Wrapping(lambda inner: L.SampledDimension(inner=inner, dims=(2, 4))),
    "layer_wise": Wrapping(lambda inner: L.LayerWise(inner=inner), layered),
    "of_family": Wrapping(lambda inner: L.OfFamily(inner=inner, family=1)),
    "progressive": Wrapping(lambda inner: L.Progressive(inner=inner, start=0.5, steps=3)),
    "projected": Wrapping(lambda inner: L.Projected(inner=inner, dim=4)),
    "headed": Wrapping(
        lambda inner: L.Headed(
            inner=inner, head=heads.Chain(heads=(heads.Linear(dim=5), heads.Activated()))
        )
    ),
    "composed": Wrapping(lambda inner: L.Composed(inner=inner), of_two_parts),
    "in_roles": Wrapping(
        lambda inner: L.InRoles(
            inner=inner, query="positive", positive="query", negatives="negatives"
        )
    ),
    "several": Wrapping(
        lambda inner: L.OfFamily(
            inner=L.Progressive(inner=L.Matryoshka(inner=summed(inner), dims=(4,)), start=0.5),
            family=1,
        )
    ),
}


def columns(rng: np.random.Generator, rows: int) -> Columns:
    """What every one of the inner losses reads."""
    more = {"label": rng.permutation(rows) % 2, "family": rng.permutation(rows) % 2}
    return texts(rng, rows) | more | {"score": rng.integers(0, 4, rows) / 4}


def composition(wrapper: str, inner: str) -> Sample:
    """The loss, and how its columns are drawn."""
    around = WRAPPERS[wrapper]
    return Sample(
        around.loss(INNERS[inner]), lambda rng, rows: around.columns(rng, columns(rng, rows))
    )
