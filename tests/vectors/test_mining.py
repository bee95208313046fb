"""Mined negatives and consistent pairs against searches by hand, on random vectors with repeats."""

import dataclasses
import json

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import (
    Alternating,
    GivenTexts,
    Pairs,
    SeveralTasks,
    Shuffled,
    Source,
    Stratified,
    Texts,
    View,
)
from jaxemb.interop import Pretrained
from jaxemb.losses import Cosine, Dot
from jaxemb.model import Index
from jaxemb.text import WordPiece
from jaxemb.vectors import (
    AboveScore,
    AheadOfOthers,
    AllOf,
    AlsoTexts,
    BelowPositive,
    BelowRisingScore,
    BelowScore,
    BelowShareOfPositive,
    Consistent,
    CrossEncoder,
    DrawnByScore,
    DrawnUniformly,
    Hardest,
    Judge,
    Mined,
    MinedOnce,
    MinedWhereEasy,
    OwnQueries,
    PairScore,
    Ranks,
    Reranked,
    SameValue,
    WithinRank,
    mine,
    ranked,
    scores_of,
)

DIM = 6


class Searcher:
    """A model whose vectors are drawn for each text; queries lie near what they answer."""

    def __init__(self, examples, similarity=Cosine(), noise=0.5):  # noqa: B008
        draw = np.random.default_rng(3)
        self.similarity, self.vectors = similarity, {}
        for example in examples:
            document = self.vectors.setdefault(example["positive"], draw.normal(size=DIM))
            near = document + noise * draw.normal(size=DIM)
            self.vectors.setdefault(example["query"], near)

    def index(self, texts):
        return Index(self.of, self.of(texts), self.similarity)

    def of(self, texts):
        return np.array([self.vectors[text] for text in texts], np.float32)

    def scores(self, examples):
        """`[examples, examples]`, every query with every positive, in float64."""
        q, d = (np.array([self.vectors[e[r]] for e in examples]) for r in ("query", "positive"))
        if self.similarity == Cosine():
            q, d = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, d))
        return q @ d.T


@pytest.fixture(scope="module")
def examples():
    draw = np.random.default_rng(5)
    pairs = [(int(draw.integers(0, 30)), int(draw.integers(25, 60))) for _ in range(50)]
    return [
        {"query": f"t{q}", "positive": f"t{d}", "query_id": q, "positive_id": d}
        for q, d in pairs
        if q != d
    ]


def by_hand(examples, scores, row):
    """Numbers of the others of a row by falling score, one for each text, answers left out."""
    own = examples[row]["query_id"]
    out = {own, *(e["positive_id"] for e in examples if e["query_id"] == own)}
    found = {}
    for number, example in enumerate(examples):
        if example["positive_id"] not in out:
            found.setdefault(example["positive_id"], number)
    return sorted(found.values(), key=lambda number: -scores[row, number])


@pytest.mark.parametrize("similarity", [Cosine(), Dot()])
def test_others_are_ranked_as_by_hand(examples, similarity):
    searcher = Searcher(examples, similarity)
    found, scores = ranked(examples, searcher, 200), searcher.scores(examples)
    for row in range(len(examples)):
        expected = by_hand(examples, scores, row)
        assert found.others[row][: len(expected)].tolist() == expected
        assert (found.others[row][len(expected) :] == -1).all()
        np.testing.assert_allclose(
            found.scores[row][: len(expected)], scores[row, expected], 1e-5, 1e-6
        )
        np.testing.assert_allclose(found.own[row], scores[row, row], rtol=1e-5)
        assert found.rank[row] == 1 + sum(scores[row, expected] > scores[row, row] + 1e-6)


RULES = {
    Ranks(): lambda s, own, rank: rank > 0,
    Ranks(first=3, last=6): lambda s, own, rank: (rank >= 3) & (rank <= 6),
    BelowScore(ceiling=0.3): lambda s, own, rank: s < 0.3,
    BelowScore(ceiling=1.01): lambda s, own, rank: rank > 0,
    BelowPositive(margin=0.1): lambda s, own, rank: s < own - 0.1,
    BelowShareOfPositive(share=0.9, inner=Ranks(first=2)): lambda s, own, rank: (
        (s < 0.9 * own) & (rank >= 2)
    ),
}


