"""Sets of a folder that a person has, and what stands in for one that is not there."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from jaxemb.config.files import SHARED_DATA, given_path

_Made = TypeVar("_Made")


def at_hand(kind: Callable[..., _Made], name: str, *, otherwise: _Made, **fields: Any) -> _Made:
    """A set of the folder `$JAXEMB_SHARED_DATA`, or `otherwise` where the folder does not have it.

    The set's path is written with the variable's name, so that a recipe says the same on every
    machine. What the part is fingerprinted by is the content of the file.

    Args:
        kind: what reads the set from a `path`: a source such as `TextFile`, task data such as
            `PairFile`, or a function that gives one.
        name: the path of the set inside the folder.
        otherwise: the part that takes its place, with the same columns.
        fields: the other fields of `kind`.

    Example:
        >>> from jaxemb.data import GivenTexts, TextFile
        >>> at_hand(TextFile, "nli/no-such-set.tsv", otherwise=GivenTexts(texts=("sort",)))
        GivenTexts(texts=('sort',))
    """
    path = f"${SHARED_DATA}/{name}"
    if not os.environ.get(SHARED_DATA) or not given_path(path).exists():
        return otherwise
    return kind(path=path, **fields)
