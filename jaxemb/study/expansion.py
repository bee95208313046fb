"""Arms over a base recipe: the recipe of each."""

from collections.abc import Iterable, Sequence
from typing import Any

from jaxemb.config import UsageError, override, override_all, resolve
from jaxemb.study.arms import Arm, Override, check_distinct


def expand(
    base: Any, arms: Iterable[Arm], overrides: Iterable[Override] = ()
) -> list[tuple[Arm, Any]]:
    """Every arm with its recipe: `base`, then `overrides` of all arms, then the arm's own.

    An override of a field inside a slot that an arm replaces refines the arm's part.

    Raises:
        UsageError: an unknown key or value, or an override of a key that an arm sets.
    """
    arms, overrides = list(arms), list(overrides)
    check_distinct(arms)
    return [(one, _recipe(base, one, overrides)) for one in arms]


def _recipe(base: Any, one: Arm, overrides: Sequence[Override]) -> Any:
    own, armed = _armed(base, one)
    later = []
    for key, value in overrides:
        path = _path(base, key) or _path(armed, key)
        if path in own:
            raise UsageError(
                f"{key} is what the arm {one.name} sets; "
                f"to try other values, use: jaxemb sweep NAME {key}=..."
            )
        path = path or _path(armed, key.rpartition(".")[0])
        if path and any(f"{path}.".startswith(f"{slot}.") for slot in own):
            later.append((key, value))
        else:
            base = override(base, key, value)
    return _applied(one, base, (*one.overrides, *later))


def _armed(base: Any, one: Arm) -> tuple[set[str], Any]:
    """The full paths that an arm sets, and the base with them set."""
    own = set()
    for pair in one.overrides:
        own.add(_path(base, pair[0]))
        base = _applied(one, base, [pair])
    return own, base


def _applied(one: Arm, base: Any, overrides: Iterable[Override]) -> Any:
    try:
        return override_all(base, overrides)
    except UsageError as error:
        raise UsageError(f"Arm {one.name}: {error}") from None


def _path(base: Any, key: str) -> str | None:
    try:
        return resolve(base, key)
    except UsageError:
        return None
