import numpy as np

from jaxemb.data import normalise
from jaxemb.data.duplicates import groups_of_copies, split_of

RNG = np.random.default_rng(0)
WORDS = [f"word{i}" for i in range(2000)]


def text(length: int = 60) -> list[str]:
    return RNG.choice(WORDS, length).tolist()


def test_equal_up_to_case_and_spacing():
    assert normalise("  Sort\n an ARRAY ") == normalise("sort an array") == "sort an array"
    assert normalise("sort") != normalise("sorts")


def test_equal_keys_join_through_each_other_and_none_joins_nothing():
    keys = [["a", None, "a", None, "b"], [None, None, "c", "d", "c"]]
    assert groups_of_copies(["", "", "", "", ""], keys) == [0, 1, 0, 2, 0]


def test_near_copies_join_and_others_do_not():
    texts = [text() for _ in range(200)]
    copies = [[*words[:30], "changed", *words[31:]] for words in texts[:50]]
    numbers = groups_of_copies([" ".join(words) for words in texts + copies])
    assert numbers[:200] == list(range(200))
    assert np.mean([numbers[200 + i] == i for i in range(50)]) > 0.95


def test_texts_that_share_little_stay_apart():
    head = text(30)
    assert groups_of_copies([" ".join(head + text(60)), " ".join(head + text(60))]) == [0, 1]


def test_short_texts_are_left_alone():
    assert groups_of_copies(["a b", "a b", ""]) == [0, 1, 2]


def test_splits_have_their_shares():
    splits = [split_of(f"module.{i}") for i in range(20_000)]
    for name, share in (("train", 0.8), ("dev", 0.1), ("test", 0.1)):
        assert abs(splits.count(name) / 20_000 - share) < 0.01
