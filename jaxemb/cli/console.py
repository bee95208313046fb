"""What a person sees of a run: live bars in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping, Sequence
from io import TextIOBase
from typing import Any

from jaxemb.report.text import amount, columns

EVERY_SECONDS = 10.0
"""How often a running seed is mentioned where the output is not a terminal."""


def watch(stream: TextIOBase | None = None) -> "Bars | Lines":
    """Bars if the stream is a terminal, otherwise one line per event. Standard error by default."""
    stream = stream or sys.stderr
    return Bars(stream) if stream.isatty() else Lines(stream)


def described(event: Mapping[str, Any]) -> str | None:
    """An event as a line of text; None for those that come many times a second."""
    who = _who(event)
    match event["event"]:
        case "preparing":
            return counted(event["arms"], event["seeds"])
        case "control":
            return f"{who}: control"
        case "control_done":
            return f"{who}: {_scores(event['scores'])}"
        case "tuned":
            return f"{who}: {event['score']:.3f} on dev"
        case "scoring":
            return f"{who}: scoring"
        case "done":
            return f"{who}: {_scores(event['scores'])}, {_clock(event['seconds'])}"
        case "skipped":
            other = event.get("other_code")
            note = f", made by other code ({other}); --again runs it again" if other else ""
            return f"{who}: finished before{note}"
        case "failed":
            return f"{who}: FAILED, {event['error']}"
        case "refused":
            return f"{who}: refused, {event['error']}"
        case "task_done":
            return _task(event)
    return None


def counted(arms: Sequence, seeds: Sequence) -> str:
    """`5 arms x 1 seed`."""
    told = ((len(arms), "arm"), (len(seeds), "seed"))
    return " x ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in told)


def _task(event: Mapping[str, Any]) -> str:
    """A task that was scored: what it gave, how long it took, and the speed so far."""
    name = f"{event['number']}/{event['tasks']} {event['task']}"
    if event["error"]:
        return f"{name}: no score, {event['error']}"
    return f"{name}: {_scores(event['scores'])}, {_clock(event['seconds'])}  {_speed(event)}"


def _speed(event: Mapping[str, Any]) -> str:
    """Texts that had to be embedded, and real tokens per second while they were."""
    rate = event.get("tokens_per_second")
    speed = "" if rate is None else f", {rate:,} tokens/s"
    return f"{event['embedded']:,} of {event['texts']:,} texts embedded{speed}"


def _who(event: Mapping[str, Any]) -> str:
    seed = event.get("seed")
    arm = event.get("arm", "")
    if "trial" in event:
        return f"{arm} at learning rate {event['trial']:g}"
    return arm if seed is None else f"{arm} seed {seed}"


def _scores(scores: Mapping[str, float], most: int = 3) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in list(scores.items())[:most])


def _clock(seconds: int | float) -> str:
    seconds = int(seconds)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def pace(step: Mapping[str, Any]) -> str:
    """Loss, speed in real tokens, padding efficiency, MFU and time left, as far as a step tells them."""
    parts = [f"loss {step['loss']:.3f}"] if "loss" in step else []
    if "tokens_per_second" in step:
        parts.append(f"{step['tokens_per_second']:,.0f} tokens/s")
    if "padding_efficiency" in step:
        parts.append(f"{step['padding_efficiency']:.0%} real")
    if "negatives_per_row" in step:
        parts.append(f"{step['negatives_per_row']:,.4g} negatives per row")
    if "mfu" in step:
        parts.append(f"MFU {step['mfu']:.0%}")
    if "seconds_left" in step:
        parts.append(f"{_clock(step['seconds_left'])} left")
    return "  ".join(parts)


class Lines:
    """One line per event, and one every few seconds for a seed that trains."""

    def __init__(self, stream: TextIOBase) -> None:
        self._stream, self._mentioned = stream, {}

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, event: Mapping[str, Any]) -> None:
        line = described(event)
        if event["event"] == "step" and self._is_due(_who(event)):
            line = f"{_who(event)}: step {event['step']}  {pace(event)}"
        if line is not None:
            print(line, file=self._stream, flush=True)

    def _is_due(self, who: str) -> bool:
        now = time.monotonic()
        if now - self._mentioned.get(who, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        self._mentioned[who] = now
        return True


class Bars:
    """One bar for all seeds, and one for each that trains."""

    def __init__(self, stream: TextIOBase) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}", style="dim"),
            console=Console(file=stream),
        )
        self._all: Any = None
        self._running: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "preparing":
            total = len(event["arms"]) * len(event["seeds"])
            self._all = self._progress.add_task("all seeds", total=total, pace="")
        elif kind == "suite":
            self._all = self._progress.add_task(event["suite"], total=event["tasks"], pace="")
        elif kind in ("task", "embedded"):
            self._progress.update(self._all, pace=f"{event['task']}  {_speed(event)}")
        elif kind == "step":
            self._step(event)
        else:
            self._message(event)
        if kind in ("done", "skipped", "failed", "task_done") and self._all is not None:
            self._progress.advance(self._all)

    def _step(self, event: Mapping[str, Any]) -> None:
        who = _who(event)
        if who not in self._running:
            total = event.get("steps")
            self._running[who] = self._progress.add_task(who, total=total, pace="")
        self._progress.update(self._running[who], completed=event["step"], pace=pace(event))

    def _message(self, event: Mapping[str, Any]) -> None:
        bar = self._running.pop(_who(event), None)
        if bar is not None:
            self._progress.remove_task(bar)
        style = "red" if event["event"] in ("failed", "refused") else None
        line = described(event)
        if line is not None:
            self._progress.console.print(line, style=style, markup=False, highlight=False)


def prices(rows: Sequence[Mapping[str, Any]], devices: int) -> str:
    """A table of what arms take: one line per arm, or one for each rule of splitting parameters."""
    kinds = ("parameters", "optimizer", "gradients", "activations", "total")
    more = ("as compiled here B",) if any("compiled" in row for row in rows) else ()
    lines = [
        ("arm", "parameters", "FLOPs, at most", "rule", *(f"{kind} B" for kind in kinds), *more)
    ]
    for row in rows:
        counts = (row["arm"], amount(row["parameters"]), amount(row["flops"]))
        planned = [amount(row.get("compiled")) for _ in more]
        for rule in ("replicate", "fsdp") if devices > 1 else ("replicate",):
            needed = row.get(rule, {})
            sizes = (amount(needed.get(kind)) for kind in kinds)
            lines.append((*counts, rule, *sizes, *planned))
            counts, planned = ("", "", ""), ["" for _ in more]
    each = "On one device" if devices == 1 else f"On each of {devices} devices"
    return f"{each}, in one training step:\n{columns(lines)}"


def suite_table(found: Mapping[str, Any]) -> str:
    """What `scoring.score` found: one row per task, then the means, then what was left out."""
    seen = found.get("contamination", {})
    header = ("task", "type", "metric", "score", "examples", *(("seen",) if seen else ()))
    rows = [header]
    for row in found["tasks"]:
        share = (f"{seen[row['name']]['share']:.1%}",) if seen else ()
        score = f"{row['score']:.4f}"
        rows.append(
            (row["name"], row["type"], row["metric"], score, f"{row['examples']:,}", *share)
        )
    means = [("type", "mean", "sets")]
    means += [(k, f"{t['mean']:.4f}", str(t["sets"])) for k, t in found["types"].items()]
    sets = sum(t["sets"] for t in found["types"].values())
    means.append(("mean over data sets", _mean(found["mean"]), str(sets)))
    means.append(("mean over types", _mean(found["mean_of_types"]), ""))
    parts = [columns(rows), columns(means)]
    if found["passed_over"]:
        parts.append(
            "\n".join(f"not a task  {k}: {why}" for k, why in found["passed_over"].items())
        )
    if "written" in found:
        parts.append(f"results  {found['written']}")
    return "\n\n".join(parts)


def _mean(value: float | None) -> str:
    """A mean with four digits; a dash where nothing could be scored."""
    return "-" if value is None else f"{value:.4f}"
