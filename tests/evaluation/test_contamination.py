"""Overlap of training texts and tasks, against a brute force over all pairs."""

import re

import numpy as np
import pytest

from jaxemb.evaluation import (
    Capacity,
    Classification,
    LabelFile,
    PyDocsRetrieval,
    Retrieval,
    TrainingTexts,
    contamination,
)
from jaxemb.evaluation.contamination import judged_texts
from jaxemb.evaluation.problems import LabelProblem, RetrievalProblem

WORDS = [f"word{n}" for n in range(60)]


def sentence(rng: np.random.Generator, length: int) -> list[str]:
    return list(rng.choice(WORDS, length))


def runs(text: str, words: int) -> set[tuple[str, ...]]:
    found = re.findall(r"\w+", text.casefold())
    return {tuple(found[n : n + words]) for n in range(len(found) - words + 1)}


def brute_force(text: str, training: list[str]) -> set[str]:
    def same(other: str) -> bool:
        return " ".join(text.casefold().split()) == " ".join(other.casefold().split())

    grams, spans = runs(text, 4), runs(text, 8)
    found = {"exact"} if any(map(same, training)) else set()
    jaccard = [len(grams & runs(o, 4)) / max(1, len(grams | runs(o, 4))) for o in training if grams]
    found |= {"near"} if max(jaccard, default=0) >= 0.6 else set()
    everywhere = set().union(*(runs(other, 8) for other in training))
    held = len(spans & everywhere) / max(1, len(spans))
    return found | ({"contained"} if spans and held >= 0.8 else set())


def edited(rng: np.random.Generator, words: list[str], share: float) -> str:
    changed = [rng.choice(WORDS) if rng.random() < share else word for word in words]
    return " ".join(changed)


def test_ways_are_those_of_a_brute_force():
    rng = np.random.default_rng(0)
    long = [sentence(rng, length) for length in rng.integers(2, 60, 40)]
    training = [" ".join(words) for words in long]
    texts = [
        edited(rng, long[n % 40], share) for n, share in enumerate(rng.choice((0, 0.02, 0.1), 200))
    ]
    texts += [" ".join(long[n][5:25]) for n in range(40)]
    texts += [" ".join(sentence(rng, 12)) for _ in range(40)]
    texts += [f"  {training[0].upper()}\n", "", "one", training[3] + "!"]
    seen = TrainingTexts(training)
    wrong = {"missed": 0, "other": 0}
    for text in texts:
        told, true = set(seen.ways(text)), brute_force(text, training)
        if told != true:
            # Bands may miss a text near the threshold; they never invent one.
            assert true - told == {"near"} and told < true
            wrong["missed"] += 1
    assert wrong["missed"] <= 3
    counted = seen.overlap(texts)
    assert counted.texts == len(set(texts)) and counted.exact >= 40
    assert max(counted[1:4]) <= counted.any <= counted.texts
    assert 0 < counted.share < 1 and 0 < len(counted.shown) <= 3
    assert all(seen.ways(text) for text in counted.shown)


def test_tasks_without_texts_hold_none():
    assert contamination(["a text"], [Capacity()]) == {}


def test_nothing_overlaps_with_nothing():
    assert TrainingTexts([]).overlap(["a b c d e f g h i j"]) == (1, 0, 0, 0, 0, ())
    assert TrainingTexts(["a"]).overlap([]).share == 0


def test_what_a_probe_is_fitted_on_does_not_count(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        "split\ttext\tlabel\ntrain\tseen one\ta\ntrain\tseen two\tb\ntest\tseen one\ta\ntest\tnew\tb\n"
    )
    task = Classification(name="mine", data=LabelFile(path=str(path)))
    found = contamination(["SEEN  one", "seen two"], [task])["mine"]
    assert (found.texts, found.exact, found.any, found.shown) == (2, 1, 1, ("seen one",))


def test_every_text_of_a_problem_is_judged():
    zeros = np.zeros(1, np.int32)
    one = RetrievalProblem(["q"], ["d", "e"], [{0: 1}], zeros)
    assert list(judged_texts(one)) == ["q", "d", "e"]
    two = LabelProblem(["x"], zeros, ["y"], zeros, zeros, ("label",))
    assert list(judged_texts(two)) == ["y"]


def test_held_out_documentation_is_held_out(docs):
    """Summaries and bodies of another split are not found, those of the same are."""
    task = Retrieval(data=PyDocsRetrieval(source=docs))
    own = [r["summary"] for r in docs.records("test")] + [r["body"] for r in docs.records("test")]
    assert contamination(own, [task])["retrieval"].share == 1
    train = [r["summary"] for r in docs.records("train")]
    assert contamination(train, [task])["retrieval"].exact == 0


@pytest.mark.parametrize("text", ["", "...", "a b c"])
def test_short_texts_can_only_be_exact_copies(text):
    assert TrainingTexts([text]).ways(text) == ("exact",)
