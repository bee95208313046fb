"""Positions of texts: each batch row by hand."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import GivenTexts, Positions
from jaxemb.text import Words

TEXTS = ("a b c d", "e", "b b a")
SOURCE = GivenTexts(texts=TEXTS)
TOKENIZER = Words(vocabulary=12, max_tokens=8).train(TEXTS)


def batches(window, **changes):
    data = Positions(source=SOURCE, fields=("text",), window=window, batch_size=64, **changes)
    return data.batches(TOKENIZER, seed=0)


@pytest.mark.parametrize("window", [0, 1, 2, 9])
def test_every_position_has_its_text_and_its_neighbours(window):
    texts = [ids.tolist() for ids in TOKENIZER.encode(list(TEXTS))]
    batch = next(batches(window))
    assert batch["document"].ids[0, :, 0].tolist() == list(range(12))
    seen = set()
    for ids, mask, own, relevant in zip(
        batch["query"].ids[0],
        batch["query"].mask[0],
        batch["paragraph"].ids[0, :, 0],
        batch["relevant"][0],
        strict=True,
    ):
        text, (target,) = texts[own - 12], np.flatnonzero(relevant)
        found = ids[mask].tolist()
        assert found[0] == own and len(ids) == 1 + 2 * window
        near = [
            (place, text[max(0, place - window) : place] + text[place + 1 : place + 1 + window])
            for place in range(len(text))
            if text[place] == target
        ]
        assert found[1:] in [context for _, context in near]
        seen.add((int(own), int(target)))
    assert len(seen) == 7, "every different word of every text is drawn, given so many draws"


def test_positions_go_on_where_they_were():
    one, other = batches(1), batches(1)
    next(one)
    other.set_state(one.get_state())
    for name, value in next(one).items():
        np.testing.assert_equal(next_of(other, name), value)


def next_of(batches, name):
    state = batches.get_state()
    found = next(batches)[name]
    batches.set_state(state)
    return found


def test_json_and_what_is_refused():
    data = Positions(source=SOURCE, fields=("text",))
    assert from_json(to_json(data)) == data and len(data) == 3
    with pytest.raises(UsageError, match="window=-1"):
        Positions(window=-1)
    with pytest.raises(UsageError, match="no token"):
        Positions(source=GivenTexts(texts=("",)), fields=("text",)).batches(TOKENIZER, seed=0)
    with pytest.raises(UsageError, match="another seed"):
        batches(1).set_state({"position": 3, "seed": 1, "tokens": 8})