@pytest.mark.parametrize("eligible", RULES, ids=repr)
def test_the_hardest_that_are_eligible_are_taken(examples, eligible):
    searcher, count = Searcher(examples), 4
    scores = searcher.scores(examples)
    found, short = mine(examples, searcher, count, eligible=eligible), 0
    for row, numbers in enumerate(found.numbers.tolist()):
        order = np.array(by_hand(examples, scores, row))
        here = RULES[eligible](scores[row, order], scores[row, row], np.arange(1, len(order) + 1))
        expected = order[here][:count].tolist()
        short += len(expected) < count
        assert numbers[: len(expected)] == expected
        texts = [examples[number]["positive_id"] for number in numbers]
        assert len(set(texts)) == count
        assert not set(numbers) - set(range(len(examples)))
        assert {examples[n]["positive_id"] for n in order.tolist()} >= set(texts)
    assert found.short == short


def test_what_is_drawn_is_eligible_and_follows_the_score(examples):
    searcher = Searcher(examples)
    window = Ranks(first=3, last=12)
    ranks = ranked(examples, searcher, 100)
    place = {int(n): k for k, n in enumerate(ranks.others[0].tolist()) if n >= 0}

    def mean_rank(take):
        drawn = [
            mine(examples, searcher, 2, eligible=window, take=take, seed=seed).numbers[0]
            for seed in range(60)
        ]
        found = [place[int(n)] + 1 for numbers in drawn for n in numbers]
        assert min(found) >= 3 and max(found) <= 12
        return np.mean(found)

    assert mean_rank(Hardest()) == 3.5
    assert 6 < mean_rank(DrawnUniformly()) < 9
    assert 3.5 < mean_rank(DrawnByScore(temperature=0.05)) < mean_rank(DrawnUniformly())


