"""All figures of a report in one."""

import numpy as np
from matplotlib.figure import Figure

from jaxemb.report import words
from jaxemb.report.findings import Findings
from jaxemb.report.plots.ablation import heat_map
from jaxemb.report.plots.cuts import sizes
from jaxemb.report.plots.frame import WIDTH, styled
from jaxemb.report.plots.intervals import scores
from jaxemb.report.plots.training import curves
from jaxemb.report.theme import LIGHT


@styled
def picture(findings: Findings) -> Figure:
    """One figure for a README or a slide: the name, the verdict, and every plot there is."""
    record = findings.record
    parts = [_raster(draw(findings)) for draw in (scores, heat_map, curves, sizes)]
    parts = [part for part in parts if part is not None]
    heights = [part.shape[0] / part.shape[1] * WIDTH for part in parts]
    total = sum(heights) + 1.0
    figure = Figure(figsize=(WIDTH, total))
    place = total - 0.95
    figure.text(0.015, 1 - 0.33 / total, record["experiment"], fontsize=17, weight="bold")
    figure.text(0.015, 1 - 0.66 / total, words.summary(record), color=LIGHT["soft"], fontsize=10)
    for part, height in zip(parts, heights, strict=True):
        panel = figure.add_axes((0, (place - height) / total, 1, height / total))
        panel.imshow(part, aspect="auto", interpolation="none")
        panel.set_axis_off()
        place -= height
    return figure


def _raster(figure: Figure | None, dpi: int = 160) -> np.ndarray | None:
    if figure is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
