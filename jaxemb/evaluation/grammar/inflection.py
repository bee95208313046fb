"""Forms of English verbs and nouns, from one rule each and written exceptions."""

_VOWELS = "aeiou"
# Verbs of two syllables that double their last letter, as verbs of one syllable do.
_DOUBLING = ("omit", "occur", "prefer", "permit")


def verb_forms(entry: str) -> tuple[str, str, str, str]:
    """Base, third person, past, -ing of a regular verb; an entry with bars is taken as it is.

    Example:
        >>> verb_forms("compute"), verb_forms("keep|keeps|kept|keeping")[2]
        (('compute', 'computes', 'computed', 'computing'), 'kept')
    """
    if "|" in entry:
        base, third, past, going = entry.split("|")
        return base, third, past, going
    if entry.endswith("e"):
        return entry, f"{entry}s", f"{entry}d", f"{entry[:-1]}ing"
    if entry.endswith("y") and entry[-2] not in _VOWELS:
        return entry, f"{entry[:-1]}ies", f"{entry[:-1]}ied", f"{entry}ing"
    stem = entry + entry[-1] if entry in _DOUBLING else entry
    return entry, plural(entry), f"{stem}ed", f"{stem}ing"


def noun_forms(entry: str) -> tuple[str, str]:
    """Singular and plural; an entry with a bar is taken as it is.

    Example:
        >>> noun_forms("quantity")
        ('quantity', 'quantities')
    """
    if "|" in entry:
        one, many = entry.split("|")
        return one, many
    return entry, plural(entry)


def plural(word: str) -> str:
    """The regular plural, which is also the third person of a verb.

    Example:
        >>> plural("fetch"), plural("way"), plural("directory")
        ('fetches', 'ways', 'directories')
    """
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in _VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}s"
