"""Maps of embedded texts as inline SVG; the text stands in a dot's title, which browsers show."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from jaxemb.report import words
from jaxemb.report.embedded import Place, TextMap
from jaxemb.report.theme import SERIES

SIZE, EDGE, RADIUS = 320, 12, 2.6
NOTE = (
    "Summaries of held-out Python documentation, each a dot coloured by its package, from the first "
    "seed's model by t-SNE; hold the pointer over a dot to read it. Near dots were near before; far "
    "distances and the axes mean nothing. The share below each map is counted on the whole vectors."
)


def maps(found: Sequence[TextMap]) -> str:
    """A key of the labels, and a map a model side by side; empty where there is none."""
    if not found:
        return ""
    counted = Counter(place.label for one in found for place in one.places)
    labels = [label for label, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]
    drawn = "".join(_figure(one, labels) for one in found)
    return f'{_key(labels)}<div class="maps">{drawn}</div>'


def _key(labels: Sequence[str]) -> str:
    items = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><g {_mark(place)}>'
        f'<circle cx="6" cy="6" r="4"/></g></svg>{escape(label)}</li>'
        for place, label in enumerate(labels)
    )
    return f'<ul class="key">{items}</ul>'


def _figure(found: TextMap, labels: Sequence[str]) -> str:
    told = (
        f"{found.arm}: the nearest other text is of the same package for "
        f"{words.score(found.agreement, 2)} of the texts; by chance {words.score(found.by_chance, 2)}."
    )
    groups = "".join(
        f"<g {_mark(number)}>{''.join(_dot(p) for p in found.places if p.label == label)}</g>"
        for number, label in enumerate(labels)
    )
    return (
        f'<figure><svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(told)}">{groups}'
        f"</svg><figcaption>{escape(told)}</figcaption></figure>"
    )


def _mark(number: int) -> str:
    """The label's colour; a second round of labels is hollow."""
    turn, place = divmod(number, len(SERIES))
    hollow = ' class="hollow"' if turn % 2 else ""
    return f'style="--mark:var(--{SERIES[place]})"{hollow}'


def _dot(place: Place) -> str:
    room = SIZE - 2 * EDGE
    x, y = EDGE + place.x * room, EDGE + (1 - place.y) * room
    text = place.text if len(place.text) <= 160 else f"{place.text[:159]}…"
    title = escape(f"{place.label}: {text}")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"><title>{title}</title></circle>'
