"""The audit of a set of pairs as a page of Markdown."""

from jaxemb.analysis.pairs import PairAudit

_BAR = 30  # characters of the longest bar


def audit_page(audit: PairAudit, title: str = "Audit") -> str:
    """What a person reads before training on pairs: counts, ranks, and a histogram of scores.

    Example:
        >>> print(audit_page(audit_pairs(examples, model), "quora"))  # doctest: +SKIP
    """
    rows = [
        ("pairs", f"{audit.pairs:,}"),
        ("different queries", f"{audit.queries:,}"),
        ("different positives", f"{audit.positives:,}"),
        ("pairs that stood there before", _share(audit.repeated)),
        ("positives that nearly repeat another", _share(audit.near_copies)),
        ("queries with several answers", _share(audit.several_answers)),
        ("words of a query that its positive has", _share(audit.overlap)),
        *((f"words of a {role} (5, 50, 95 %)", _three(of)) for role, of in audit.words.items()),
        *((f"positive within rank {rank}", _share(of)) for rank, of in audit.within.items()),
        ("another text scores higher", _share(audit.unmarked)),
        ("another text scores 95 % of the pair", _share(audit.close)),
    ]
    table = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(
        [
            f"# {title}",
            "",
            "| | |",
            "|:--|--:|",
            *table,
            "",
            "## Scores",
            "",
            *_histogram(audit),
            "",
        ]
    )


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _three(values: tuple[float, float, float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _histogram(audit: PairAudit) -> list[str]:
    most = max(audit.own.max(), audit.best_other.max(), 1)
    lines = ["| score | the pair | the best other text |", "|:--|:--|:--|"]
    for low, high, own, other in zip(
        audit.edges[:-1], audit.edges[1:], audit.own, audit.best_other, strict=True
    ):
        bars = (f"{'█' * round(_BAR * count / most)} {count:,}".strip() for count in (own, other))
        lines.append(f"| {low:.2f} to {high:.2f} | {' | '.join(bars)} |")
    return lines
