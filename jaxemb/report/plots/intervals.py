"""Scores with their intervals, arm by arm."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxemb.report import words
from jaxemb.report.findings import Findings, Row
from jaxemb.report.plots.frame import arm_colours, panels_in_a_row, styled
from jaxemb.report.theme import LIGHT


@styled
def scores(findings: Findings, most: int = 4) -> Figure | None:
    """Dots and intervals: one panel per metric, one line per arm, controls below as hollow diamonds."""
    rows = findings.rows
    longest = max((len(row.name) for row in rows), default=0)
    metrics = findings.headlines[: most if longest <= 34 else most - 1]
    if not metrics or not rows:
        return None
    figure, panels = panels_in_a_row(len(metrics), 0.27 * len(rows) + 0.75, sharey=True)
    colours = arm_colours(findings)
    for metric, panel in zip(metrics, panels, strict=True):
        low, high = _reach(findings.arms or rows, rows, metric)
        panel.set_xlim(low, high)
        for line, row in enumerate(rows):
            if metric in row.scores and low <= row.scores[metric].mean <= high:
                _dot(panel, row, metric, line, colours.get(row.name, LIGHT["soft"]))
            elif metric in row.scores:
                _beyond(panel, row.scores[metric].mean, line)
        if findings.controls and findings.arms:
            panel.axhline(len(findings.arms) - 0.5, color=LIGHT["line"], linewidth=0.9)
        panel.set_title(words.metric(metric))
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        panel.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(range(len(rows)), [words.shortened(row.title, 48) for row in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    for panel in panels:
        panel.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
        panel.tick_params(axis="x", length=0)
    return figure


def _dot(panel: Axes, row: Row, metric: str, line: int, colour: str) -> None:
    found = row.scores[metric]
    if row.control:
        panel.plot(found.mean, line, "D", mfc=LIGHT["paper"], mec=colour, mew=1.2, ms=5)
    else:
        below = np.full(len(found.seeds), line + 0.24)
        panel.plot(found.seeds, below, "|", color=colour, ms=4, mew=0.9, alpha=0.55)
        panel.plot(found.mean, line, "o", color=colour, ms=6)
    if found.low is not None and found.high is not None:
        panel.plot((found.low, found.high), (line, line), color=colour, lw=2, alpha=0.75)


def _reach(arms: Iterable[Row], rows: Iterable[Row], metric: str) -> tuple[float, float]:
    """The axis follows the arms, with room for near controls: a far one would flatten the rest.

    A control whose mean is in that room is drawn with its whole interval.
    """
    ends = _ends(arms, metric)
    if not ends:
        return 0.0, 1.0
    room = max(0.45 * (max(ends) - min(ends)), 0.02 * abs(max(ends)), 1e-6)
    low, high = min(ends) - room, max(ends) + room
    near = [row for row in rows if metric in row.scores and low <= row.scores[metric].mean <= high]
    held = _ends(near, metric)
    edge = 0.02 * (high - low)
    return min(low, min(held) - edge), max(high, max(held) + edge)


def _ends(rows: Iterable[Row], metric: str) -> list[float]:
    """Everything that is drawn of some rows: seeds, means and the ends of intervals."""
    found = [row.scores[metric] for row in rows if metric in row.scores]
    return [x for f in found for x in (*f.seeds, f.mean, f.low, f.high) if x is not None]


def _beyond(panel: Axes, score: float, line: int) -> None:
    """An arrow at the panel's edge, with the number that lies outside."""
    low, high = panel.get_xlim()
    left = score < low
    arrow = f"◂ {words.score(score)}" if left else f"{words.score(score)} ▸"
    panel.text(
        low if left else high, line, arrow, ha="left" if left else "right", va="center",
        color=LIGHT["soft"], fontsize=8,
    )  # fmt: skip
