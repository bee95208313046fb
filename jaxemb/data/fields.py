"""Fields of records that people bring, read as what a role needs."""

import math
from typing import Any

from jaxemb.config import UsageError
from jaxemb.data.base import MissingField

Record = dict[str, Any]


def value_of(record: Record, field: str, position: int) -> Any:
    """A field of a record.

    Raises:
        MissingField: the record lacks it; `position` is the record's place, from 0.
    """
    if record.get(field) is None:
        raise MissingField(record, repr(field), position)
    return record[field]


def _wrong(field: str, position: int, value: Any, wanted: str) -> UsageError:
    return UsageError(f"field {field!r} of record {position + 1} is {value!r:.60}, not {wanted}")


def text_field(record: Record, field: str, position: int) -> str:
    """A field of a record as text; a number is written out.

    Raises:
        UsageError: the record lacks the field, or it is of another type; the record is named.
    """
    value = value_of(record, field, position)
    if not isinstance(value, (str, int, float)):
        raise _wrong(field, position, value, "text")
    return str(value)


def texts_field(record: Record, field: str, position: int) -> tuple[str, ...]:
    """A field that holds a list of texts; raises as `text_field`."""
    value = value_of(record, field, position)
    if not (isinstance(value, (list, tuple)) and value and all(isinstance(t, str) for t in value)):
        raise _wrong(field, position, value, "a list of texts")
    return tuple(value)


def number_field(record: Record, field: str, position: int) -> float:
    """A field as a finite number; raises as `text_field`."""
    value = value_of(record, field, position)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _wrong(field, position, value, "a number") from None
    if not math.isfinite(number):
        raise _wrong(field, position, value, "a finite number")
    return number


def whole_field(record: Record, field: str, position: int) -> int:
    """A field as a whole number; raises as `text_field`."""
    value = number_field(record, field, position)
    if not value.is_integer():
        raise _wrong(field, position, value, "a whole number")
    return int(value)
