"""Hidden tokens: which are asked, what stands in their place, and that a resumed run hides the same."""

import numpy as np
import pytest
import tokenizers

from jaxemb.config import UsageError
from jaxemb.data import Masked, Pairs, Texts
from jaxemb.data.base import Source
from jaxemb.text import CLS, MASK, PAD, SEP, Template, Tokenizer, WordPiece


class Told(Source):
    def records(self, split):
        draw = np.random.default_rng(0)
        return [
            {"name": str(n), "summary": " ".join(f"word{k}" for k in draw.integers(0, 99, 20))}
            for n in range(64)
        ]

    def fingerprint(self):
        return "told"


@pytest.fixture(scope="module")
def data():
    return Masked(inner=Texts(source=Told(), batch_size=32))


@pytest.fixture(scope="module")
def tokenizer(data):
    return WordPiece(vocabulary=300, max_tokens=24).train(list(data.texts()))


def test_a_share_of_the_tokens_is_asked_and_most_of_them_hidden(data, tokenizer):
    batches = data.batches(tokenizer, seed=0)
    asked, hidden, kept, real = 0, 0, 0, 0
    for _ in range(60):
        batch = next(batches)
        ids, seen, targets = batch["query"].ids, batch["masked"].ids, batch["masked_targets"]
        chosen = targets >= 0
        np.testing.assert_array_equal(targets[chosen], ids[chosen])
        np.testing.assert_array_equal(seen[~chosen], ids[~chosen])
        assert not np.isin(ids[chosen], [PAD, CLS, SEP]).any()
        asked += chosen.sum()
        hidden += (seen[chosen] == MASK).sum()
        kept += (seen[chosen] == ids[chosen]).sum()
        real += (batch["query"].mask & ~np.isin(ids, [CLS, SEP])).sum()
    assert abs(asked / real - 0.15) < 0.01
    assert abs(hidden / asked - 0.8) < 0.03 and abs(kept / asked - 0.1) < 0.02


def test_what_is_hidden_changes_from_batch_to_batch_and_comes_back_with_the_state(data, tokenizer):
    batches = data.batches(tokenizer, seed=3)
    first, state = next(batches), batches.get_state()
    second = next(batches)
    assert (first["masked_targets"] >= 0).any()
    again = data.batches(tokenizer, seed=3)
    again.set_state(state)
    resumed = next(again)
    np.testing.assert_array_equal(resumed["masked"].ids, second["masked"].ids)
    np.testing.assert_array_equal(resumed["masked_targets"], second["masked_targets"])
    with pytest.raises(UsageError, match="another seed"):
        data.batches(tokenizer, seed=4).set_state(state)


def test_the_words_of_a_template_are_asked_where_a_text_has_them(data, tokenizer):
    text = WordPiece(vocabulary=300, max_tokens=24, template=Template(document="word1 word2 "))
    read, asked = tokenizer.read_as(text), set()
    batches = data.batches(read, seed=0)
    for _ in range(20):
        targets = next(batches)["masked_targets"]
        asked |= set(targets[targets >= 0].tolist())
    words = set(read.encode(["word1 word2"], prompt="")[0].tolist()) - {CLS, SEP}
    assert words <= asked


def test_what_cannot_be_masked_is_refused(data):
    with pytest.raises(UsageError, match="column 'title'"):
        Masked(inner=Pairs(), column="title")
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}))
    with pytest.raises(UsageError, match="no piece"):
        data.batches(Tokenizer(bare, WordPiece(vocabulary=300)), seed=0)
