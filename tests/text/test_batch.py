import numpy as np
import pytest

from jaxemb.text import TextBatch, bucket, pad


def test_bucket_is_the_smallest_static_length_that_holds_a_text():
    lengths = [bucket(n, 1000) for n in (0, 1, 16, 17, 33, 49, 65, 97, 129, 193, 257, 385, 513)]
    assert lengths == [16, 16, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768]


def test_the_last_bucket_is_the_limit_itself():
    assert bucket(65, 70) == 70
    assert bucket(5, 8) == 8
    assert {bucket(n, 64) for n in range(65)} == {16, 32, 48, 64}


def test_bucket_refuses_a_text_beyond_the_limit():
    with pytest.raises(ValueError, match="65 tokens is longer than the limit of 64"):
        bucket(65, 64)


def test_padding_is_zero_on_the_right_and_masked():
    batch = pad([np.array([2, 9, 3], np.int32), np.array([2, 3], np.int32)], 4)
    assert isinstance(batch, TextBatch)
    np.testing.assert_array_equal(batch.ids, [[2, 9, 3, 0], [2, 3, 0, 0]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1, 0], [1, 1, 0, 0]])
    assert batch.ids.dtype == np.int32 and batch.mask.dtype == bool


def test_padding_no_texts_gives_an_empty_batch():
    assert pad([], 16).ids.shape == (0, 16)


def test_padding_refuses_a_text_that_does_not_fit():
    with pytest.raises(ValueError, match="3 tokens does not fit in 2"):
        pad([np.array([2, 9, 3], np.int32)], 2)


def test_a_text_batch_is_a_pytree():
    import jax

    batch = pad([np.array([2, 3], np.int32)], 2)
    doubled = jax.tree.map(lambda x: x[None], batch)
    assert doubled.ids.shape == (1, 1, 2)
