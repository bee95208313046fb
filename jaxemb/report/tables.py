"""The tables of a report, once, for the terminal, Markdown and the page alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxemb.report import words
from jaxemb.report.findings import Claim, Findings, Row, cut
from jaxemb.report.run_logs import median_costs


@dataclass(frozen=True)
class Cell:
    """What stands in a table: the text, a smaller note, whether it is the highest of its column."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A header, rows of cells, and how many of the last rows are controls."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    controls: int = 0
    texts: int = 1  # how many of the first columns hold words; the others hold numbers


def scores(findings: Findings) -> Table:
    """Arms, then controls: headline metrics with intervals, parameters and training FLOPs."""
    best = {metric: best_of(findings.arms, metric) for metric in findings.headlines}
    return Table(
        caption="Scores",
        header=("arm", *map(words.metric, findings.headlines), "parameters", "training FLOPs"),
        rows=tuple(
            (*_score_row(row, findings.headlines, best), *_costs(row)) for row in findings.rows
        ),
        controls=len(findings.controls),
    )


def other_scores(findings: Findings) -> Table | None:
    """The metrics that are no headlines; None where there are no others."""
    others = findings.metrics[len(findings.headlines) :]
    return _of_metrics("Other metrics", findings, [m for m in others if not cut(m)[1]])


def ranks(findings: Findings) -> Table | None:
    """Tasks by models, best mean first: scores with intervals, and letters of what is not told apart.

    None where the record ranks nothing over tasks.
    """
    told = findings.record.get("ranking") or {}
    overall = told.get("overall")
    if not overall:
        return None
    rows = {row.name: row for row in findings.rows}
    order = sorted(overall["rows"], key=lambda name: -overall["rows"][name]["mean"])
    order = [name for name in order if name in rows]
    header = ("model", "mean", "mean rank", "rank", *map(words.metric, overall["metrics"]))
    return Table(
        caption="Ranks",
        header=header,
        rows=tuple(_rank_row(rows[name], overall, told["tasks"]) for name in order),
    )


def _rank_row(row: Row, overall: Mapping, tasks: Mapping) -> tuple[Cell, ...]:
    found = overall["rows"][row.name]
    cells = [
        Cell(row.title),
        Cell(f"{words.score(found['mean'])} {found['group']}", words.interval(*found["interval"])),
        Cell(f"{found['mean_rank']:.2f}"),
        Cell(words.places(found["low"], found["high"])),
    ]
    for metric in overall["metrics"]:
        group = (tasks.get(metric, {}).get(row.name) or {}).get("group", "")
        cell = _score_cell(row, metric, None)
        cells.append(Cell(f"{cell.text} {group}".strip(), cell.note))
    return tuple(cells)


def sizes(findings: Findings) -> Table | None:
    """Scores of every arm at every size that was read; None where none was."""
    metrics = [metric for metric in findings.metrics if cut(metric)[1]]
    rows = tuple(
        (Cell(words.metric(m)), *(_score_cell(arm, m, None) for arm in findings.arms))
        for m in sorted(metrics, key=lambda m: (cut(m)[0], *cut(m)[1].values()))
    )
    header = ("metric", *(arm.name for arm in findings.arms))
    return Table("Scores at every size", header, rows) if rows else None


def _of_metrics(caption: str, findings: Findings, metrics: Sequence[str]) -> Table | None:
    if not metrics:
        return None
    best = {metric: best_of(findings.arms, metric) for metric in metrics}
    return Table(
        caption=caption,
        header=("arm", *map(words.metric, metrics)),
        rows=tuple(_score_row(row, metrics, best) for row in findings.rows),
        controls=len(findings.controls),
    )


def claims(findings: Findings) -> Table:
    """What was claimed, and what came of it."""
    header = ("claim", "verdict", "effect", "interval", "p corrected", "detectable")
    rows = tuple(map(_claim_row, findings.claims))
    return Table("Claims", header, rows, texts=2)


def arms(findings: Findings) -> Table:
    """How each arm differs from the base, its learning rate, and what its folder is named by."""
    rows = tuple(
        (
            Cell(arm.name),
            Cell(words.overrides(arm.overrides) or "the base as it is"),
            Cell("–" if arm.learning_rate is None else f"{arm.learning_rate:g}"),
            Cell(arm.fingerprint or "–"),
        )
        for arm in findings.arms
    )
    return Table("Arms", ("arm", "overrides", "learning rate", "fingerprint"), rows, texts=4)


