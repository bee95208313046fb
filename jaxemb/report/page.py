"""The report as one HTML page that refers to nothing outside itself, and as Markdown."""

import json
from collections.abc import Callable, Mapping
from html import escape
from importlib import resources

from jaxemb.report import map_drawing, plots, tables, theme, words
from jaxemb.report.claim_cards import badge, card, ends, judged
from jaxemb.report.findings import Findings, axes
from jaxemb.report.tables import Cell, Table

SCORED = (
    "Means over seeds with 95 % intervals over seeds and examples; the highest arm of a column is "
    "bold, whether or not high is good there. Controls stand below the line: a method has to beat "
    "them before its score means much."
)
RANKED = (
    "Models that share a letter are not told apart, in a task or by their mean over these tasks: "
    "each pair is compared over the same seeds and examples, and Holm's correction is taken over "
    "all pairs. A rank from 2 to 4 says that one model is surely better, and that the last so many "
    "are surely worse. Rows that cannot do every task are left out."
)


def page(findings: Findings) -> str:
    """The whole page; inline styles and drawings only."""
    record = findings.record
    sections = [
        _header(record),
        _claims(findings),
        _scores(findings),
        _ranks(findings),
        _ablation(findings),
        _curves(findings),
        _sizes(findings),
        _maps(findings),
        _failures(findings),
        _rebuild(findings),
    ]
    name = escape(str(record["experiment"]))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{name} · report</title>\n<style>\n{_styles()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, sections))
        + "\n</main>\n</body>\n</html>\n"
    )


def markdown_page(findings: Findings) -> str:
    """The report's tables and commands as Markdown."""
    record = findings.record
    parts = [f"# {record['experiment']}", words.summary(record)]
    if findings.claims:
        parts += ["## Claims", tables.markdown(tables.claims(findings)), judged(findings.claims)]
    parts += ["## Scores", tables.markdown(tables.scores(findings)), SCORED]
    ranked = tables.ranks(findings)
    if ranked:
        parts += ["## Ranks over tasks", tables.markdown(ranked), _ranked(findings.record)]
    more = (tables.other_scores(findings), tables.sizes(findings))
    parts += [tables.markdown(table) for table in more if table]
    if findings.failures:
        parts += ["## Failed runs", tables.markdown(tables.failures(findings))]
    parts += ["## Rebuild", f"```\n{tables.command(record)}\n```"]
    parts += [tables.markdown(table(findings)) for table in (tables.arms, tables.settings)]
    return "\n\n".join([*parts, "## Every seed", tables.markdown(tables.seeds(findings))]) + "\n"


def html(table: Table, kind: str = "") -> str:
    """A table that scrolls inside itself on a narrow screen."""
    head = "".join(
        f'<th scope="col"{_side(i, table)}>{escape(name)}</th>'
        for i, name in enumerate(table.header)
    )
    first_control = len(table.rows) - table.controls
    groups = (table.rows[:first_control], table.rows[first_control:])
    bodies = "".join(
        f"<tbody{mark}>{''.join(_row(row, table) for row in rows)}</tbody>"
        for rows, mark in zip(groups, ("", ' class="controls"'), strict=True)
        if rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f'<table class="{kind}"><caption>{escape(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>{bodies}</table></div>"
    )


def _row(cells: tuple[Cell, ...], table: Table) -> str:
    first, *rest = cells
    others = "".join(f"<td{_side(i, table)}>{_cell(c)}</td>" for i, c in enumerate(rest, 1))
    # The name of a grid's arm has no space to break at: allow it after a comma.
    name = _cell(first).replace(",", ",<wbr>")
    return f'<tr><th scope="row">{name}</th>{others}</tr>'


def _cell(cell: Cell) -> str:
    text = f"<b>{escape(cell.text)}</b>" if cell.best else escape(cell.text)
    return f"{text}<small>{escape(cell.note)}</small>" if cell.note else text


def _side(position: int, table: Table) -> str:
    return "" if position < table.texts else ' class="number"'


def _header(record: Mapping) -> str:
    verdict = str(record.get("verdict") or "")
    papers = ", ".join(f"paper {number}" for number in record.get("papers") or ())
    facts = [papers, record.get("date"), f"commit {record['commit']}"
             if record.get("commit") else None]  # fmt: skip
    title = record.get("title") or record.get("description")
    lines = [
        f'<p class="kicker">{escape(" · ".join(str(f) for f in facts if f))}</p>',
        f"<h1>{escape(str(record['experiment']))}</h1>",
        f'<p class="lead">{escape(str(title))}</p>' if title else "",
        f'<p class="facts">{badge(verdict, "Verdict: ") if verdict else ""} '
        f"{escape(words.compared(record))}</p>",
    ]
    return f"<header>{''.join(lines)}</header>"


