"""What is fitted in closed form reads a bounded number of texts."""

import pytest

from jaxemb.fitting.sampling import at_most


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 17, 100])
def test_a_stream_gives_what_a_sequence_gives(count):
    texts = [str(n) for n in range(count)]
    found = at_most(texts, 8)
    assert found == at_most(iter(texts), 8) == at_most((t for t in texts), 8)
    if count <= 8:
        assert found == texts
    else:
        assert 4 < len(found) <= 8
        numbers = [int(text) for text in found]
        step = numbers[1] - numbers[0]
        assert step & (step - 1) == 0 and numbers == list(range(0, count, step))


def test_of_a_sequence_only_what_is_taken_is_read():
    class Counting(list):
        reads = 0

        def __getitem__(self, place):
            Counting.reads += 1
            return super().__getitem__(place)

    found = at_most(Counting("x" * 100), 10)
    assert len(found) == 7 and Counting.reads <= 10  # a checker of types may read a few
