"""Models and files that word tasks are tested with."""

import functools
import itertools

import numpy as np

from jaxemb.evaluation import AssociationFile, TaggedFile

RNG = np.random.default_rng()
WORDS = "abcdefgh"
PAIRS = list(itertools.combinations(WORDS, 2))
QUESTIONS = [("x", *four) for four in itertools.permutations("ABCDE", 4)] + [
    ("y", *four) for four in itertools.permutations("cdefg", 4)
]


def model(width=5, seed=None, **known):
    """A random vector a text, drawn once; `known` fixes some."""
    rng = np.random.default_rng(seed)

    @functools.cache
    def vector(text):
        return np.asarray(known.get(text, rng.normal(size=width)), np.float32)

    return lambda texts, role: np.stack([vector(text) for text in texts])


def constant(texts, role):
    return np.ones((len(texts), 3), np.float32)


def cos(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a @ b / np.sqrt((a @ a) * (b @ b))


def of(embed, *texts):
    return embed(list(texts), "query").astype(np.float64)


def weat(write, sizes=(5, 5, 4, 3)):
    names = ("targ1", "targ2", "attr1", "attr2")
    row = {
        name: {"examples": [f"{name}{n}" for n in range(size)]}
        for name, size in zip(names, sizes, strict=True)
    }
    path = write("w.jsonl", [{"test": "one", **row}, {"test": "other", **row}])
    return AssociationFile(path=path, test="one"), row


def tagged(write, count=300):
    """The tag of a word is the parity of its place: neither the word nor the sentence tells it."""
    rows = []
    for n in range(count):
        words, place = [f"w{RNG.integers(4)}" for _ in range(6)], int(RNG.integers(6))
        rows.append(
            ("train" if n < 200 else "test", " ".join(words), place, "even" if place % 2 else "odd")
        )
    return TaggedFile(path=write("t.tsv", [("split", "sentence", "position", "label"), *rows]))
