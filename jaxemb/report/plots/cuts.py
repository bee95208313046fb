"""Quality against size: dimensions and layers."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxemb.report import words
from jaxemb.report.findings import Findings, cut, surface
from jaxemb.report.plots.frame import WIDTH, add_legend, styled
from jaxemb.report.theme import DEPTHS, LIGHT

Lines = dict[str, list[tuple[int, float]]]


@styled
def sizes(findings: Findings, most: int = 6, metrics: int = 2) -> Figure | None:
    """Quality against size: one column per arm, one row per metric, a line for every depth."""
    read = _surfaces(findings, metrics)
    arms = [arm for arm in findings.arms if any(cells.get(arm.name) for cells in read.values())]
    if not read:
        return None
    figure = Figure(figsize=(WIDTH, 0.7 + 2.2 * len(read)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.02)
    grid = figure.subplots(
        len(read), len(arms[:most]), sharex=True, sharey="row", squeeze=False
    )  # fmt: skip
    shades = _shades(sorted({line for row in read.values() for c in row.values() for line in c}))
    for (metric, row), panels in zip(read.items(), grid, strict=True):
        panels[0].set_ylabel(words.metric(metric))
        for arm, panel in zip(arms, panels, strict=False):
            _size_lines(panel, row.get(arm.name, {}), shades)
    for arm, top, bottom in zip(arms, grid[0], grid[-1], strict=False):
        top.set_title(words.shortened(arm.name, 150 // len(grid[0])))
        bottom.set_xlabel("layers" if _along_layers(findings) else "dim")
    add_legend(figure, list(grid.flat))
    return figure


def _surfaces(findings: Findings, most: int) -> dict[str, dict[str, Lines]]:
    """The first metrics that were read at several sizes: lines of (size, score) per arm."""
    found: dict[str, dict[str, Lines]] = {}
    for metric in findings.metrics:
        whole, sizes_of_it = cut(metric)
        if sizes_of_it and whole not in found and len(found) < most:
            read = {arm.name: surface(arm, whole) for arm in findings.arms}
            along = _along_layers(findings)
            found[whole] = {arm: _lines(cells, along) for arm, cells in read.items() if cells}
    return found


def _along_layers(findings: Findings) -> bool:
    """Whether only the depth was cut: then it is the axis, otherwise the dimensions are."""
    cuts = [cut(metric)[1] for metric in findings.metrics]
    return len({c["dim"] for c in cuts if "dim" in c}) < 2


def _lines(cells: dict, along_layers: bool) -> Lines:
    """Points of every line in the order of sizes, the lines from shallow to deep."""
    lines: Lines = {}
    for (layers, dim), score in sorted(cells.items(), key=lambda c: [x or 0 for x in c[0]]):
        place, kept = (layers, dim) if along_layers else (dim, layers)
        if place is not None:
            what = "dim" if along_layers else "layer" if kept == 1 else "layers"
            label = f"all {what}" if kept is None else f"{kept} {what}"
            lines.setdefault(label, []).append((place, score))
    return lines


def _size_lines(panel: Axes, lines: Lines, shades: dict[str, str]) -> None:
    for label, points in lines.items():
        style = {"marker": "o", "ms": 4, "lw": 1.6, "label": label}
        panel.plot(*zip(*sorted(points), strict=True), color=shades[label], **style)
    places = sorted({place for points in lines.values() for place, _ in points})
    panel.set_xscale("log", base=2)
    panel.set_xticks(places, [str(place) for place in places])
    panel.minorticks_off()
    panel.tick_params(length=0)


def _shades(labels: Sequence[str]) -> dict[str, str]:
    """The deeper, the more contrast; a single depth takes the most."""
    ordered = sorted(labels, key=lambda label: int("".join(filter(str.isdigit, label)) or 10**9))
    steps = len(DEPTHS) - 1
    places = [round(steps * (i + 1) / len(ordered)) for i in range(len(ordered))]
    return {label: LIGHT[DEPTHS[place]] for label, place in zip(ordered, places, strict=True)}
