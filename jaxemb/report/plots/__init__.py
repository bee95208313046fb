"""The figures of a report. Each function draws one and returns it, or None without its data."""

from jaxemb.report.plots.ablation import heat_map
from jaxemb.report.plots.cuts import sizes
from jaxemb.report.plots.frame import SHOWN, arm_colours
from jaxemb.report.plots.intervals import scores
from jaxemb.report.plots.overview import picture
from jaxemb.report.plots.training import curves
