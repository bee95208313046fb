"""Sentences and passages drawn from pages: what a pair may never hold, on thousands of random pages."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import BodyFirst, InverseCloze, LinkedPassage, NextPassage, Share
from jaxemb.data.base import Source

VIEWS = (InverseCloze, BodyFirst, LinkedPassage, NextPassage)


def pages(count: int, seed: int = 0) -> list[dict]:
    """Pages whose every sentence is unique, apart from some that are said twice on their page."""
    draw = np.random.default_rng(seed)
    found = []
    for page in range(count):
        told = [f"Sentence {n} of page {page}." for n in range(draw.integers(0, 14))]
        if len(told) > 2 and draw.random() < 0.3:
            told.insert(int(draw.integers(len(told))), told[0])
        lines = " ".join(told[:3]) + "\n" + " ".join(told[3:])
        links = tuple(f"p{n}" for n in draw.integers(0, count + 5, draw.integers(0, 4)))
        found.append(
            {"name": f"p{page}", "summary": f"Lead {page}. More {page}.", "body": lines,
             "links": links, "module": f"m{page}"}
        )  # fmt: skip
    return found


def page_of(text: str) -> set[str]:
    return {word.rstrip(".") for before, word in zip(text.split(), text.split()[1:], strict=False)
            if before in ("page", "Lead", "More")}  # fmt: skip


def test_a_cut_out_sentence_is_never_left_in_its_passage():
    found = InverseCloze(each=6)(pages(2500))
    assert len(found) > 10_000
    for pair in found:
        assert pair["query"] not in pair["positive"]
        assert page_of(pair["query"]) == page_of(pair["positive"])
        assert pair["positive"].count("Sentence") <= 4


def test_an_opening_meets_a_passage_of_its_own_page():
    found = BodyFirst(each=5)(pages(2500))
    assert len(found) > 10_000
    for pair in found:
        assert pair["query"].startswith(("Lead", "More"))
        assert pair["positive"].startswith("Sentence")
        assert page_of(pair["query"]) == page_of(pair["positive"])
    assert {pair["query"].split()[0] for pair in found} == {"Lead", "More"}


def test_a_linked_passage_is_of_another_page_that_a_link_joins():
    records = pages(2500, seed=1)
    joined = {(r["name"], name) for r in records for name in r["links"]}
    found = LinkedPassage(each=5)(records)
    assert len(found) > 8_000
    for pair in found:
        (one,), (two,) = page_of(pair["query"]), page_of(pair["positive"])
        assert one != two
        assert (f"p{one}", f"p{two}") in joined or (f"p{two}", f"p{one}") in joined


def test_the_next_passage_follows_at_once():
    for pair in NextPassage(each=3, sentences=2)(pages(300)):
        before, after = (
            [int(s.split()[1]) for s in pair[side].split(".") if s.strip()]
            for side in ("query", "positive")
        )
        assert max(before) <= max(after) + 1 and len(before) == 2


@pytest.mark.parametrize("view", VIEWS)
def test_the_seed_settles_every_draw(view):
    records = pages(200)
    assert view()(records) == view()(records)
    assert view()(records) != view(seed=1)(records)
    assert not view()([{"name": "a", "summary": "", "body": "", "links": ()}])


@pytest.mark.parametrize(("field", "value"), [("sentences", 1), ("each", 0)])
def test_a_draw_of_nothing_is_refused(field, value):
    with pytest.raises(UsageError, match=field):
        InverseCloze(**{field: value})


class Numbers(Source):
    def records(self, split):
        return [{"name": f"{split}{n}"} for n in range(4000)]

    def fingerprint(self):
        return "numbers"


def test_a_share_of_the_training_records_grows_from_the_inside():
    small, large = (
        {r["name"] for r in Share(inner=Numbers(), share=share).records("train")}
        for share in (0.05, 0.25)
    )
    assert small < large
    assert abs(len(small) - 200) < 60 and abs(len(large) - 1000) < 120
    assert len(Share(inner=Numbers(), share=0.05).records("test")) == 4000
    with pytest.raises(UsageError, match="leaves none"):
        Share(inner=Numbers(), share=0.0).records("train")
    with pytest.raises(UsageError, match="no field 'cluster'"):
        Share(inner=Numbers(), field="cluster").records("train")
