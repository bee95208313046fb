"""Several tasks and languages in one data set."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import (
    Ciphered,
    ForTask,
    Joined,
    Labels,
    Several,
    Source,
    SummaryToBody,
    WordCipher,
)
from jaxemb.data.pipeline import batches
from jaxemb.text import Prefix, TaskTemplate, WordPiece

RECORDS = [
    {"summary": f"Sort list {n}.", "body": f"Sorting {n} lists quickly.", "module": f"m{n}"}
    for n in range(8)
]
TEMPLATE = TaskTemplate(
    prefixes=(
        Prefix(task="retrieval", side="query", text="sort "),
        Prefix(task="retrieval", side="document", text="list "),
        Prefix(task="sts", text="quickly "),
    )
)


class Fixed(Source):
    def records(self, split):
        return RECORDS

    def fingerprint(self):
        return "fixed"


def test_cipher_is_a_bijection_on_words():
    draw = np.random.default_rng(0)
    letters = list("abcdeginorsty")
    words = {"".join(draw.choice(letters, n)) for n in draw.integers(1, 7, size=3000)}
    words |= {"s", "ing", "ed", "nation", "sorter", "on", "emi"}
    for seed in (0, 1):
        cipher = WordCipher(seed=seed)
        ciphered = {word: cipher(word) for word in words}
        assert len(set(ciphered.values())) == len(words)
        assert all(cipher.decipher(other) == word for word, other in ciphered.items())


def test_cipher_keeps_marks_and_figures_and_changes_every_word():
    text = "Sort 3 lists; see numpy.argsort(x, axis=-1) \u2014 na\u00efve"
    ciphered = WordCipher()(text)
    assert WordCipher().decipher(ciphered) == text.lower()
    assert [c for c in ciphered if not c.isalpha()] == [c for c in text if not c.isalpha()]
    assert WordCipher(seed=1)(text) != ciphered


def test_ciphered_and_joined_sources():
    other = Ciphered(inner=Fixed())
    assert other.records("train")[2]["module"] == "m2"
    assert WordCipher().decipher(other.records("train")[2]["body"]) == RECORDS[2]["body"].lower()
    both = Joined(sources=(Fixed(), other))
    assert both.records("train") == RECORDS + other.records("train")
    assert len({s.fingerprint() for s in (Fixed(), other, both)}) == 3


def test_examples_say_their_family_and_equal_texts_have_equal_numbers():
    view = Several(views=(ForTask(task="retrieval"), ForTask(task="sts")))
    examples = view(RECORDS)
    assert [e["family"] for e in examples] == [0] * 8 + [1] * 8
    assert [e["query_id"] for e in examples[:8]] == [e["query_id"] for e in examples[8:]]
    with pytest.raises(UsageError, match="equal columns"):
        Several(views=(SummaryToBody(), Labels()))
    with pytest.raises(UsageError, match="at least one"):
        Several(views=())


def test_a_batch_has_the_prefixes_of_each_example_s_task():
    view = Several(views=(ForTask(task="retrieval"), ForTask(task="sts")))
    examples = view(RECORDS)
    text = WordPiece(vocabulary=80, max_tokens=40, template=TEMPLATE)
    tokenizer = text.train([e[side] for e in examples for side in ("query", "positive")])
    iterator = batches(examples, view.columns, tokenizer, batch_size=16, seed=0)
    batch = next(iterator)
    iterator.close()
    prefixes = {("query", 0): "sort ", ("positive", 0): "list "}
    plain = {normal: e for e in examples for normal in [(e["query_id"], e["family"])]}
    for row in range(16):
        family = int(batch["family"][row])
        example = plain[int(batch["query_id"][row]), family]
        for side in ("query", "positive"):
            prompt = prefixes.get((side, family), "quickly ")
            expected = tokenizer.encode([example[side]], prompt=prompt)[0]
            ids = batch[side].ids[row][batch[side].mask[row]]
            np.testing.assert_array_equal(ids, expected)


def test_a_task_without_prefix_is_refused_in_training_too():
    examples = ForTask(task="clustering")(RECORDS)
    tokenizer = WordPiece(vocabulary=80, template=TEMPLATE).train(["sort a list"])
    with pytest.raises(UsageError, match="no prefix for 'clustering/query'"):
        batches(examples, ("query",), tokenizer, batch_size=2, seed=0)


def test_views_in_another_language_say_the_same():
    from jaxemb.data import Translated, Translation

    plain, other = SummaryToBody()(RECORDS), Translated()(RECORDS)
    cipher = WordCipher()
    for one, said in zip(plain, other, strict=True):
        for role in ("query", "positive"):
            assert cipher.decipher(said[role]) == one[role].lower() != said[role]
        assert {k: v for k, v in one.items() if k not in ("query", "positive")} == {
            k: v for k, v in said.items() if k not in ("query", "positive")
        }
    for example in Translation(cipher=WordCipher(seed=2))(RECORDS):
        back = WordCipher(seed=2).decipher(example["positive"])
        assert back == example["query"].lower()
    both = Several(views=(ForTask(task="retrieval"), Translated(), Translation()))(RECORDS)
    assert len({e["query_id"] for e in both}) == 16  # the summaries and their translations
