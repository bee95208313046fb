"""Several datasets as one: columns that stand in, numbers of texts, and losses of their own."""

import dataclasses

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import (
    Columns,
    GivenTexts,
    Pairs,
    SeveralTasks,
    SideBySide,
    Source,
    Stratified,
    SummaryToBody,
    View,
    Where,
    normalise,
)
from jaxemb.data.wrappers import HardNegatives, NoisyPairs
from jaxemb.text import WordPiece


@dataclasses.dataclass(frozen=True, kw_only=True)
class Graded(View):
    """A text, the same with a word more, and a grade."""

    columns = ("query", "positive", "query_id", "positive_id", "score")

    def __call__(self, records):
        texts = [record["text"] for record in records]
        found = [{"query": t, "positive": f"{t} b", "score": float(t)} for t in texts]
        return [e | {"query_id": n, "positive_id": n} for n, e in enumerate(found)]


@pytest.fixture
def parts(pydocs):
    numbers: Source = GivenTexts(texts=tuple(str(n) for n in range(40)))
    plain = Pairs(source=pydocs, view=HardNegatives(inner=SummaryToBody(), count=2))
    return plain, Pairs(source=numbers, view=Graded())


def test_what_a_dataset_lacks_is_filled_in_and_texts_are_numbered_anew(parts):
    data = SeveralTasks(tasks=parts, batch_size=8)
    examples = data.examples_for(None)
    assert len(examples) == len(data) == sum(map(len, parts))
    assert set(data.columns) == {*parts[0].columns, "score", "family"}
    first, last = examples[0], examples[-1]
    assert (first["score"], first["family"], last["family"]) == (0.0, 0, 1)
    assert last["negatives"] == ("",) and last["score"] == 39.0
    number = {}
    for example in examples:
        for role in ("query", "positive"):
            own = example[f"{role}_id"]
            assert number.setdefault(normalise(example[role]), own) == own


def test_batches_hold_a_share_of_each_or_one(parts):
    tokenizer = WordPiece(vocabulary=256, max_tokens=16).train(["1 2 3 a list of b"])
    half = SideBySide(orders=(Where(equals=0), Where(equals=1)), shares=(1, 1))
    batches = SeveralTasks(tasks=parts, batch_size=8, order=half).batches(tokenizer, seed=0)
    for _ in range(5):
        batch = next(batches)
        assert batch["family"].tolist() == [0] * 4 + [1] * 4
        assert (batch["score"][:4] == 0).all() and batch["negatives"].ids.shape[:2] == (8, 2)
        assert (
            not batch["negatives"].mask[4:, 1].any() and (batch["negatives_id"][4:, 1] == -1).all()
        )
    batches.close()
    batches = SeveralTasks(tasks=parts, batch_size=8, order=Stratified()).batches(tokenizer, seed=0)
    assert all(len(set(next(batches)["family"].tolist())) == 1 for _ in range(5))
    batches.close()


def test_a_text_cannot_be_missing(parts):
    single = dataclasses.replace(parts[1], view=Columns(query="text", positive=None))
    with pytest.raises(UsageError, match="task 1 of SeveralTasks lacks the column 'positive'"):
        SeveralTasks(tasks=(parts[0], single))
    with pytest.raises(UsageError, match="at least one"):
        SeveralTasks(tasks=())


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_known_share_of_pairs_is_noise(pydocs, share):
    records = pydocs.records("train")
    plain, noisy = SummaryToBody()(records), NoisyPairs(share=share)(records)
    known = {}
    for e in plain:
        known.setdefault(e["query_id"], set()).add(e["positive_id"])
    wrong = [e["positive_id"] not in known[e["query_id"]] for e in noisy]
    assert wrong == [e["noise"] for e in noisy]
    assert share - 0.05 <= np.mean(wrong) <= share + 0.5 / len(plain)
    kept = [(a, b) for a, b in zip(plain, noisy, strict=True) if not b["noise"]]
    assert all(a["positive"] == b["positive"] for a, b in kept)
