"""What may be a negative and who says so: exclusions, texts of a corpus, scores of pairs."""

import dataclasses

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import GivenTexts, Texts
from jaxemb.interop import Pretrained
from jaxemb.vectors import (
    AboveScore,
    AlsoTexts,
    BelowPositive,
    BelowScore,
    Consistent,
    CrossEncoder,
    Judge,
    Mined,
    MinedOnce,
    MinedWhereEasy,
    OwnQueries,
    PairScore,
    Ranks,
    Reranked,
    SameValue,
    mine,
)
from tests.vectors.searching import DIM, Searcher, by_hand, pairs


def test_a_negative_is_given_the_query_that_it_answers(model):
    data = OwnQueries(inner=MinedOnce(inner=pairs(), count=3))
    for example in data.examples_for(model):
        assert example["negatives_query"] == tuple(f"q{n - 1000}" for n in example["negatives_id"])
    batch = next(data.batches(model, seed=0))
    assert batch["negatives_query"].ids.shape[:2] == (8, 3)
    with pytest.raises(UsageError, match="needs the columns 'negatives'"):
        OwnQueries(inner=pairs())


def test_no_negative_shares_a_value_even_where_others_are_drawn(examples):
    rows = [{**e, "group": e["positive_id"] % 3, "place": n} for n, e in enumerate(examples)]
    searcher = Searcher(rows)
    groups_of_text, groups_of_query = {}, {}
    for e in rows:
        groups_of_text.setdefault(e["positive_id"], set()).add(e["group"])
        groups_of_query.setdefault(e["query_id"], set()).add(e["group"])
    asked = [n for n, e in enumerate(rows) if len(groups_of_query[e["query_id"]]) < 3]
    kept = [rows[n] for n in asked]
    for eligible in (Ranks(), Ranks(first=2, last=3), BelowScore(ceiling=-0.5)):
        found = mine(kept, searcher, 3, eligible=eligible, excluded=SameValue(by="group"))
        for example, numbers in zip(kept, found.numbers.tolist(), strict=True):
            texts = [kept[n]["positive_id"] for n in numbers]
            assert len(set(texts)) == 3 and example["query_id"] not in texts
            for text in texts:
                assert not groups_of_text[text] & groups_of_query[example["query_id"]]
    assert found.short > 0
    scores = searcher.scores(kept)
    found = mine(kept, searcher, 1, excluded=SameValue(by="group"))
    for row, (best,) in enumerate(found.numbers.tolist()):
        groups = groups_of_query[kept[row]["query_id"]]
        others = [n for n in by_hand(kept, scores, row) if not {kept[n]["group"]} & groups]
        assert best == others[0]
    with pytest.raises(UsageError, match="SameValue reads the field 'topic'"):
        mine(kept, searcher, 1, excluded=SameValue(by="topic"))


def test_exclusions_nest_and_load(model):
    data = MinedOnce(
        inner=pairs(), count=2, excluded=SameValue(by="a", inner=SameValue(by="positive_id"))
    )
    assert from_json(to_json(data)) == data
    rows = [{**e, "a": n % 2} for n, e in enumerate(pairs().examples())]
    never = data.excluded(rows, rows)[3]
    assert len(never) == 3 and 3 in np.concatenate(never) and {1003} == {*never[1].tolist()}
    assert {*never[2].tolist()} == {1000 + n for n in range(1, 60, 2)}


