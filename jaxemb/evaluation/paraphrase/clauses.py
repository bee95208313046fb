"""Sentences of documentation in another form: clauses moved, the form of address turned."""

import functools
import re

from jaxemb.evaluation.grammar.inflection import plural
from jaxemb.text.sentences import boundary

# Between sentences: their boundaries are kept, so that joining the pieces gives the text.
SENTENCES = re.compile(rf"({boundary(opening='A-Z').pattern}|\n+)")
_LEADING = "If|When|Whenever|Unless|Because|Although|Once"
_FIRST = re.compile(rf"({_LEADING}) ([^,;:.()]+), (?:then )?([^;:()]+)\.")
_LAST = re.compile(rf"([^,;:()]+?) ({_LEADING.lower()}) ([^,;:()]+)\.")
# Before "if" these ask whether something is so, or change what it says.
_WHETHER = re.compile(
    r"\b(?:check|test|determin|see|verif|decid|know|tell|ask|find|even|only|as|indicat|specif)\w*$",
    re.I,
)
_ELSEWHERE = re.compile(rf"\b(?:{_LEADING.lower()}|else|otherwise|then|while)\b", re.I)


def forms(sentence: str) -> list[str]:
    """The other forms of a sentence by the first rule that fits it; none where no rule does."""
    rules = (clause_last, clause_first, addressed)
    return next((others for rule in rules if (others := rule(sentence))), [])


def clause_last(sentence: str) -> list[str]:
    """ "If x is None, stop." to "Stop if x is None."; nothing where it has another form."""
    match = _FIRST.fullmatch(sentence)
    if not match or _ELSEWHERE.search(match[2]) or _ELSEWHERE.search(match[3]):
        return []
    return [f"{match[3][0].upper()}{match[3][1:]} {match[1].lower()} {match[2]}."]


def clause_first(sentence: str) -> list[str]:
    """ "Stop if x is None." to "If x is None, stop."; nothing where it has another form."""
    match = _LAST.fullmatch(sentence)
    if not match or _WHETHER.search(match[1]) or _ELSEWHERE.search(match[3]):
        return []
    if _ELSEWHERE.search(match[1]) or not re.match(r"[A-Z][a-z]+\b(?!\()|[A-Z]\b", match[1]):
        return []
    main = match[1] if match[1].startswith("I ") else match[1][0].lower() + match[1][1:]
    return [f"{match[2].capitalize()} {match[3]}, {main}."]


_VERBS = """
add append apply build call change check clear close combine compare compute convert copy count create
define delete determine display draw encode estimate evaluate execute extract fill find fit format
generate get give handle initialize insert iterate join list load make map merge open parse perform
plot print produce provide put raise read remove replace represent reset return run save select send
set show solve sort split start stop store test transform update validate wait write yield
"""


_OBJECT = re.compile(r"(?:an?|the|all|any|each|every|its|this|these|some|one|two|if|whether|how)\b")
_AND_VERB = re.compile(rf"\b(and|or) ([a-z]+)(?= {_OBJECT.pattern})")


def addressed(sentence: str) -> list[str]:
    """A description's other forms of address: "Read a file." and "Reads a file." to one another.

    A second verb goes with the first: "Finds a file and reads the text." Nothing where the sentence
    does not begin with a verb that documentation begins with, and then an article or the like: the
    first word of "Test cases" is none.
    """
    first, _, rest = sentence.partition(" ")
    if not _OBJECT.match(rest):
        return []
    known = _verbs()
    if first not in known:
        return []

    def in_form(form: int) -> str:
        def fit(joined: re.Match) -> str:
            verb = known.get(joined[2].capitalize())
            return joined[0] if verb is None else f"{joined[1]} {verb[form]}"

        return f"{known[first][form]} {_AND_VERB.sub(fit, rest)}"

    base, third = in_form(0), in_form(1)
    forms = (base[0].upper() + base[1:], third[0].upper() + third[1:], f"This {third}")
    return [form for form in forms if form != sentence]


@functools.cache
def _verbs() -> dict[str, tuple[str, str]]:
    pairs = [("do", "does"), *((verb, plural(verb)) for verb in _VERBS.split())]
    return {form.capitalize(): pair for pair in pairs for form in pair}
