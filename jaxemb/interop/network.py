"""From a network's settings to its parts: which kinds there are, and which are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.interop.architectures import Config, Describe, Network
from jaxemb.interop.bidirectional import BIDIRECTIONAL
from jaxemb.interop.generative import GENERATIVE
from jaxemb.interop.nomic import NOMIC
from jaxemb.interop.settings import network_settings
from jaxemb.interop.unmasked import UNMASKED

ARCHITECTURES: dict[str, Describe] = BIDIRECTIONAL | NOMIC | UNMASKED | GENERATIVE
# Their folders name code of their own, of which nothing is run: the parts here are the same network.
_KNOWN_BY_HEART = ("nomic_bert",)


def network(values: Mapping[str, Any], place: Path) -> Network:
    """The network that settings describe.

    Args:
        values: of `config.json`, or what stands for it.
        place: the file that they are from, for messages.

    Raises:
        UsageError: a network that needs code of its own, one that is not known here, a field that
            is needed and absent, or one that says what no part here does.
    """
    config = Config(network_settings(values, place), place)
    kind, known = config.get("model_type"), ", ".join(ARCHITECTURES)
    if config.get("auto_map") and kind not in _KNOWN_BY_HEART:
        raise UsageError(
            f"The model in {place.parent} comes with code of its own (auto_map in config.json), "
            f"and jaxemb runs no code of a model's folder; it builds these networks itself: {known}."
        )
    if kind not in ARCHITECTURES:
        raise UsageError(
            f"The model in {place.parent} is of type {kind!r}; jaxemb reads these: {known}."
        )
    if kind in BIDIRECTIONAL | NOMIC and (
        config.get("is_decoder") or config.get("add_cross_attention")
    ):
        raise UsageError(f"The model in {place.parent} is a decoder made of {kind}.")
    try:
        return ARCHITECTURES[kind](config)
    except UsageError as error:
        if str(place) in str(error):
            raise
        raise UsageError(f"The model in {place.parent}: {error}.") from None
    except KeyError as error:
        raise UsageError(f"{place} does not say {error}.") from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{place} has settings that do not fit each other: {error}.") from error
