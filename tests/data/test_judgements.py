"""Judgements as batches: numbered texts of one token, with padding that nobody judges."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import Judgements

DATA = Judgements(relevant=((0, 2), (), (8,)), documents=9, copies=2)


def test_a_batch_is_every_copy_of_everything():
    batches = DATA.batches(None, seed=0)
    batch = next(batches)
    assert batch["query"].ids.shape == (2, 8, 1) and batch["document"].ids.shape == (2, 12, 1)
    assert batch["relevant"].shape == (2, 8, 12)
    for copy in batch["relevant"]:
        assert np.argwhere(copy).tolist() == [[0, 0], [0, 2], [2, 8]]
    for name, real in DATA.real.items():
        ids, mask = batch[name].ids, batch[name].mask
        assert len(set(ids.ravel().tolist())) == ids.size, "no two copies share a token"
        assert np.all(mask[..., 0].sum(axis=1) == real)
    batches.set_state(batches.get_state())
    assert next(batches) is batch


def test_a_text_has_the_same_id_however_much_is_padded():
    larger = Judgements(relevant=DATA.relevant * 5, documents=40, copies=2)
    few, many = (next(data.batches(None, seed=0)) for data in (DATA, larger))
    for name in ("query", "document"):
        size = few[name].ids.shape[1]
        np.testing.assert_array_equal(few[name].ids, many[name].ids[:, :size])


def test_json_and_fingerprint_tell_judgements_apart():
    assert from_json(to_json(DATA)) == DATA and list(DATA.texts()) == []
    other = Judgements(relevant=((0, 2), (1,), (8,)), documents=9, copies=2)
    assert DATA.fingerprint() != other.fingerprint() == from_json(to_json(other)).fingerprint()


@pytest.mark.parametrize(
    "changes", [{"relevant": ((), ())}, {"documents": 8}, {"relevant": ((-1,),)}, {"copies": 0}]
)
def test_what_judges_nothing_is_refused(changes):
    fields = {"relevant": DATA.relevant, "documents": 9, "copies": 2} | changes
    with pytest.raises(UsageError, match="documents=|copies=0"):
        Judgements(**fields)
