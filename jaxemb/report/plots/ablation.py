"""An ablation over two axes as a table of coloured cells."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from jaxemb.report import words
from jaxemb.report.findings import Estimate, Findings, Row, axes
from jaxemb.report.plots.frame import WIDTH, panels_in_a_row, styled
from jaxemb.report.theme import HEAT, LIGHT


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
    figure, panels = panels_in_a_row(len(metrics), height, sharey=True)
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
