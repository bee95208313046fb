"""Texts that lose pieces: how many, what stays, and that a resumed run loses the same."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import Deleted, GivenTexts, Texts
from jaxemb.text import CLS, SEP, WordPiece

DRAW = np.random.default_rng(0)
WORDS = tuple(" ".join(f"word{k}" for k in DRAW.integers(0, 99, n % 20 + 1)) for n in range(64))


@pytest.fixture(scope="module")
def data():
    texts = Texts(source=GivenTexts(texts=WORDS), fields=("text",), batch_size=32)
    return Deleted(inner=texts)


@pytest.fixture(scope="module")
def tokenizer(data):
    return WordPiece(vocabulary=300, max_tokens=24).train(list(data.texts()))


def pieces(text, row: int) -> list[int]:
    return np.asarray(text.ids)[row][np.asarray(text.mask)[row]].tolist()


def is_subsequence(short: list[int], long: list[int]) -> bool:
    rest = iter(long)
    return all(piece in rest for piece in short)


def test_a_share_of_the_pieces_goes_and_the_rest_keeps_its_order(data, tokenizer):
    batches = data.batches(tokenizer, seed=0)
    gone = total = 0
    for _ in range(40):
        batch = next(batches)
        np.testing.assert_array_equal(batch["damaged"].mask[:, 0], True)
        for row in range(32):
            whole, left = pieces(batch["query"], row), pieces(batch["damaged"], row)
            assert is_subsequence(left, whole) and len(left) >= 3
            assert left[0] == CLS and left[-1] == SEP
            if len(whole) > 12:  # where the piece that always stays hardly counts
                gone, total = gone + len(whole) - len(left), total + len(whole) - 2
    assert abs(gone / total - 0.6) < 0.02
    # The mask has no holes, and nothing stands behind it.
    mask, ids = batch["damaged"].mask, batch["damaged"].ids
    assert (np.diff(mask.astype(int), axis=1) <= 0).all() and not ids[~mask].any()


def test_a_prompt_s_pieces_are_known_when_some_are_gone(data, tokenizer):
    batches = data.batches(tokenizer, seed=0)
    whole = next(batches)["query"]
    first = np.arange(whole.ids.shape[1]) < 5
    prompt = whole.mask & first & (whole.ids != SEP)
    ids = np.where(prompt & (whole.ids != CLS), 900, whole.ids)
    given = whole._replace(ids=ids.astype(np.int32), prompt=prompt)
    damaged = batches.added(given, np.random.default_rng())["damaged"]
    np.testing.assert_array_equal(damaged.prompt, np.isin(damaged.ids, (900, CLS)) & damaged.mask)
    assert 0 < damaged.prompt.sum() < prompt.sum()
    assert batches.added(whole, np.random.default_rng())["damaged"].prompt is None


def test_one_piece_stays_and_a_share_of_zero_takes_nothing(data, tokenizer):
    texts = data.inner
    most = next(Deleted(inner=texts, share=0.999).batches(tokenizer, seed=1))
    assert (most["damaged"].mask.sum(axis=1) >= 3).all()
    assert np.median(most["damaged"].mask.sum(axis=1)) == 3
    none = next(Deleted(inner=texts, share=0.0).batches(tokenizer, seed=1))
    np.testing.assert_array_equal(none["damaged"].ids, none["query"].ids)


def test_what_goes_changes_from_batch_to_batch_and_comes_back_with_the_state(data, tokenizer):
    batches = data.batches(tokenizer, seed=3)
    next(batches)
    state, second = batches.get_state(), next(batches)
    again = data.batches(tokenizer, seed=3)
    again.set_state(state)
    np.testing.assert_array_equal(next(again)["damaged"].ids, second["damaged"].ids)
    with pytest.raises(UsageError, match="of another seed"):
        data.batches(tokenizer, seed=4).set_state(state)


def test_the_column_must_be_there(data):
    with pytest.raises(UsageError, match="Deleted reads the column 'positive'"):
        Deleted(inner=data.inner, column="positive")
