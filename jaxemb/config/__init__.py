"""Configuration is the objects themselves: to JSON and back, strict overrides, fingerprints."""

from jaxemb.config.contents import hash_of
from jaxemb.config.fields import (
    allowed,
    bases,
    build,
    check_ranges,
    check_whole,
    choices,
    conform,
    fits,
    limits,
)
from jaxemb.config.fingerprints import fingerprint
from jaxemb.config.keys import paths, resolve
from jaxemb.config.overrides import diff, override, override_all, parse
from jaxemb.config.parts import (
    Part,
    UsageError,
    described,
    expression,
    is_part,
    is_part_class,
    near_miss,
    outline,
    slots,
    small,
    smaller,
    snake_case,
    tag,
)
from jaxemb.config.ranges import Above, AtLeast, AtMost, Below, Between, Positive, Range
from jaxemb.config.renamed import RENAMED
from jaxemb.config.serialization import EXPERIMENTS, find_parts_by, from_json, to_json
