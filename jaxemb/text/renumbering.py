"""A tokenizer whose pieces have other ids."""

import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError
from jaxemb.text.base import SPECIALS, Tokenizer


def fixed_ids(tokenizer: Tokenizer) -> list[int]:
    """Ids that stay: the special pieces, and whatever was added after training.

    Example:
        >>> from jaxemb.text import Words
        >>> fixed_ids(Words(vocabulary=8).train(["a b c"]))
        [0, 1, 2, 3, 4]
    """
    added = {piece["id"] for piece in json.loads(tokenizer.to_json())["added_tokens"]}
    return sorted(added | set(range(len(SPECIALS))))


def renumbered(tokenizer: Tokenizer, ids: Sequence[int] | Int[np.ndarray, " pieces"]) -> Tokenizer:
    """The same pieces, of which number `i` has the id `ids[i]`: texts are cut as before.

    Raises:
        UsageError: `ids` are not the old ones in another order, or one of `fixed_ids` moves.

    Example:
        >>> from jaxemb.text import Words
        >>> tokenizer = Words(vocabulary=8).train(["a b c"])
        >>> renumbered(tokenizer, [0, 1, 2, 3, 4, 7, 5, 6]).pieces()[5:]
        ['b', 'c', 'a']
    """
    ids = [int(number) for number in ids]
    if sorted(ids) != list(range(tokenizer.size)):
        raise UsageError(f"New ids must be the numbers 0 to {tokenizer.size - 1} in some order.")
    moved = [number for number in fixed_ids(tokenizer) if ids[number] != number]
    if moved:
        raise UsageError(f"The special piece of id {moved[0]} must keep its id.")
    whole = json.loads(tokenizer.to_json())
    model = whole["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {piece: ids[number] for piece, number in model["vocab"].items()}
    else:  # pieces with scores, in the order of their ids
        model["vocab"] = [model["vocab"][old] for old in np.argsort(ids).tolist()]
        model["unk_id"] = None if model["unk_id"] is None else ids[model["unk_id"]]
    return Tokenizer.from_json(json.dumps(whole), tokenizer.text)
