"""Pooled vectors to the vectors a model returns."""

from jaxemb.heads.base import Activated, Chain, Head, Identity, Linear, Normalize, Normed
