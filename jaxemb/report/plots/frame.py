"""What all figures share: their style, their panels, the arms' colours and the legend."""

from collections.abc import Callable, Sequence
from functools import wraps

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxemb.report import words
from jaxemb.report.findings import Findings
from jaxemb.report.theme import LIGHT, SERIES, STYLE

WIDTH = 10.4  # inches
SHOWN = len(SERIES)
"""How many arms have a colour of their own; curves are drawn of no more."""


def styled(draw: Callable) -> Callable:
    """Draws under the report's style, whatever the user's matplotlib settings are."""

    @wraps(draw)
    def under_style(*args, **options):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **options)

    return under_style


def arm_colours(findings: Findings) -> dict[str, str]:
    """One colour per arm, the same in every figure; the ninth arm starts again."""
    return {arm.name: LIGHT[SERIES[i % len(SERIES)]] for i, arm in enumerate(findings.arms)}


def panels_in_a_row(
    count: int, height: float, sharey: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """A figure of the report's width with so many panels side by side."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.02)
    panels = figure.subplots(1, count, sharey=sharey, squeeze=False)[0]
    return figure, list(panels)


def add_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend below all panels; none where a single line is drawn."""
    found = {
        label: handle
        for panel in panels
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if len(found) > 1:
        figure.legend(
            found.values(), [words.shortened(name) for name in found], loc="outside lower center",
            ncols=min(len(found), 5), handlelength=1.4, columnspacing=1.6,
        )  # fmt: skip
