"""Sentences made by small grammars: of known structure, or of exactly known meaning."""
