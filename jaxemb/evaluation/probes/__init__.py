"""Probes: properties of sentences that classifiers read off frozen vectors, and pairs."""
