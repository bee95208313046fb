"""Pooled vectors to the vectors a model returns."""

from jaxemb.heads.base import Chain, Head, Identity, Linear, Normalize

__all__ = ["Chain", "Head", "Identity", "Linear", "Normalize"]
