"""The hash chain of what was handed out: equal for equal runs, and broken where data change."""

import dataclasses
import json
import time
from dataclasses import dataclass

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import (
    Deleted,
    GivenTexts,
    LengthBucketed,
    Pairs,
    Positions,
    View,
    Windows,
    WithoutDuplicates,
)
from jaxemb.data.chain import Chain, digest_of_examples
from jaxemb.text import WordPiece

DRAW = np.random.default_rng(0)
WORDS = tuple(" ".join(f"word{k}" for k in DRAW.integers(0, 99, n % 9 + 3)) for n in range(80))


@dataclass(frozen=True, kw_only=True)
class Halved(View):
    """The first words of a text with the last."""

    columns = ("query", "positive", "query_id", "positive_id")

    def __call__(self, records):
        return [
            {
                "query": record["text"][:18],
                "positive": record["text"],
                "query_id": n,
                "positive_id": 1000 + n,
            }
            for n, record in enumerate(records)
        ]


def pairs(texts=WORDS, **changes):
    return Pairs(source=GivenTexts(texts=texts), view=Halved(), batch_size=8, **changes)


TEXTS = GivenTexts(texts=WORDS)
DATA = {
    "pairs": pairs(),
    "nested": pairs(order=WithoutDuplicates(inner=LengthBucketed(window=2))),
    "damaged": Deleted(inner=pairs()),
    "windows": Windows(source=TEXTS, fields=("text",), batch_size=64, threshold=0.0),
    "positions": Positions(source=TEXTS, fields=("text",), batch_size=64),
}


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece(vocabulary=300, max_tokens=24).train(list(WORDS))


def after(batches, count):
    found = [batches.digest]
    for _ in range(count):
        next(batches)
        found.append(batches.digest)
    return found


@pytest.mark.parametrize("name", DATA)
def test_equal_runs_have_equal_digests_and_resumed_ones_go_on(name, tokenizer):
    data = DATA[name]
    one = data.batches(tokenizer, seed=1)
    digests = after(one, 45)
    assert len(set(digests)) == 46 and all(len(digest) == 32 for digest in digests)
    assert after(data.batches(tokenizer, seed=1), 45) == digests
    assert after(data.batches(tokenizer, seed=2), 45)[1:] != digests[1:]
    for stop in (0, 3, 30):
        part = data.batches(tokenizer, seed=1)
        after(part, stop)
        resumed = data.batches(tokenizer, seed=1)
        next(resumed)
        resumed.set_state(json.loads(json.dumps(part.get_state())))
        assert after(resumed, 45 - stop) == digests[stop:]


def test_data_that_changed_are_refused(tokenizer):
    batches = pairs().batches(tokenizer, seed=1)
    state = batches.get_state()
    changed = pairs((*WORDS[:40], "another text in its place", *WORDS[41:]))
    with pytest.raises(UsageError, match="their examples are others now"):
        changed.batches(tokenizer, seed=1).set_state(state)
    after(batches, 20)
    other = batches.get_state()
    broken = {**other, "chain": {**other["chain"], "digest": "0" * 32}}
    with pytest.raises(UsageError, match="the batches just before it would now have other"):
        batches.set_state(broken)


def test_a_field_that_decides_the_order_breaks_the_chain(tokenizer):
    """Lengths of a text that is not sampled, as of large data, show in what is read next."""
    rows = [{"query": "x" * (n % 17 + 1), "query_id": n} for n in range(64)]
    order = LengthBucketed(window=4)
    chain, sequel = Chain(b"same"), order(rows, np.arange(64), 8, 0)
    for number in range(20):
        chain.add(sequel[number])
    state = chain.state()
    chain.resume(state, 20, sequel.__getitem__)
    rows[5] = {"query": "x" * 40, "query_id": 5}
    with pytest.raises(UsageError, match="The data changed"):
        chain.resume(state, 20, order(rows, np.arange(64), 8, 0).__getitem__)


def test_a_position_without_a_chain_begins_one(tokenizer):
    batches = pairs().batches(tokenizer, seed=1)
    digests = after(batches, 5)
    old = {name: value for name, value in batches.get_state().items() if name != "chain"}
    resumed = pairs().batches(tokenizer, seed=1)
    resumed.set_state(old)
    assert resumed.digest == digests[0]
    a, b = next(resumed), next(batches)
    np.testing.assert_array_equal(a["query_id"], b["query_id"])
    again = pairs().batches(tokenizer, seed=1)
    again.set_state(resumed.get_state())
    assert after(again, 3) == after(resumed, 3)


def test_numbers_that_were_computed_say_nothing():
    rows = [{"query": "a", "label": 3, "score": 0.5, "vector": np.ones(3)}]
    other = [{"query": "a", "label": 3, "score": 0.5001, "vector": np.zeros(3)}]
    names = ("query", "label", "score", "vector")
    assert digest_of_examples(rows, names) == digest_of_examples(other, names)
    relabelled = [{**rows[0], "label": 4}]
    assert digest_of_examples(rows, names) != digest_of_examples(relabelled, names)
    assert digest_of_examples([], names) != digest_of_examples(rows, names)


def test_a_link_costs_next_to_nothing():
    chain, places = Chain(b"data"), np.arange(1024)
    started = time.perf_counter()
    for _ in range(1000):
        chain.add(places)
    assert (
        time.perf_counter() - started < 0.5
    )  # some 10 microseconds each, and room for a busy machine


def test_pairs_of_other_settings_have_other_digests(tokenizer):
    seen = {
        after(dataclasses.replace(pairs(), batch_size=size).batches(tokenizer, seed=0), 4)[-1]
        for size in (4, 8, 16)
    }
    assert len(seen) == 3
