"""Batches of several tasks in turn."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import Columns, LabelledPairs, Pairs, SeveralTasks, Source
from jaxemb.text import Words


class Given(Source):
    kind: str = "pairs"

    def records(self, split):
        if self.kind == "judged":
            label = ("entailment", "neutral", "contradiction")
            return [
                {"premise": f"p {n}", "hypothesis": f"h {n}", "label": label[n % 3]}
                for n in range(12)
            ]
        return [{"query": f"q {n}", "positive": f"h {n}"} for n in range(30)]

    def fingerprint(self):
        return self.kind


class Judged(Given):
    kind = "judged"


JUDGED = Pairs(source=Judged(), view=LabelledPairs())
PLAIN = Pairs(source=Given(), view=Columns())
BOTH = SeveralTasks(tasks=(JUDGED, PLAIN), batch_size=4)


def test_each_batch_is_of_one_task_and_tasks_have_equally_many():
    tokenizer = Words(vocabulary=64).train(BOTH.texts())
    batches = BOTH.batches(tokenizer, seed=0)
    families = []
    for _ in range(20):
        batch = next(batches)
        (family,) = set(batch["family"].tolist())
        families.append(family)
        assert ((batch["label"] < 0) == (family == 1)).all()
        assert set(batch) == set(BOTH.columns)
    assert abs(np.mean(families) - 0.5) <= 0.1
    state = batches.get_state()
    after = next(batches)["query"].ids
    batches.set_state(state)
    np.testing.assert_array_equal(next(batches)["query"].ids, after)


def test_equal_texts_of_two_tasks_have_equal_numbers():
    examples = BOTH.examples_for(None)
    assert len(examples) == len(BOTH) == 42
    number = {}
    for one in examples:
        assert number.setdefault(one["positive"], one["positive_id"]) == one["positive_id"]
    assert len(set(number.values())) == len(number) == 30


def test_what_cannot_stand_side_by_side_is_refused():
    with pytest.raises(UsageError, match="task 1 .* 'positive'"):
        SeveralTasks(tasks=(JUDGED, Pairs(source=Given(), view=Columns(positive=None))))
    with pytest.raises(UsageError, match="at least one"):
        SeveralTasks(tasks=())
    own = SeveralTasks(tasks=(Pairs(), Pairs(view=LabelledPairs())))
    assert from_json(to_json(own)) == own
