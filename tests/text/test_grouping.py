import numpy as np
import pytest

from jaxemb.text import bucket, group_by_length, group_in_few_shapes
from jaxemb.text.grouping import MANY_TOKENS, few_lengths, narrow_bucket


def test_a_group_holds_about_as_many_tokens_whatever_the_lengths():
    lengths = np.random.default_rng(0).integers(2, 64, 500).tolist() + [64] * 40
    groups = group_by_length(lengths, 64, budget=1024)
    assert sorted(i for group in groups for i in group.texts) == list(range(len(lengths)))
    for group in groups[:-1]:
        assert len(group.texts) == group.rows
        assert max(lengths[i] for i in group.texts) <= group.tokens
        assert 0.9 * 1024 < group.rows * group.tokens <= 1024
    assert len({group[1:] for group in groups}) <= 5


def test_many_texts_are_padded_less():
    lengths = np.random.default_rng(0).integers(2, 500, 1000).tolist()
    few, many = group_by_length(lengths[:200], 512), group_by_length(lengths, 512)
    assert len({group.tokens for group in few}) <= 10
    assert len({group.tokens for group in many}) <= 20
    padded = sum(group.rows * group.tokens for group in many)
    coarse = sum(len(group.texts) * bucket(lengths[group.texts[0]], 512) for group in many)
    assert padded < 0.95 * coarse
    assert all(group.tokens <= 512 for group in many)


def test_a_text_longer_than_the_budget_has_a_call_of_its_own():
    assert [group.rows for group in group_by_length([500, 400], 512, budget=100)] == [1, 1]


def test_the_shape_of_a_text_by_itself_does_not_depend_on_the_others():
    many = [33] * (MANY_TOKENS // 33 + 1)
    assert {group.tokens for group in group_by_length(many, 64)} == {40}
    alone, among = (group_by_length(lengths, 64, rows=1) for lengths in ([33], many))
    assert {group.tokens for group in among} == {alone[0].tokens}


def test_texts_without_a_token_have_room_for_one():
    groups = group_by_length([MANY_TOKENS, 0], MANY_TOKENS, rows=2)
    assert all(group.tokens for group in groups)
    assert narrow_bucket(0, 64) == narrow_bucket(1, 64) == 8


@pytest.mark.parametrize("limit", [10, 64, 100, 512, 8192])
@pytest.mark.parametrize("devices", [1, 8])
def test_an_accelerator_sees_six_shapes(limit, devices):
    lengths = np.random.default_rng().integers(0, limit + 1, 3000).tolist()
    groups = group_in_few_shapes(lengths, limit, budget=1024, devices=devices)
    assert sorted(i for group in groups for i in group.texts) == list(range(3000))
    assert len({group[1:] for group in groups}) <= 6
    assert all(lengths[group.texts[0]] <= group.tokens <= limit for group in groups)
    assert all(group.rows % devices == 0 and len(group.texts) <= group.rows for group in groups)


def test_a_call_by_itself_has_the_rows_it_needs():
    assert [group.rows for group in group_in_few_shapes([9] * 3, 512)] == [4]
    alone, among = (group_in_few_shapes(n, 2048, rows=1) for n in ([600], [600, 2000]))
    assert alone[0].tokens == among[1].tokens  # to the bit


def test_lengths_grow_to_the_longest_text():
    assert few_lengths(8192, 8192)[-1] == 8192 and few_lengths(3000, 2900)[-1] == 3000
    assert few_lengths(8192, 100) == few_lengths(512, 1)