def test_texts_of_a_corpus_are_candidates_too(model):
    corpus = ("c0", "C1", "q4", "d5", "c0")
    texts = Texts(source=GivenTexts(texts=corpus), fields=("text",))
    draw = np.random.default_rng(9)
    searcher = Searcher(pairs().examples())
    searcher.tokenizer_of = model.tokenizer_of
    searcher.vectors |= {text: draw.normal(size=DIM) for text in ("c0", "C1")}
    for n in (0, 7):  # these lie nearest to two queries
        searcher.vectors[("c0", "C1")[n > 0]] = searcher.vectors[f"q{n}"] * 1.01
    data = Mined(inner=pairs(), count=2, candidates=AlsoTexts(of=texts))
    more = data.candidates(pairs().examples())
    assert [row["positive"] for row in more] == ["c0", "C1", "q4"]
    assert [row["positive_id"] for row in more] == [1060, 1061, 4]
    once = MinedOnce(inner=pairs(), count=2, candidates=AlsoTexts(of=texts)).examples_for(searcher)
    assert once[0]["negatives"][0] == "c0" and once[7]["negatives"][0] == "C1"
    assert "q4" not in once[4]["negatives"]
    batches = data.batches(searcher, seed=0)
    batches.renew(0, lambda: searcher)
    while 7 not in (batch := next(batches))["query_id"]:
        pass
    row = batch["query_id"].tolist().index(7)
    assert batch["negatives_id"][row, 0] == 1061
    assert data.fingerprint() != Mined(inner=pairs(), count=2).fingerprint()
    easy = MinedWhereEasy(inner=pairs(), count=2, candidates=AlsoTexts(of=texts), every=5)
    replaced = easy.batches(searcher, seed=0)
    for step in (0, 5):
        replaced.renew(step, lambda: searcher)
    assert replaced.mined[0, 0] == 60


def by_letters(queries, texts):
    """A score that has nothing to do with the vectors."""
    return [(hash_of(q) * 31 + hash_of(t)) % 97 / 97 for q, t in zip(queries, texts, strict=True)]


def hash_of(text):
    return sum((n + 1) * ord(letter) for n, letter in enumerate(text))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Letters(PairScore):
    """A score of pairs given in code."""

    def scorer(self, current):
        return by_letters


class Given(Judge):
    """Finds with a searcher that a test holds."""

    def searcher(self, current):
        return current()


RULES_OF_PAIRS = {
    Ranks(): lambda s, own: s > -1,
    BelowScore(ceiling=0.5): lambda s, own: s < 0.5,
    BelowPositive(margin=0.1): lambda s, own: s < own - 0.1,
}


@pytest.mark.parametrize("eligible", [Ranks(), BelowScore(ceiling=0.5), BelowPositive(margin=0.1)])
def test_a_score_of_pairs_ranks_anew_what_was_found(examples, eligible):
    searcher, depth = Searcher(examples), 12
    found = mine(examples, searcher, 3, score=by_letters, eligible=eligible, depth=depth)
    scores = searcher.scores(examples)
    for row, numbers in enumerate(found.numbers.tolist()):
        near = by_hand(examples, scores, row)[:depth]
        query = examples[row]["query"]
        own = np.float32(by_letters([query], [examples[row]["positive"]])[0])
        again = np.float32(by_letters([query] * depth, [examples[n]["positive"] for n in near]))
        order = np.argsort(-again, kind="stable")
        here = RULES_OF_PAIRS[eligible](again[order], own)
        expected = np.array(near)[order][here][:3].tolist()
        assert numbers[: len(expected)] == expected


def test_a_reranking_judge_mines_replaces_and_filters(model):
    judge = Reranked(score=Letters(), inner=Given())
    assert (
        from_json(to_json(Reranked(score=CrossEncoder(start=Pretrained("mine"))))).score.between
        == " [SEP] "
    )
    examples = pairs().examples()
    data = Mined(inner=pairs(), count=3, judge=judge, every=5)
    found = data.found(examples, lambda: model, 0).numbers
    np.testing.assert_array_equal(found, mine(examples, model, 3, score=by_letters).numbers)
    easy = MinedWhereEasy(inner=pairs(), count=3, judge=judge).batches(model, seed=0)
    easy.renew(0, lambda: model)
    texts = [examples[n]["positive"] for n in easy.mined[5].tolist()]
    np.testing.assert_allclose(easy.first[5], by_letters(["q5"] * 3, texts), rtol=1e-6)
    keep = Consistent(inner=pairs(), keep=AboveScore(lowest=0.5), judge=judge)
    _, kept = keep.kept(model)
    own = by_letters([e["query"] for e in examples], [e["positive"] for e in examples])
    np.testing.assert_array_equal(kept, np.float32(own) >= 0.5)
    assert not judge.changes and Reranked(score=Letters()).changes
