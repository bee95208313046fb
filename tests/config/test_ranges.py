"""Ranges that fields declare: what they take, what they say, and where they are checked."""

import dataclasses
from typing import Annotated, Literal

import flax.linen as nn
import numpy as np
import pytest

from jaxemb.config import (
    Above,
    AtLeast,
    AtMost,
    Below,
    Between,
    Part,
    Positive,
    UsageError,
    allowed,
    check_ranges,
    choices,
    from_json,
    override,
    paths,
    tag,
    to_json,
)
from tests.config.given import Goal, LatentOnes, Near, Reader

Count = Annotated[int, AtLeast(1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack(Part):
    layers: Count = 4
    kept: Count | None = None
    rate: Annotated[float, AtLeast(0), Below(1)] = 0.0
    decay: Annotated[float | None, Positive] = None
    share: Annotated[float, Between(0, 1)] = 0.5
    dims: tuple[Count, ...] = ()
    betas: Annotated[tuple[float, float], Above(0), AtMost(1)] = (0.9, 1.0)
    size: Literal["all"] | Count = "all"
    goal: Annotated[Goal, "what it is for"] = Near()
    free: int = 0


class Deep(nn.Module, Part):
    layers: Count = 4


BAD = [
    ("layers", 0, "layers takes a whole number of at least 1, not 0."),
    ("kept", -1, "kept takes a whole number of at least 1 or None, not -1."),
    ("rate", 1.0, "rate takes a finite number of at least 0 and below 1, not 1.0."),
    ("rate", -0.1, "rate takes a finite number of at least 0 and below 1, not -0.1."),
    ("decay", 0.0, "decay takes a finite number above 0 or None, not 0.0."),
    ("share", 1.5, "share takes a finite number from 0 to 1, not 1.5."),
    ("dims", (2, 0), "dims takes a tuple, each item a whole number of at least 1, not (2, 0)."),
    ("betas", (0.5, 1.5), "betas takes a tuple (a finite number, a finite number) above 0 and "
     "of at most 1, not (0.5, 1.5)."),
    ("size", 0, "size takes one of 'all' or a whole number of at least 1, not 0."),
]  # fmt: skip
GOOD = [
    ("layers", 1), ("kept", None), ("kept", 1), ("rate", 0.0), ("rate", 0.999), ("decay", None),
    ("decay", 1e-9), ("share", 0.0), ("share", 1.0), ("dims", (1, 2)), ("betas", (0.1, 1.0)),
    ("size", "all"), ("size", 3), ("free", -5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_a_value_out_of_range_is_refused_wherever_it_comes_from(name, value, message):
    with pytest.raises(UsageError) as caught:
        override(Stack(), name, value)
    assert str(caught.value) == message
    with pytest.raises(UsageError) as caught:
        override(Stack(), name, repr(value))
    assert str(caught.value) == message
    data = list(value) if isinstance(value, tuple) else value
    with pytest.raises(UsageError) as caught:
        from_json({"part": tag(Stack), name: data})
    assert str(caught.value) == message
    with pytest.raises(UsageError) as caught:
        check_ranges(Stack(**{name: value}))
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_the_ends_of_a_range_are_taken_as_it_says(name, value):
    part = override(Stack(), name, repr(value) if value != "all" else value)
    assert paths(part)[name] == value
    check_ranges(part)
    assert from_json(to_json(part)) == part


def test_a_module_declares_ranges_too_and_numpy_numbers_are_numbers():
    with pytest.raises(UsageError, match="layers takes a whole number of at least 1, not 0"):
        override(Deep(), "layers", "0")
    assert override(Stack(), "layers", np.int64(3)).layers == 3
    with pytest.raises(UsageError, match="of at least 1"):
        override(Stack(), "layers", np.int64(0))


def test_a_part_may_check_itself_where_it_is_written_in_python():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Checked(Stack):
        __post_init__ = check_ranges

    assert Checked(layers=1, free=-1).layers == 1
    with pytest.raises(UsageError, match="layers takes a whole number of at least 1, not 0"):
        Checked(layers=0)


def test_fields_without_a_range_are_left_to_the_part():
    check_ranges(Stack(free="three", goal=3))
    with pytest.raises(UsageError, match="layers takes a whole number of at least 1, not three"):
        check_ranges(Stack(layers="three"))


def test_what_a_field_takes_is_said_in_words():
    assert allowed(Count | None) == "a whole number of at least 1 or None"
    assert allowed(Annotated[int, AtMost(3)]) == "a whole number of at most 3"
    assert allowed(Literal["a", "b"]) == "one of 'a', 'b'"
    assert allowed(Annotated[Reader, "read"]) == "a Reader part; choices: first_one, latent_ones"
    assert choices(tuple[Annotated[Reader, "read"], ...])["latent_ones"] is LatentOnes


def test_an_override_goes_through_an_annotated_field():
    assert override(Stack(), "goal.temperature", "0.25").goal == Near(temperature=0.25)
    assert override(Stack(), "goal", "near(temperature=0.25)").goal == Near(temperature=0.25)


def test_all_that_is_within_a_part_is_checked():
    from jaxemb.config import check_whole
    from jaxemb.pooling import LatentOverTokens, Mean
    from jaxemb.training import AdamW

    check_whole((Mean(), AdamW()))
    with pytest.raises(UsageError, match=r"recipe\[1\].latents takes a whole number of at least"):
        check_whole((Mean(), LatentOverTokens(latents=0)), "recipe")
