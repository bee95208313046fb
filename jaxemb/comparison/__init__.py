"""Runs side by side: what differs in their recipes, by how much their scores do, and how surely."""

from jaxemb.comparison.effects import compare_runs
from jaxemb.comparison.told import described

__all__ = ["compare_runs", "described"]
