"""Texts rewritten by rule, for evaluations under other wording."""
