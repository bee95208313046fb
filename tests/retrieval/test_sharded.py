"""A corpus dealt out over eight simulated devices gives what one device gives, bit for bit."""

import jax
import numpy as np
import pytest

from jaxemb.retrieval import top_k


def test_there_are_eight_devices():
    assert jax.local_device_count() == 8


@pytest.mark.parametrize("devices", [2, 3, 8])
@pytest.mark.parametrize(("total", "k", "block"), [(5000, 40, 256), (100, 10, 256), (2049, 5, 100)])
def test_equal_to_one_device_to_the_last_bit(devices, total, k, block):
    draw = np.random.default_rng(total)
    queries = draw.normal(size=(300, 48)).astype("float32")
    documents = draw.normal(size=(total, 48)).astype("float32")
    alone = top_k(queries, documents, k, block=block, devices=1)
    shared = top_k(queries, documents, k, block=block, devices=devices)
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(a, b)


def test_ties_across_devices_keep_the_lower_document():
    draw = np.random.default_rng(1)
    queries = draw.integers(-1, 2, size=(20, 3)).astype("float32")
    documents = draw.integers(-1, 2, size=(700, 3)).astype("float32")
    ids, _ = top_k(queries, documents, 40, block=64)
    expected = np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :40]
    np.testing.assert_array_equal(ids, expected)


def test_pieces_are_dealt_out_like_the_whole():
    draw = np.random.default_rng(2)
    queries = draw.normal(size=(9, 16)).astype("float32")
    documents = draw.normal(size=(3000, 16)).astype("float32")
    whole = top_k(queries, documents, 12, block=100)
    pieces = top_k(queries, np.array_split(documents, 7), 12, block=100)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a, b)
