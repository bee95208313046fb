"""What a person sees while an experiment runs."""

import io

import pytest

from jaxemb.cli import console
from jaxemb.report import text

STEP = {
    "event": "step", "arm": "a", "seed": 0, "step": 5, "loss": 1.25,
    "tokens_per_second": 1234.5, "padding_efficiency": 0.875, "seconds_left": 65.0,
}  # fmt: skip


def test_plain_lines_tell_every_event_but_not_every_step():
    out = io.StringIO()
    with console.watch(out) as emit:
        for step in range(5, 10):
            emit({**STEP, "step": step})
        emit({**STEP, "arm": "b", "step": 1, "negatives_per_row": 62.5})
        emit({"event": "skipped", "arm": "a", "seed": 1, "other_code": "abc"})
        emit(
            {"event": "done", "arm": "a", "seed": 0, "seconds": 61, "scores": {"sts/spearman": 0.5}}
        )
    assert out.getvalue().splitlines() == [
        "a seed 0: step 5  loss 1.250  1,234 tokens/s  88% real  1:05 left",
        "b seed 0: step 1  loss 1.250  1,234 tokens/s  88% real  62.5 negatives per row  1:05 left",
        "a seed 1: finished before, made by other code (abc); --again runs it again",
        "a seed 0: sts/spearman 0.500, 1:01",
    ]


def test_bars_are_drawn_in_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    with console.watch(out) as emit:
        emit({"event": "preparing", "arms": ["a"], "seeds": (0, 1)})
        emit(STEP)
        emit({"event": "failed", "arm": "a", "seed": 0, "error": "loss is nan"})
    assert "a seed 0: FAILED, loss is nan" in out.getvalue()
    assert "all seeds" in out.getvalue()


def test_columns_line_up():
    assert text.columns([("a", "bb", "c"), ("aaa", "b", "cc")]) == "a    bb  c\naaa  b   cc"
    assert text.columns([]) == ""


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0, "0"), (999, "999"), (1_480_000, "1.48M"), (4.1e13, "41T")]
)
def test_amounts(value, shown):
    assert text.amount(value) == shown
