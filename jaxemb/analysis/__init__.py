"""Vectors to numbers without labels: costs of training, what a width can rank, agreement of models."""

from jaxemb.analysis.capacity import (
    FreeVectors,
    Trained,
    contrast_loss,
    critical_size,
    recovered,
    subsets,
    trigonometric,
)

__all__ = [
    "FreeVectors",
    "Trained",
    "contrast_loss",
    "critical_size",
    "recovered",
    "subsets",
    "trigonometric",
]
