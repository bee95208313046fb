"""Numbers as words, and the table in the terminal."""

import io

import numpy as np
import pytest
from rich.console import Console

from jaxemb.report import plots, tables, terminal_table, words
from jaxemb.report.findings import findings
from tests.report.conftest import make_runs


def printed(record: dict, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(terminal_table(record))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_terminal_table_fits_its_width(record, width):
    text = printed(record, width)
    assert max(map(len, text.splitlines())) <= width
    for name in record["arms"]:
        assert name in text
    assert "BM25" in text and "0.415" in text and "✓ supported" in text
    assert "causal-layers seed 7 failed" in text


def test_wider_terminals_show_more_metrics(record):
    narrow, wide = printed(record, 60), printed(record, 200)
    table, _, hidden = narrow.partition("Not shown for want of width, but in the report: ")
    assert "classification" not in table and "classification" in hidden
    assert "V‑measure" in wide and "Not shown" not in wide


def test_a_long_arm_is_folded_and_nothing_of_it_is_lost(record):
    name = next(iter(record["arms"]))
    long = "temperature=0.0123,blocks=query-to-document+document-to-query,embedder.layers=12"
    record["arms"] = {long if arm == name else arm: told for arm, told in record["arms"].items()}
    record["claims"] = []
    lines = printed(record, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert long in "".join(line.split(" ")[1] if line[:1] == " " else "" for line in lines)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("retrieval/ndcg@10", "retrieval nDCG@10"),
        ("pair_classification/ap", "pair classification AP"),
        ("sts/spearman", "STS Spearman"),
        ("loss", "loss"),
        ("retrieval@layers=2,dim=32/ndcg@10", "retrieval nDCG@10 (layers=2, dim=32)"),
    ],
)
def test_metrics_are_spelled(given, said):
    assert words.metric(given) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [(None, "–"), (0.0, "0"), (999, "999"), (1_447_424, "1.45 M"), (4e13, "40 T")],
)
def test_amounts_are_spelled(given, said):
    assert words.amount(given) == said


def test_flops_are_those_that_were_spent_or_a_limit_in_words(record):
    name, *_ = record["arms"]
    record["arms"][name] |= {"flops": 4e13, "flops_spent": 6e12}
    texts = [row[-1].text for row in tables.scores(findings(record)).rows]
    assert texts[0] == "6 T" and all(text == "–" or "at most" in text for text in texts[1:])
    record["arms"][name] |= {"flops": 0, "flops_spent": None}
    assert tables.scores(findings(record)).rows[0][-1].text == "0"


@pytest.mark.parametrize(
    ("p", "said"), [(None, "–"), (0.0, "<0.001"), (0.0424, "0.042"), (0.121, "0.12"), (1.0, "1.00")]
)
def test_chances_are_never_a_bare_zero(p, said):
    assert words.chance(p) == said


def test_numbers_have_signs_and_dashes():
    assert words.signed(-0.0213) == "−0.021"
    assert words.signed(0.02) == "+0.020"
    assert words.score(None) == words.score(float("nan")) == "–"
    assert words.interval(None, 1.0) == ""


def test_axis_labels_are_as_short_as_tells_the_arms_apart(record):
    def columns() -> list[str]:
        panel = plots.heat_map(findings(record)).axes[0]
        return [label.get_text().replace("\n", "") for label in panel.get_xticklabels()]

    assert columns() == ["last_token", "latent_over_tokens", "latent_over_layers"]
    twice = record["arms"]["causal-tokens"] | {
        "overrides": {"mask": "causal", "pooling": "latent_over_tokens(latents=16)"}
    }
    record["arms"]["causal-more"] = twice
    assert columns() == [
        "last_token",
        "latent_over_tokens(latents=8)",
        "latent_over_layers",
        "latent_over_tokens(latents=16)",
    ]


def test_labels_wrap_between_words():
    assert words.wrapped("latent_over_tokens", 12) == "latent_over_\ntokens"
    assert words.wrapped("mean", 3) == "mean"
    long = words.wrapped("latent_over_layers(summary=last_token, latents=16)", 14)
    assert long.split("\n") == ["latent_over_", "layers(", "summary=last_", "…latents=16)"]


def test_equal_scores_have_no_best(record):
    for arm in record["arms"].values():
        arm["summary"]["sts/spearman"]["mean"] = 1.0
    page = tables.markdown(tables.scores(findings(record)))
    assert "**1.000**" not in page and "**0.415**" in page


