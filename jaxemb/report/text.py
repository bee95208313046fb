"""Plain text for the terminal: aligned columns, counts with a unit."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], gap: str = "  ") -> str:
    """Rows of text as aligned columns; the last column is not padded."""
    if not rows:
        return ""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    lines = (
        gap.join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def amount(value: int | float | None, gap: str = "") -> str:
    """A count with a unit prefix: 1.4M, 41T; `gap` parts the two."""
    if value is None:
        return "-"
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{gap}{unit}"
    return f"{value:.0f}"
