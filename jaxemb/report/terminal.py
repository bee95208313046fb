"""A record's scores and verdicts as rich prints them in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxemb.report import words
from jaxemb.report.findings import Claim, Findings, Row
from jaxemb.report.tables import best_of


@dataclass(frozen=True)
class Terminal:
    """What rich prints of a record: as many headline metrics as the width holds, and the claims."""

    findings: Findings

    def __rich_console__(self, console, options):
        from rich.text import Text

        record = self.findings.record
        yield Text.assemble((str(record["experiment"]), "bold"), "  ", words.compared(record))
        yield from _terminal_scores(self.findings, options.max_width)
        if self.findings.claims:
            yield _terminal_claims(self.findings.claims)
            if any(claim.over_tasks for claim in self.findings.claims):
                yield Text(words.TASKS_APART, "dim")
        for failure in self.findings.failures:
            yield Text(f"✗ {failure.arm} seed {failure.seed} failed: {failure.reason}", "red")


def _terminal_scores(findings: Findings, width: int):
    """The table, with names folded at two fifths of the width, and a line on what had no room."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    longest = max((len(row.title) for row in findings.rows), default=0)
    names = min(longest, max(16, 2 * width // 5))
    metrics = findings.headlines[: max(1, (width - names) // 16)]
    best = {metric: best_of(findings.arms, metric) for metric in metrics}
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("arm", overflow="fold", max_width=names)
    for metric in metrics:
        drawn.add_column("\n".join(_two_lines(words.metric(metric))), justify="right")
    for row in findings.rows:
        cells = (_terminal_cell(row, metric, best[metric]) for metric in metrics)
        drawn.add_row(row.title, *cells, style="dim" if row.control else None)
        if findings.controls and row is findings.arms[-1]:
            drawn.add_section()
    yield drawn
    hidden = [words.metric(metric) for metric in findings.headlines[len(metrics) :]]
    if hidden:
        yield Text(f"Not shown for want of width, but in the report: {', '.join(hidden)}.", "dim")


def _two_lines(name: str) -> tuple[str, ...]:
    """`retrieval nDCG@10 (layers=2)`: the task, the measure, and the cut if there is one."""
    name, bracket, settings = name.partition(" (")
    task, _, measure = name.rpartition(" ")
    return (task, measure, f"({settings}") if bracket else (task, measure)


def _terminal_cell(row: Row, metric: str, best: float | None):
    from rich.text import Text

    found = row.scores.get(metric)
    if found is None:
        return Text("–")
    style = "bold green" if not row.control and found.mean == best else ""
    reach = "" if found.low is None else f" ±{(found.high - found.low) / 2:.3f}"
    return Text.assemble((words.score(found.mean), style), (reach, "dim"))


def _terminal_claims(claims: Sequence[Claim]):
    from rich.table import Table as RichTable
    from rich.text import Text

    colours = {"good": "green", "bad": "red", "open": "yellow", "none": "dim"}
    drawn = RichTable.grid(padding=(0, 2, 0, 0))
    for claim in claims:
        mark = Text(
            f"{words.mark(claim.verdict)} {claim.verdict}", colours[words.tone(claim.verdict)]
        )
        effect = f"{words.signed(claim.effect)} {claim.interval}"
        chance = f"p corrected {words.chance(claim.p_corrected)}"
        drawn.add_row(mark, Text(f"{claim.text}\n{effect}, {chance}"))
    return drawn
