"""Where one sentence of running text ends and the next begins."""

import re


def boundary(closing: str = ".!?", opening: str = "A-Z`'\"(") -> re.Pattern:
    """The white space between a sentence that ends and one that begins, as a pattern to split at.

    Args:
        closing: characters that end a sentence, as in a class of a regular expression.
        opening: characters that begin one.

    Example:
        >>> boundary().split("It sorts, e.g. lists. It is stable.")
        ['It sorts, e.g. lists.', 'It is stable.']
    """
    return re.compile(rf"(?<=[{closing}])\s+(?=[{opening}])")
