"""The claims of a report in HTML: a verdict, a sentence, and the effect drawn beside 0."""

from collections.abc import Sequence
from html import escape

from jaxemb.report import words
from jaxemb.report.findings import Claim

JUDGED = (
    "Effects are paired over the same seeds and examples, and positive where the claim holds; 95 % "
    "intervals count both. Supported: the interval lies above 0, and p is below 0.05 "
    "after Holm's correction over the claims. Contradicted: the interval ends below the margin, or "
    "below 0 where the claim names a margin itself. "
    "Undecided: neither; the detectable effect is the smallest that these seeds could have shown. "
    "Not testable: no arm of the claim beats the static bag. A verdict holds at its scale only."
)


def badge(verdict: str, before: str = "") -> str:
    """A verdict in its colour, with its mark."""
    text = f"{words.mark(verdict)} {verdict}" if words.tone(verdict) != "none" else verdict
    return f'<span class="badge {words.tone(verdict)}">{escape(before + text)}</span>'


def judged(claims: Sequence[Claim]) -> str:
    """How claims are judged, and what those over all tasks take for granted."""
    over_tasks = any(claim.over_tasks for claim in claims)
    return f"{JUDGED} {words.TASKS_APART}" if over_tasks else JUDGED


def card(claim: Claim, reach: float, margin: float | None) -> str:
    """One claim; `reach` is the largest effect that any strip has room for."""
    facts = {
        "interval": claim.interval or "–",
        "p corrected": words.chance(claim.p_corrected),
        "detectable": words.score(claim.detectable),
    }
    if claim.seeds_needed:
        facts["seeds needed"] = str(claim.seeds_needed)
    listed = "".join(
        f"<div><dt>{name}</dt> <dd>{escape(fact)}</dd></div>" for name, fact in facts.items()
    )
    return (
        f'<li class="{words.tone(claim.verdict)}"><div>{badge(claim.verdict)}'
        f"<p>{escape(claim.text)}</p></div>"
        f'<div class="effect">{words.signed(claim.effect)}</div>'
        f"<div>{_strip(claim, reach, margin)}<dl>{listed}</dl></div></li>"
    )


def ends(claim: Claim) -> list[float]:
    """The effect and the ends of its interval, as far as they are known."""
    return [x for x in (claim.effect, claim.low, claim.high) if x is not None]


def _strip(claim: Claim, reach: float, margin: float | None) -> str:
    """The effect and its interval beside 0, on one scale for all claims."""
    found = ends(claim)
    if len(found) < 3 or not reach:
        return ""
    effect, low, high = (50 + 48 * x / reach for x in found)
    said = f"effect {words.signed(claim.effect)}, interval {claim.interval}"
    edge = ""
    if margin and margin < reach:
        at = 50 + 48 * margin / reach
        edge = f'<line class="edge" x1="{at:.2f}%" x2="{at:.2f}%" y1="4" y2="20"/>'
    return (
        f'<svg class="strip" role="img" aria-label="{said}" height="24" width="100%">'
        '<line class="axis" x1="0" x2="100%" y1="12" y2="12"/>'
        f'<line class="zero" x1="50%" x2="50%" y1="2" y2="22"/>{edge}'
        f'<line class="reach" x1="{low:.2f}%" x2="{high:.2f}%" y1="12" y2="12"/>'
        f'<circle cx="{effect:.2f}%" cy="12" r="5"/></svg>'
    )