def seeds(findings: Findings) -> Table:
    """Every score of every seed, but those of a model cut to a size."""
    metrics = [metric for metric in findings.metrics if not cut(metric)[1]]
    rows = tuple(
        (Cell(name), Cell(str(entry["seed"])), *_values(entry["metrics"], metrics))
        for name, arm in findings.record["arms"].items()
        for entry in arm.get("seeds") or ()
    )
    return Table("Every seed", ("arm", "seed", *map(words.metric, metrics)), rows)


def failures(findings: Findings) -> Table:
    """Runs that did not finish: they are left out of every number above."""
    rows = tuple(
        (Cell(failure.arm), Cell(str(failure.seed)), Cell(failure.reason))
        for failure in findings.failures
    )
    return Table("Failed runs", ("arm", "seed", "what happened"), rows, texts=3)


def settings(findings: Findings) -> Table:
    """What the numbers were made with: commit, what the middle run took, data, versions."""
    record = findings.record
    facts = {"commit": record.get("commit"), "date": record.get("date")}
    facts |= {"scale": record.get("scale"), "record format": record.get("format")}
    facts |= median_costs(findings.runs)
    facts |= _named("data", record.get("data")) | _named("version", record.get("versions"))
    rows = tuple((Cell(name), Cell(str(fact))) for name, fact in facts.items() if fact is not None)
    return Table("Settings", ("setting", "value"), rows, texts=2)


def command(record: Mapping) -> str:
    """The shell lines that make these numbers again: the command as given, where it was kept.

    An experiment of one's own, which `--experiments` named, is not in the commit of jaxemb; a copy of
    its file stands beside the record, as `experiment.py`.
    """
    seeds = max((len(arm.get("seeds") or ()) for arm in record["arms"].values()), default=1)
    scale = record.get("scale") or "small"
    plain = f"jaxemb run {record['experiment']} --scale {scale} --seeds {seeds}"
    commit, _, changes = str(record.get("commit") or "").partition("+")
    note = "  # and then changes that no commit holds" if changes else ""
    lines = [f"git checkout {commit}{note}"] if commit else []
    typed = record.get("command") or plain
    own = ["# a copy of the experiment's file stands beside the record: experiment.py"]
    return "\n".join(
        [*lines, "pip install -e .", *(own if " --experiments " in typed else []), typed]
    )


def markdown(table: Table) -> str:
    """A table in Markdown; the highest arm's score is bold."""
    sides = [":--"] * table.texts + ["--:"] * (len(table.header) - table.texts)
    lines = [_markdown_line(table.header), _markdown_line(sides)]
    lines += [_markdown_line(map(_markdown_cell, row)) for row in table.rows]
    return "\n".join(lines)


def _score_row(
    row: Row, metrics: Sequence[str], best: Mapping[str, float | None]
) -> tuple[Cell, ...]:
    return (Cell(row.title), *(_score_cell(row, metric, best[metric]) for metric in metrics))


def _costs(row: Row) -> tuple[Cell, Cell]:
    if row.flops_spent is None and row.flops:
        return Cell(words.amount(row.parameters)), Cell(f"at most {words.amount(row.flops)}")
    spent = row.flops if row.flops_spent is None else row.flops_spent
    return Cell(words.amount(row.parameters)), Cell(words.amount(spent))


def _score_cell(row: Row, metric: str, best: float | None) -> Cell:
    found = row.scores.get(metric)
    if found is None:
        return Cell("–")
    is_best = not row.control and found.mean == best
    return Cell(words.score(found.mean), words.interval(found.low, found.high), is_best)


def best_of(arms: Sequence[Row], metric: str) -> float | None:
    """The best score of a column; None where all are the same."""
    found = {arm.scores[metric].mean for arm in arms if metric in arm.scores}
    return max(found) if len(found) > 1 else None


def _claim_row(claim: Claim) -> tuple[Cell, ...]:
    return (
        Cell(claim.text),
        Cell(f"{words.mark(claim.verdict)} {claim.verdict}"),
        Cell(words.signed(claim.effect)),
        Cell(claim.interval or "–"),
        Cell(words.chance(claim.p_corrected)),
        Cell(words.score(claim.detectable)),
    )


def _values(metrics: Mapping[str, float], names: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(Cell(words.score(metrics.get(name), digits=4)) for name in names)


def _named(what: str, facts: object) -> dict[str, object]:
    if isinstance(facts, Mapping):
        return {f"{what}: {name}": fact for name, fact in facts.items()}
    return {what: facts}


def _markdown_line(cells) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.note}".strip().replace("\n", " ")
