"""Configuration is the objects themselves: to JSON and back, strict overrides, fingerprints."""

from jaxemb.config.contents import hash_of
from jaxemb.config.fingerprints import fingerprint
from jaxemb.config.overrides import diff, override, override_all, parse, paths, resolve
from jaxemb.config.parts import (
    Part,
    UsageError,
    bases,
    build,
    choices,
    conform,
    described,
    expression,
    fits,
    is_part,
    is_part_class,
    near_miss,
    outline,
    slots,
    snake_case,
    tag,
)
from jaxemb.config.renamed import RENAMED
from jaxemb.config.serialization import find_parts_by, from_json, read_json, to_json
