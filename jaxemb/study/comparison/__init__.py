"""Runs side by side: what differs in their recipes, by how much their scores do, and how surely."""

from jaxemb.study.comparison.effects import compare_runs
