"""Learning curves."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxemb.report import words
from jaxemb.report.findings import Findings, Row
from jaxemb.report.plots.frame import SHOWN, add_legend, arm_colours, panels_in_a_row, styled
from jaxemb.report.run_logs import curve, logged


@styled
def curves(findings: Findings, most: int = 2) -> Figure | None:
    """Learning curves: the loss and the evaluations while training, one line per arm.

    The line is the mean over seeds and the band reaches from the lowest seed to the highest.
    Without evaluations, the gradient's norm takes their place.
    """
    keys = ["loss", *(_by_interest(findings)[:most] or ["gradient_norm"])]
    arms = findings.arms[:SHOWN]
    drawn = {key: {arm.name: curve(_of(findings, arm), key) for arm in arms} for key in keys}
    drawn = {key: lines for key, lines in drawn.items() if any(lines.values())}
    if not drawn:
        return None
    figure, panels = panels_in_a_row(len(drawn), 2.9)
    colours = arm_colours(findings)
    for (key, lines), panel in zip(drawn.items(), panels, strict=True):
        for arm, line in lines.items():
            if line is not None:
                _line(panel, line, colours[arm], arm)
        panel.set_title(words.metric(key))
        panel.set_xlabel("step")
        panel.tick_params(length=0)
        panel.margins(x=0.02)
    add_legend(figure, panels)
    return figure


def _of(findings: Findings, arm: Row) -> list:
    return [run for run in findings.runs if run.arm == arm.name]


def _by_interest(findings: Findings) -> list[str]:
    """Logged evaluations, those of the claims' metrics first."""

    def rank(key: str) -> int:
        ends = [i for i, metric in enumerate(findings.metrics) if key.endswith(metric)]
        return ends[0] if ends else len(findings.metrics)

    return sorted(logged(findings.runs), key=rank)


def _line(panel: Axes, line: dict[str, np.ndarray], colour: str, name: str) -> None:
    panel.fill_between(line["step"], line["low"], line["high"], color=colour, alpha=0.14, lw=0)
    marker = "o" if len(line["step"]) <= 12 else ""
    panel.plot(line["step"], line["mean"], color=colour, lw=1.6, marker=marker, ms=3.5, label=name)