def test_long_names_keep_both_ends():
    name = "mask=causal,pooling=latent_over_layers,dim=64"
    assert words.shortened(name).startswith("mask=causal") and words.shortened(name).endswith("=64")
    assert len(words.shortened(name)) <= 34


@pytest.mark.parametrize(
    ("verdict", "mark", "tone"),
    [
        ("supported", "✓", "good"),
        ("contradicted", "✗", "bad"),
        ("undecided", "?", "open"),
        ("not testable at small", "–", "none"),
        (None, "–", "none"),
    ],
)
def test_verdicts_have_a_mark_and_a_tone(verdict, mark, tone):
    assert (words.mark(verdict), words.tone(verdict)) == (mark, tone)


def test_a_far_control_does_not_flatten_the_arms(record):
    panel = plots.scores(findings(record)).axes[0]
    low, high = panel.get_xlim()
    assert low > 0.2 and high < 0.5
    assert {"0.566 ▸", "◂ 0.020"} <= {text.get_text() for text in panel.texts}


def test_heat_map_needs_two_axes_and_averages_the_others(record):
    found = findings(record)
    assert plots.heat_map(found).axes[0].get_xlabel() == "pooling"
    for arm in record["arms"].values():
        del arm["overrides"]["mask"]
    assert plots.heat_map(findings(record)) is None


def test_more_arms_than_colours_are_drawn(record):
    arm = record["arms"]["causal-last"]
    record["arms"] = {
        f"mask={mask},width={width}": arm | {"overrides": {"mask": mask, "width": width}}
        for mask in ("causal", "bidirectional")
        for width in range(8, 15)
    }
    found = findings(record)
    assert len(plots.arm_colours(found)) == 14
    assert plots.scores(found) is not None and plots.heat_map(found) is not None


def test_sizes_run_along_layers_where_only_those_are_cut(record):
    for arm in record["arms"].values():
        for holder in (arm["summary"], *(seed["metrics"] for seed in arm["seeds"])):
            for name in [name for name in holder if "dim=" in name]:
                value = holder.pop(name)
                holder[name.replace(",dim=128", "")] = value if "dim=128" in name else None
            for name in [name for name in holder if "dim=" in name]:
                del holder[name]
    figure = plots.sizes(findings(record))
    assert {panel.get_xlabel() for panel in figure.axes} == {"", "layers"}
    assert len(figure.axes) == 10


def test_sizes_draw_a_line_a_depth(record):
    panel = plots.sizes(findings(record)).axes[0]
    assert [line.get_label() for line in panel.lines] == ["1 layer", "2 layers"]
    assert list(panel.lines[0].get_xdata()) == [16, 32, 64, 128]


def test_ranks_are_ordered_by_their_mean(record):
    metrics = ["retrieval/ndcg@10", "sts/spearman"]
    rows = {
        name: {"mean": mean, "interval": [mean - 0.1, mean + 0.1], "mean_rank": 1.5, "rank": 1.0,
               "low": 1, "high": high, "group": "ab"}
        for name, mean, high in (("causal-last", 0.4, 1), ("static_bag", 0.6, 3))
    }  # fmt: skip
    record["ranking"] = {
        "tasks": {metrics[0]: {"causal-last": {"group": "b"}}},
        "overall": {"metrics": metrics, "rows": rows, "friedman": None},
    }
    found = tables.ranks(findings(record))
    assert [row[0].text for row in found.rows] == ["static bag", "causal-last"]
    first, second = found.rows
    assert first[1].text == "0.600 ab" and first[1].note == "[0.500, 0.700]"
    assert (first[3].text, second[3].text) == ("1 to 3", "1")
    assert second[4].text.endswith(" b") and not second[5].text.endswith("b")
    assert tables.ranks(findings(record | {"ranking": None})) is None


def test_settings_say_what_the_middle_run_took(record, tmp_path):
    """Seconds are 40 and 10 more a seed; a cost that no run tells of is left out."""
    found = tables.settings(findings(record, make_runs(tmp_path, record)))
    told = {name.text: value.text for name, value in found.rows}
    seeds = [entry["seed"] for arm in record["arms"].values() for entry in arm["seeds"]]
    assert told["seconds per run"] == f"{40 + 10 * np.median(seeds):.0f}"
    assert told["programs compiled a run"] == "21"
    assert "seconds to a run's first step" not in told and "peak memory in bytes" not in told
    assert "seconds per run" not in {
        name.text for name, _ in tables.settings(findings(record)).rows
    }
