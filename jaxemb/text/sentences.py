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


def sentences(text: str) -> list[str]:
    """The sentences of a text whose paragraphs are lines; a sentence does not go beyond its line.

    Example:
        >>> sentences("It sorts. It is stable.\\nReturns a list")
        ['It sorts.', 'It is stable.', 'Returns a list']
    """
    parts = (part.strip() for line in text.splitlines() for part in _END.split(line))
    return [part for part in parts if part]


_END = boundary()