def test_too_few_texts_are_refused(examples):
    few = examples[:3]
    with pytest.raises(UsageError, match="fewer than 9 texts that are no answer of it"):
        mine(few, Searcher(few), 9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbered(View):
    """Pairs of random texts, a third of which do not belong together."""

    columns = ("query", "positive", "query_id", "positive_id")

    def __call__(self, records):
        rows = [int(r["text"]) for r in records]
        return [
            {"query": f"q{n}", "positive": f"d{n}", "query_id": n, "positive_id": 1000 + n}
            for n in rows
        ]


def pairs(count=60) -> Pairs:
    source: Source = GivenTexts(texts=tuple(str(n) for n in range(count)))
    return Pairs(source=source, view=Numbered(), batch_size=8)


@pytest.fixture(scope="module")
def model():
    """A searcher that also reads texts, and finds every third pair wrong."""
    examples = pairs().examples()
    searcher = Searcher(examples, noise=0.2)
    draw = np.random.default_rng(1)
    for n in range(0, len(examples), 3):
        searcher.vectors[f"q{n}"] = draw.normal(size=DIM)
    searcher.tokenizer_of = lambda column: tokenizer
    tokenizer = WordPiece(vocabulary=64).train(["q d 0 1 2 3 4 5 6 7 8 9"])
    return searcher


def test_a_filter_drops_what_does_not_belong_together(model):
    examples, kept = Consistent(inner=pairs(), keep=WithinRank(rank=2)).kept(model)
    wrong = np.arange(len(examples)) % 3 == 0
    assert kept[~wrong].mean() >= 0.9 and kept[wrong].mean() <= 0.2
    _, pooled = Consistent(inner=pairs(), keep=WithinRank(rank=2), pool=20).kept(model)
    assert (pooled >= kept).all() and pooled.sum() > kept.sum()
    with pytest.raises(UsageError, match="keeps none of 60 examples"):
        Consistent(inner=pairs(), keep=AboveScore(lowest=2.0)).examples_for(model)


def test_conditions_are_those_of_the_ranks(model):
    examples = pairs().examples()
    found = ranked(examples, model, 10)
    rank, score, gap = WithinRank(rank=3), AboveScore(lowest=0.5), AheadOfOthers(gap=0.05)
    np.testing.assert_array_equal(rank(found), found.rank <= 3)
    np.testing.assert_array_equal(score(found), found.own >= 0.5)
    np.testing.assert_array_equal(gap(found), found.own >= found.scores.max(axis=1) + 0.05)
    both = AllOf(conditions=(rank, score, gap))
    np.testing.assert_array_equal(both(found), rank(found) & score(found) & gap(found))
    assert AllOf(conditions=(WithinRank(rank=50), score)).depth == 50


def test_filtering_and_mining_compose(model):
    kept = Consistent(inner=pairs(), keep=WithinRank(rank=2))
    data = MinedOnce(inner=kept, count=3, eligible=BelowPositive(margin=0.05))
    batch = next(data.batches(model, seed=0))
    assert batch["negatives_id"].shape == (8, 3) and tuple(batch) == data.columns
    examples = data.examples_for(model)
    assert {e["query_id"] for e in examples} == {e["query_id"] for e in kept.examples_for(model)}
    again = Mined(inner=kept, count=3, eligible=BelowPositive(margin=0.05), every=5)
    batches = again.batches(model, seed=0)
    batches.renew(0, lambda: model)
    numbers = mine(examples, model, 3, eligible=BelowPositive(margin=0.05)).numbers
    np.testing.assert_array_equal(batches.mined, numbers)
    state = json.loads(json.dumps(batches.get_state()))
    resumed = again.batches(model, seed=0)
    resumed.set_state(state)
    for _ in range(5):
        a, b = next(batches), next(resumed)
        np.testing.assert_array_equal(a["negatives_id"], b["negatives_id"])


def test_a_ceiling_that_rises_lets_harder_negatives_in(model):
    class Fixed(Judge):
        def searcher(self, current):
            return model

    rising = BelowRisingScore(start=0.2, end=0.6, steps=20)
    data = Mined(inner=pairs(), count=3, judge=Fixed(), eligible=rising, every=10)
    batches, examples = data.batches(model, seed=0), pairs().examples()
    means = []
    for step, ceiling in ((0, 0.2), (10, 0.4), (20, 0.6), (30, 0.6)):
        batches.renew(step, lambda: model)
        wanted = mine(examples, model, 3, eligible=BelowScore(ceiling=ceiling), seed=step)
        np.testing.assert_array_equal(batches.mined, wanted.numbers)
        assert wanted.short == 0
        scores = scores_of(examples, model, batches.mined)
        assert (scores < ceiling).all()
        means.append(scores.mean())
    assert means[0] < means[1] < means[2] == means[3]
    # It rises inside others, and a judge that stays with a ceiling that stays searches once.
    inside = BelowPositive(margin=0.1, inner=BelowShareOfPositive(inner=rising))
    assert inside.changes and inside.at(10).inner.inner == BelowScore(ceiling=0.4)
    assert not dataclasses.replace(data, eligible=inside.at(10)).changes
    assert from_json(to_json(data.eligible)) == rising
    # What searches once asks at the start; far above all scores nothing is left out.
    once = MinedOnce(inner=pairs(), count=3, eligible=rising).found(examples, lambda: model, 0)
    np.testing.assert_array_equal(once.numbers, batches_of_start(examples, model))
    high = mine(examples, model, 3, eligible=BelowScore(ceiling=1.01)).numbers
    np.testing.assert_array_equal(high, mine(examples, model, 3).numbers)


def batches_of_start(examples, model):
    return mine(examples, model, 3, eligible=BelowScore(ceiling=0.2)).numbers


def test_a_skip_that_was_written_before_is_a_first_rank():
    old = {"part": "jaxemb.vectors.Mined", "count": 2, "skip": 4}
    assert from_json(old) == Mined(count=2, eligible=Ranks(first=5))


def test_a_negative_is_given_the_query_that_it_answers(model):
    data = OwnQueries(inner=MinedOnce(inner=pairs(), count=3))
    for example in data.examples_for(model):
        assert example["negatives_query"] == tuple(f"q{n - 1000}" for n in example["negatives_id"])
    batch = next(data.batches(model, seed=0))
    assert batch["negatives_query"].ids.shape[:2] == (8, 3)
    with pytest.raises(UsageError, match="needs the columns 'negatives'"):
        OwnQueries(inner=pairs())


RULE = [  # first score, score now, whether it is replaced at a factor of 1.15 and a ceiling of 0.8
    (0.9, 0.9, False),
    (0.9, 0.79, False),
    (0.9, 0.78, True),
    (0.95, 0.81, False),
    (0.5, 0.4, True),
    (0.2, -0.5, True),
    (0.2, -0.85, False),
    (-0.2, -0.15, False),
]


@pytest.mark.parametrize(("first", "now", "replaced"), RULE)
def test_a_negative_is_replaced_by_the_rule(first, now, replaced):
    found = MinedWhereEasy().easy(np.array([[first]]), np.array([[now]]))
    assert found.tolist() == [[replaced]]


def test_easy_negatives_are_replaced_and_the_others_stay(model):
    data = MinedWhereEasy(inner=pairs(), count=3, every=10)
    batches, examples = data.batches(model, seed=0), pairs().examples()
    batches.renew(0, lambda: model)
    before, first = batches.mined.copy(), batches.first.copy()
    np.testing.assert_array_equal(before, mine(examples, model, 3).numbers)
    batches.renew(5, lambda: model)
    np.testing.assert_array_equal(batches.mined, before)
    moved = Searcher(examples, noise=0.2)
    draw = np.random.default_rng(8)
    moved.vectors = {t: v + draw.normal(size=DIM) for t, v in model.vectors.items()}
    moved.tokenizer_of = model.tokenizer_of
    batches.renew(10, lambda: moved)
    scores = moved.scores(examples)
    now = np.take_along_axis(scores, before, axis=1)
    easy = (1.15 * now < first) & (np.abs(now) < 0.8)
    assert 0.1 < easy.mean() < 0.9
    np.testing.assert_array_equal(batches.mined[~easy], before[~easy])
    np.testing.assert_array_equal(batches.first[~easy], first[~easy])
    for row in range(len(examples)):
        fresh = [n for n in by_hand(examples, scores, row)[:6] if n not in before[row]]
        expected = fresh[: easy[row].sum()]
        assert batches.mined[row][easy[row]][: len(expected)].tolist() == expected
        assert len(set(batches.mined[row].tolist())) == 3
    np.testing.assert_allclose(
        batches.first[easy], np.take_along_axis(scores, batches.mined, axis=1)[easy], 1e-5, 1e-6
    )
    state = json.loads(json.dumps(batches.get_state()))
    resumed = data.batches(model, seed=0)
    resumed.set_state(state)
    np.testing.assert_array_equal(resumed.first, batches.first)
    np.testing.assert_array_equal(next(resumed)["negatives_id"], next(batches)["negatives_id"])


# --- the inner data's order


def in_turn(order):
    return SeveralTasks(tasks=(pairs(), pairs()), batch_size=8, order=order)


def test_mined_batches_follow_the_inner_order(model):
    data = in_turn(Stratified(turns=Alternating()))
    kept = Consistent(inner=data, keep=WithinRank(rank=50))
    for mined in (Mined(inner=data, every=5), MinedWhereEasy(inner=kept, every=5)):
        batches, plain = mined.batches(model, seed=4), mined.inner.batches(model, seed=4)
        batches.renew(0, lambda: model)
        families = set()
        for _ in range(6):
            batch, expected = next(batches), next(plain)
            np.testing.assert_array_equal(batch["query_id"], expected["query_id"])
            families.add(tuple(set(batch["family"].tolist())))
        assert families == {(0,), (1,)}
        state = json.loads(json.dumps(batches.get_state()))
        again = mined.batches(model, seed=4)
        again.set_state(state)
        np.testing.assert_array_equal(next(again)["query_id"], next(batches)["query_id"])
        with pytest.raises(UsageError, match="of batches in another order"):
            again.set_state({**state, "order": repr(Stratified())})


def test_mined_pairs_without_an_order_are_read_as_before(model):
    examples = pairs().examples()
    order = Shuffled()(examples, np.arange(len(examples)), 8, 2)
    batches = Mined(inner=pairs()).batches(model, seed=2)
    for n in range(20):
        expected = [examples[place]["query_id"] for place in order[n].tolist()]
        assert next(batches)["query_id"].tolist() == expected


# --- exclusions and more candidates


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


# --- a cross-encoder as the judge


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


RULES_OF_PAIRS = {
    Ranks(): lambda s, own: s > -1,
    BelowScore(ceiling=0.5): lambda s, own: s < 0.5,
    BelowPositive(margin=0.1): lambda s, own: s < own - 0.1,
}


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
