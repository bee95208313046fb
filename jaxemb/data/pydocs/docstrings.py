"""Docstrings read as text: summary and body, and the names that they mention."""

import inspect
import re

from jaxemb.text.sentences import boundary

# A longer first paragraph is cut after its first sentence.
_LONGEST_SUMMARY = 200

_ROLE = re.compile(r":(?:[a-zA-Z]\w*:)?[a-zA-Z]\w*:`([^`]+)`")
_HYPERLINK = re.compile(r"`([^`<]+?)\s*<[^`>]+>`__?")
_TITLED = re.compile(r"^(.*?)\s*<([^>]+)>$", re.DOTALL)
_RULE = re.compile(r"^[\W_]{3,}$")  # under headings, around tables
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.|In \[\d+\]:)\s?")
_SENTENCE = boundary(opening="A-Z`\"'(\\[<*")
_SEE_ALSO = re.compile(
    r"^See also\n[-=]{3,}\n(.*?)(?=^\S[^\n]*\n[-=]{3,}$|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_ENTRY = re.compile(r"^([A-Za-z_][\w.]*(?:[ ]*,[ ]*[A-Za-z_][\w.]*)*)[ ]*(?::|$)")
_NAME = re.compile(r"^[A-Za-z_][\w.]*$")


def split(docstring: str) -> tuple[str, str]:
    """A docstring's summary and the rest, as running text.

    The summary is the first paragraph, or its first sentence where it is long. Paragraphs of the
    body are lines; the rules under headings, doctest prompts and Sphinx role marks are dropped,
    their text is kept.
    """
    paragraphs = _paragraphs(inspect.cleandoc(docstring))
    if not paragraphs:
        return "", ""
    summary, rest = paragraphs[0], paragraphs[1:]
    if len(summary) > _LONGEST_SUMMARY:
        sentences = _SENTENCE.split(summary, maxsplit=1)
        summary, rest = sentences[0], sentences[1:] + rest
    return summary, "\n".join(rest)


def mentions(docstring: str) -> list[str]:
    """Names that a docstring points at: its "See Also" section, then its Sphinx roles."""
    text = inspect.cleandoc(docstring)
    found = []
    for section in _SEE_ALSO.findall(text):
        for line in section.splitlines():
            entry = _ENTRY.match(_ROLE.sub(_target, line))
            if entry:
                found += [name.strip() for name in entry[1].split(",")]
    found += [_target(match) for match in _ROLE.finditer(text)]
    return [name for name in dict.fromkeys(found) if _NAME.match(name)]


def without_signature(name: str, docstring: str) -> str:
    """Drop the calls that compiled functions write first: `add(x1, x2, /, ...)`.

    Where nothing else is there, the docstring stays.
    """
    text = inspect.cleandoc(docstring)
    call = re.compile(rf"(?:[\w, ()\[\]]+ = )?{re.escape(name)}\s?\(")
    while text and call.match(text):
        text = _after_call(text.splitlines())
    return text or docstring


def _after_call(lines: list[str]) -> str:
    """What follows a call that may go over several lines."""
    depth = 0
    for used, line in enumerate(lines, start=1):
        depth += line.count("(") - line.count(")")
        if depth <= 0:
            return "\n".join(lines[used:]).strip()
    return ""


def _paragraphs(text: str) -> list[str]:
    paragraphs: list[list[str]] = [[]]
    for line in _HYPERLINK.sub(r"\1", _ROLE.sub(_shown, text)).splitlines():
        if _RULE.match(line):
            continue
        words = _PROMPT.sub("", line).split()
        if words:
            paragraphs[-1] += words
        elif paragraphs[-1]:
            paragraphs.append([])
    return [" ".join(words) for words in paragraphs if words]


def _shown(role: re.Match) -> str:
    """What a reader sees of a role: ``:func:`~numpy.add` `` reads `numpy.add`."""
    titled = _TITLED.match(role[1])
    return titled[1] if titled and titled[1] else role[1].lstrip("~!.")


def _target(role: re.Match) -> str:
    """What a role points at."""
    titled = _TITLED.match(role[1])
    return (titled[2] if titled else role[1]).lstrip("~!.").removesuffix("()").strip()
