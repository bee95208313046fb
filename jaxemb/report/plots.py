"""The figures of a report. Each function draws one and returns it, or None without its data."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from jaxemb.report import words
from jaxemb.report.findings import Estimate, Findings, Row, axes, cut, surface
from jaxemb.report.run_logs import curve, logged
from jaxemb.report.theme import DEPTHS, HEAT, LIGHT, SERIES, STYLE

WIDTH = 10.4
SHOWN = len(SERIES)


def styled(draw: Callable) -> Callable:
    """Draws under the report's style, whatever the user's matplotlib settings are."""

    @wraps(draw)
    def under_style(*args, **options):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **options)

    return under_style


@styled
def scores(findings: Findings, most: int = 4) -> Figure | None:
    """Dots and intervals: one panel per metric, one line per arm, controls below as hollow diamonds."""
    rows = findings.rows
    longest = max((len(row.name) for row in rows), default=0)
    metrics = findings.headlines[: most if longest <= 34 else most - 1]
    if not metrics or not rows:
        return None
    figure, panels = _panels(len(metrics), 0.27 * len(rows) + 0.75, sharey=True)
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


@styled
def heat_map(findings: Findings) -> Figure | None:
    """The ablation over its main two axes, one panel per metric; None unless two axes vary."""
    varied = axes(findings.arms)
    if len(varied) < 2 or not findings.headlines:
        return None
    labels = _labels(findings.arms, varied)
    down, across = sorted(varied[:2], key=lambda key: len(set(labels[key])))
    rows, columns = (list(dict.fromkeys(labels[key])) for key in (down, across))
    metrics = findings.headlines[: min(3, max(1, 12 // len(columns)))]
    letters = int(11 * WIDTH / (len(metrics) * len(columns)))
    names = [words.wrapped(name, letters) for name in columns]
    lines = max(name.count("\n") for name in names)
    height = 0.5 * len(rows) + 0.75 + 0.15 * (lines + 1)
    figure, panels = _panels(len(metrics), height, sharey=True)
    for metric, panel in zip(metrics, panels, strict=True):
        places = zip(findings.arms, labels[down], labels[across], strict=True)
        found = [(rows.index(r), columns.index(c), arm.scores.get(metric)) for arm, r, c in places]
        _cells(panel, _table(found, (len(rows), len(columns))))
        panel.set_title(words.metric(metric))
        panel.set_xticks(np.arange(len(columns)) + 0.5, names)
        panel.tick_params(length=0, labelcolor=LIGHT["ink"])
        panel.set_xlabel(words.last(across))
    panels[0].set_yticks(np.arange(len(rows)) + 0.5, [words.wrapped(name, 24) for name in rows])
    panels[0].set_ylabel(words.last(down))
    return figure


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
    figure, panels = _panels(len(drawn), 2.9)
    colours = arm_colours(findings)
    for (key, lines), panel in zip(drawn.items(), panels, strict=True):
        for arm, line in lines.items():
            if line is not None:
                _line(panel, line, colours[arm], arm)
        panel.set_title(words.metric(key))
        panel.set_xlabel("step")
        panel.tick_params(length=0)
        panel.margins(x=0.02)
    _legend(figure, panels)
    return figure


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
    _legend(figure, list(grid.flat))
    return figure


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


def arm_colours(findings: Findings) -> dict[str, str]:
    """A colour an arm, the same in every figure; the ninth arm starts again."""
    return {arm.name: LIGHT[SERIES[i % len(SERIES)]] for i, arm in enumerate(findings.arms)}


def _panels(count: int, height: float, sharey: bool = False) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.02)
    panels = figure.subplots(1, count, sharey=sharey, squeeze=False)[0]
    return figure, list(panels)


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


def _labels(arms: Sequence[Row], keys: Sequence[str]) -> dict[str, list[str]]:
    """What each arm says of each key: a part's bare name, wherever that tells the arms apart."""
    labels = {key: [words.setting(arm.overrides.get(key)) for arm in arms] for key in keys}
    told_apart = len(set(zip(*labels.values(), strict=True)))
    for key, said in labels.items():
        bare = labels | {key: [words.bare(name) for name in said]}
        if len(set(zip(*bare.values(), strict=True))) == told_apart:
            labels = bare
        else:
            labels = labels | {key: words.short(said)}
    return labels


def _table(found: Iterable[tuple[int, int, Estimate | None]], shape: tuple[int, int]) -> np.ndarray:
    """Mean score of the arms in each cell; NaN where there is no arm."""
    scores_of: dict[tuple[int, int], list[float]] = {}
    for row, column, score in found:
        if score is not None:
            scores_of.setdefault((row, column), []).append(score.mean)
    cells = np.full(shape, np.nan)
    for place, values in scores_of.items():
        cells[place] = np.mean(values)
    return cells


def _cells(panel: Axes, cells: np.ndarray) -> None:
    """Rounded cells with their score inside; the best score is bold, a cell without arm empty."""
    best = np.nanmax(cells, initial=-np.inf)
    for (row, column), score in np.ndenumerate(cells):
        fill, ink = _heat(score, cells)
        box = FancyBboxPatch(
            (column + 0.04, row + 0.05), 0.92, 0.9, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=fill, edgecolor=LIGHT["line"] if fill == "none" else "none",
        )  # fmt: skip
        panel.add_patch(box)
        panel.text(
            column + 0.5, row + 0.5, words.score(score), ha="center", va="center",
            color=ink, weight="bold" if score == best else "normal",
        )  # fmt: skip
    panel.set(xlim=(0, cells.shape[1]), ylim=(cells.shape[0], 0))
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _heat(score: float, cells: np.ndarray) -> tuple[str, str]:
    """A cell's fill and ink: the better, the more contrast with the page."""
    if np.isnan(score):
        return "none", LIGHT["soft"]
    low, high = np.nanmin(cells), np.nanmax(cells)  # one is finite: this cell's own
    share = (score - low) / (high - low) if high > low else 0.5
    level = round(share * (len(HEAT) - 1))
    ink = "low" if level < 3 else "middle" if level == 3 else "high"
    return LIGHT[HEAT[level]], LIGHT[f"heat-ink-{ink}"]


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


Lines = dict[str, list[tuple[int, float]]]


def _surfaces(findings: Findings, most: int) -> dict[str, dict[str, Lines]]:
    """The first metrics that were read at several sizes: lines of (size, score) an arm."""
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


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
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


def _raster(figure: Figure | None, dpi: int = 160) -> np.ndarray | None:
    if figure is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
