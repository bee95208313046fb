"""A small documentation with modules, packages and links, and a model that counts words."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest

from jaxemb.data import Source

TOPICS = ("read", "write", "draw", "solve", "sort")
THINGS = ("tables", "arrays", "images", "graphs", "matrices", "words", "files", "trees")


@dataclass(frozen=True, kw_only=True)
class SmallDocs(Source):
    """Five packages of eight modules of six functions; a package's summaries share a verb."""

    functions: int = 6

    def records(self, split: str) -> list[dict]:
        return [
            self._record(split, package, module, number)
            for package in range(len(TOPICS))
            for module in range(len(THINGS))
            for number in range(self.functions)
        ]

    def _record(self, split: str, package: int, module: int, number: int) -> dict:
        where = f"{TOPICS[package]}.{THINGS[module]}{split}"
        what = f"{THINGS[module]} number {number} of {split}"
        return {
            "name": f"{where}.f{number}",
            "package": TOPICS[package],
            "module": where,
            "kind": "function" if number % 2 else "class",
            "summary": f"{TOPICS[package]} {what}.",
            "body": f"This will {TOPICS[package]} the {what}. More follows.\nNotes None.",
            "code": "",
            "links": (f"{where}.f{number + 1}", "elsewhere.entirely") if number % 3 == 0 else (),
            "neighbours": (),
            "cluster": where,
            "split": split,
        }

    def fingerprint(self) -> str:
        return f"small-{self.functions}"


@functools.cache
def word_vector(word: str) -> np.ndarray:
    return np.random.default_rng(list(word.encode())).normal(size=64).astype("float32")


def hashed_words(texts, role):
    """A model that counts words, seen through one fixed random projection."""
    return np.stack([sum(map(word_vector, text.lower().split())) for text in texts])


@pytest.fixture
def docs() -> SmallDocs:
    return SmallDocs()


@pytest.fixture
def embed():
    return hashed_words
