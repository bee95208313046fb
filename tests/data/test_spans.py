"""Spans of long texts, parts of texts, and a text twice."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import (
    Bisection,
    NearbySpans,
    Overlapping,
    Pairs,
    PartsOfText,
    Subsuming,
    Twins,
)
from jaxemb.data.base import Source
from jaxemb.text import WordPiece


def test_lengths_follow_their_beta_distributions_and_spans_touch():
    view = NearbySpans(shortest=8, longest=64, anchors=2, positives=2)
    anchors, positives = [], []
    for n in range(5000):
        found = list(view.spans(256 + n % 700, (0, n)))
        assert len(found) == 2
        (a, b), (c, d) = (anchor for anchor, _ in found)
        assert b <= c or d <= a
        for (start, end), others in found:
            anchors.append(end - start)
            for low, high in others:
                positives.append(high - low)
                assert low <= end and high >= start
                assert 0 <= low < high <= 256 + n % 700
    # Rounding down takes half a word off, on average.
    assert abs(np.mean(anchors) + 0.5 - (8 + 56 * 2 / 3)) < 0.02 * (8 + 56 * 2 / 3)
    assert abs(np.mean(positives) + 0.5 - (8 + 56 / 3)) < 0.02 * (8 + 56 / 3)


def test_spans_are_words_of_the_text_in_order():
    words = [f"w{n}" for n in range(40)]
    text = " ".join(words)
    view = NearbySpans(shortest=2, longest=8, anchors=2, positives=3, fields=("body",))
    found = view([{"body": text, "name": "a"}, {"body": "too short", "name": "b"}])
    assert len(found) == 2
    for example in found:
        assert example["query"] in text and len(example["positive"]) == 3
        assert all(f" {part} " in f" {text} " for part in example["positive"])


def test_a_longest_span_below_the_shortest_is_refused():
    with pytest.raises(UsageError, match="longest=4 is below shortest=8"):
        NearbySpans(longest=4)


@pytest.mark.parametrize("division", [Bisection(), Overlapping(), Subsuming()])
def test_parts_are_spans_of_the_text(division):
    draw = np.random.default_rng(0)
    for count in range(6, 60):
        words = [f"w{n}" for n in range(count)]
        one, two = (part.split() for part in division(words, draw))
        for part in (one, two):
            start = words.index(part[0])
            assert part == words[start : start + len(part)]
            assert 2 <= len(part) < count
        if division == Bisection():
            assert one + two == words
        if division == Overlapping():
            assert set(one) & set(two) and set(one) | set(two) == set(words)
        if division == Subsuming():
            assert set(two) < set(one)


class Told(Source):
    def records(self, split):
        texts = [" ".join(f"word{(n * 7 + k) % 31}" for k in range(3 + n % 9)) for n in range(40)]
        return [{"name": str(n), "summary": text} for n, text in enumerate(texts)]

    def fingerprint(self):
        return "told"


def test_parts_become_a_column_of_two_texts_and_short_texts_none():
    data = Pairs(source=Told(), view=PartsOfText(), batch_size=4)
    examples = data.examples()
    assert all(len(example["query"].split()) >= 6 for example in examples)
    assert sorted(data.texts()) == sorted(t for e in examples for t in (e["query"], *e["positive"]))
    tokenizer = WordPiece(vocabulary=64, max_tokens=12).train(list(data.texts()))
    batch = next(data.batches(tokenizer, seed=0))
    assert batch["positive"].ids.shape[:2] == (4, 2) and batch["query"].ids.ndim == 2


def test_twins_are_equal_and_empty_texts_have_none():
    found = Twins(fields=("summary",))([{"summary": "a b"}, {"summary": ""}, {"summary": "A  b"}])
    assert [e["query"] for e in found] == [e["positive"] for e in found] == ["a b"]
