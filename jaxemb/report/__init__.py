"""One experiment as tables, plots and one self-contained HTML page.

A report is made from a record and the run folders beside it, and refers to nothing outside itself:
styles and drawings are inline, so the page can be mailed, archived, and opened without a network.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path


def report(record: Mapping, runs: Path | None, out: Path) -> Path:
    """Writes `report.md` and `report.html` into `out`, and returns the page's path.

    Equal input gives equal files, byte for byte.

    Args:
        record: an experiment's record, as its JSON file holds it.
        runs: the folder of arm folders (`runs/<experiment>/<scale>`), for learning curves, sizes,
            failures and the map of embedded texts, which is kept beside each model; None where only
            the record is at hand.
        out: the folder to write to; made if it is not there.

    Raises:
        UsageError: this is not an experiment's record, or `out` cannot be written to.

    Example:
        >>> report(json.loads(Path("record.json").read_text()), Path("runs/x/small"), Path("out"))
        PosixPath('out/report.html')
    """
    from jaxemb.config.files import write_whole, writing_to
    from jaxemb.report.embedded import text_maps
    from jaxemb.report.findings import findings
    from jaxemb.report.page import markdown_page, page

    found = replace(findings(record, runs), maps=text_maps(record, runs))
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "report.md", markdown_page(found))
        write_whole(out / "report.html", page(found))
    return out / "report.html"


def terminal_table(record: Mapping):
    """Scores with controls, and each claim with its verdict, as something rich prints.

    Raises:
        UsageError: this is not an experiment's record.

    Example:
        >>> rich.print(terminal_table(record))
    """
    from jaxemb.report.findings import findings
    from jaxemb.report.terminal import Terminal

    return Terminal(findings(record))


def picture(record: Mapping, runs: Path | None, path: Path) -> Path:
    """Draws the report's main figures as one PNG, for a README or a slide; returns its path.

    Args:
        record, runs: as `report` takes them.
        path: the file to write; its folder is made if it is not there.
    """
    from jaxemb.report import plots
    from jaxemb.report.findings import findings

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = plots.picture(findings(record, runs))
    figure.savefig(path, dpi=160, metadata={"Software": None})
    return path
