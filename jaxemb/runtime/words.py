"""The words of running text, in any script."""

import functools
import re
import unicodedata


def runs(text: str, letter: str = r"[^\W_]") -> list[str]:
    """Runs of letters and digits, each letter with the marks that belong to it.

    Vowel signs of the scripts of India and South East Asia, and accents that are written apart, are
    no letters of their own to `re`, which would break words at them.

    Args:
        letter: what counts as a letter, as a class of a regular expression.

    Example:
        >>> runs("read_csv!"), runs("read_csv!", r"\\w"), runs("माला पानी")
        (['read', 'csv'], ['read_csv'], ['माला', 'पानी'])
    """
    return re.findall(f"{letter}+", text) if text.isascii() else _with_marks(letter).findall(text)


@functools.cache
def _with_marks(letter: str) -> re.Pattern:
    return re.compile(f"{letter}(?:{letter}|[{_marks()}])*")


@functools.cache
def _marks() -> str:
    # All combining marks lie in these two ranges: the second holds variants of Chinese characters.
    codes = (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0))
    return "".join(c for c in map(chr, codes) if unicodedata.category(c)[0] == "M")