def _claims(findings: Findings) -> str:
    claims = findings.claims
    if not claims:
        return ""
    reach = max((abs(x) for claim in claims for x in ends(claim)), default=0.0) * 1.08
    margin = findings.record.get("margin")
    cards = "".join(card(claim, reach, margin) for claim in claims)
    return _section("Claims", judged(claims), f'<ol class="claims">{cards}</ol>')


def _section(title: str, note: str, *content: str) -> str:
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{said}{''.join(content)}</section>"


TOLD: dict[str, tuple[Callable, str, str]] = {
    "scores": (
        plots.scores,
        "Scores of arms and controls",
        "Dots are means, thick lines intervals, ticks single seeds; controls are hollow. "
        "An arrow at the edge stands for a control that lies outside the arms' range.",
    ),
    "ablation": (plots.heat_map, "Scores over the two main axes", "Mean score in every cell."),
    "curves": (
        plots.curves,
        "Learning curves",
        "Lines are means over seeds; bands reach from the lowest seed to the highest.",
    ),
    "sizes": (
        plots.sizes,
        "Quality against size",
        "Score against the vector's dimensions, a line for every depth.",
    ),
}


def _figure(findings: Findings, name: str) -> str:
    draw, title, description = TOLD[name]
    figure = draw(findings)
    if figure is None:
        return ""
    drawing = theme.svg(figure, name, title, description)
    return (
        f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{title}">{drawing}'
        f"</div><figcaption>{description}</figcaption></figure>"
    )


def _scores(findings: Findings) -> str:
    others = tables.other_scores(findings)
    folded = _folded("Other metrics", html(others)) if others else ""
    drawn = _figure(findings, "scores")
    return _section("Scores", SCORED, drawn, html(tables.scores(findings)), folded)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _ranks(findings: Findings) -> str:
    table = tables.ranks(findings)
    return _section("Ranks over tasks", _ranked(findings.record), html(table)) if table else ""


def _ranked(record: Mapping) -> str:
    """What the letters mean, Friedman's test, and what both take for granted."""
    test = record["ranking"]["overall"]["friedman"]
    if test is None:
        return f"{RANKED} {words.TASKS_APART}"
    groups = "; ".join(", ".join(map(words.control, group)) for group in test["groups"])
    return (
        f"{RANKED} Friedman's test of equal ranks: χ² = {test['statistic']:.2f}, "
        f"p {words.compared_with(test['p'])}. By Nemenyi's test, mean ranks that are "
        f"{test['critical_difference']:.2f} apart differ; not separated: {groups}. "
        f"{words.TASKS_APART}"
    )


def _maps(findings: Findings) -> str:
    drawn = map_drawing.maps(findings.maps)
    return _section("Map of texts", map_drawing.NOTE, drawn) if drawn else ""


def _ablation(findings: Findings) -> str:
    drawn = _figure(findings, "ablation")
    others = [words.last(key) for key in axes(findings.arms)[2:]]
    note = f"Averaged over {', '.join(others)}." if others else ""
    return _section("Ablation", note, drawn) if drawn else ""


def _curves(findings: Findings) -> str:
    drawn = _figure(findings, "curves")
    left_out = len(findings.arms) - plots.SHOWN
    note = f"The first {plots.SHOWN} arms; {left_out} more are in the table." * (left_out > 0)
    return _section("Learning curves", note, drawn) if drawn else ""


def _sizes(findings: Findings) -> str:
    drawn = _figure(findings, "sizes")
    note = "Read off the trained models: the first numbers of a vector, the first layers."
    table = tables.sizes(findings)
    folded = _folded(table.caption, html(table)) if table else ""
    return _section("Quality against size", note, drawn, folded) if drawn else ""


def _failures(findings: Findings) -> str:
    if not findings.failures:
        return ""
    note = "These are left out of every number on this page."
    return _section("Failed runs", note, html(tables.failures(findings), "words"))


def _rebuild(findings: Findings) -> str:
    recipes: dict[str, str] = {}
    for run in findings.runs:
        if run.recipe and not run.error:
            recipes.setdefault(run.arm, json.dumps(run.recipe, indent=1, ensure_ascii=False))
    folded = "".join(
        _folded(f"Recipe of {arm}", f"<pre>{escape(recipe)}</pre>")
        for arm, recipe in recipes.items()
    )
    return _section(
        "Rebuild these numbers",
        "",
        f"<pre>{escape(tables.command(findings.record))}</pre>",
        html(tables.arms(findings), "words"),
        html(tables.settings(findings), "words"),
        _folded("Every seed", html(tables.seeds(findings))),
        folded,
    )


def _styles() -> str:
    sheet = resources.files("jaxemb.report").joinpath("page.css").read_text(encoding="utf-8")
    return sheet.replace("/*light*/", theme.css_variables(theme.LIGHT)).replace(
        "/*dark*/", theme.css_variables(theme.DARK)
    )
