"""The page and its Markdown twin: complete, self-contained, the same each time."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from jaxemb.config import UsageError
from jaxemb.report import picture, report, terminal_table
from jaxemb.report.__main__ import main
from jaxemb.report.theme import DARK, LIGHT
from jaxemb.study.claims import EVERY_TASK

VOID = {"meta", "br", "img", "link", "hr", "input", "wbr"}


class Reader(HTMLParser):
    """Collects a page's attributes, ids and text, and checks that every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes, self.open, self.text, self.tags = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture
def html(record, runs, tmp_path) -> str:
    return report(record, runs, tmp_path / "out").read_text()


def test_page_refers_to_nothing_outside_itself(html):
    read = Reader(html)
    ids = {value for name, value in read.attributes if name == "id"}
    for name, value in read.attributes:
        if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            assert value.startswith("#") and value[1:] in ids, f"{name}={value}"
    for target in re.findall(r"url\(([^)]*)\)", html):
        assert target.startswith("#") and target[1:] in ids, target
    for foreign in ("@import", "http:", "https:", "<script", "<link", "<iframe", "//www"):
        assert foreign not in html


def test_page_is_well_formed_and_its_ids_are_unique(html):
    read = Reader(html)
    ids = [value for name, value in read.attributes if name == "id"]
    assert read.open == []
    assert len(ids) == len(set(ids))
    assert read.tags.count("h1") == 1


def test_page_tells_everything(html, record):
    words = Reader(html).words
    for heading in ("Claims", "Scores", "Ablation", "Learning curves", "Quality against size"):
        assert heading in words
    for name, arm in record["arms"].items():
        assert name in words and arm["fingerprint"] in words
    for claim in record["claims"]:
        assert claim["text"] in words and claim["verdict"] in words
    for told in ("+0.082", "[+0.062, +0.101]", "BM25", "static bag", "3f1c9a7be0d2", "0.10.2"):
        assert told in words
    assert "jaxemb run pooling_and_attention --scale small --seeds 5" in words
    assert "git checkout 3f1c9a7be0d2" in words


def test_failed_runs_are_listed_from_the_record_and_from_the_folders(html):
    words = Reader(html).words
    assert "did not finish" in words
    assert "loss is NaN at step 31 <lr 0.1>" in words
    assert "<lr 0.1>" not in html, "text from a run must be escaped"


def test_plots_have_a_title_and_a_description(html):
    assert html.count('<svg class="plot"') == 4
    for plot in re.findall(r'<svg class="plot".*?</svg>', html, re.DOTALL):
        assert re.search(r"<title id=[^>]*>[^<]+</title><desc id=[^>]*>[^<]+</desc>", plot)


def test_plots_take_all_their_colours_from_the_theme(html):
    for plot in re.findall(r'<svg class="plot".*?</svg>', html, re.DOTALL):
        assert re.findall(r"#[0-9a-f]{6}\b", plot) == []
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT), "a colour stands for one variable"


def test_equal_input_gives_equal_files(record, runs, tmp_path):
    first, second = report(record, runs, tmp_path / "1"), report(record, runs, tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "1/report.md").read_bytes() == (tmp_path / "2/report.md").read_bytes()


def test_names_are_escaped(record, tmp_path):
    record["experiment"] = "a<script>b"
    record["claims"][0]["text"] = "x & <y>"
    page = report(record, None, tmp_path).read_text()
    assert "<script" not in page and "x &amp; &lt;y&gt;" in page


def test_record_alone_leaves_out_what_needs_runs(record, tmp_path):
    page = report(record, None, tmp_path).read_text()
    assert "Scores" in page and "Learning curves" not in page


def test_bare_record_makes_a_page(tmp_path):
    bare = {"experiment": "x", "arms": {"only": {"seeds": [{"seed": 0, "metrics": {"a/b": 0.5}}]}}}
    page = report(bare, None, tmp_path).read_text()
    assert Reader(page).open == [] and "0.500" in page


def test_record_without_any_finished_run_makes_a_page(record, tmp_path):
    for arm in record["arms"].values():
        arm |= {"seeds": [], "summary": {}}
    record["claims"], record["verdict"] = [], None
    assert Reader(report(record, None, tmp_path).read_text()).open == []


def test_uncommitted_changes_are_admitted(record, tmp_path):
    record["commit"] += "+changes"
    assert "changes that no commit holds" in report(record, None, tmp_path).read_text()


def test_the_command_is_shown_as_it_was_given(record, tmp_path):
    record["command"] = "jaxemb sweep pooling_and_attention mask=causal,bidirectional"
    assert record["command"] in report(record, None, tmp_path).read_text()


def test_markdown_holds_the_tables(record, runs, tmp_path):
    text = report(record, runs, tmp_path).with_suffix(".md").read_text()
    assert text.startswith("# pooling_and_attention\n")
    assert "| bidirectional-layers | **0.415** [0.401, 0.429] |" in text
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_not_a_record_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no 'experiment'"):
        report({"arms": {}}, None, tmp_path)


def test_unwritable_folder_is_named(record, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        report(record, None, tmp_path / "file")


def test_picture_is_a_png_and_the_same_each_time(record, runs, tmp_path):
    first, second = (picture(record, runs, tmp_path / name) for name in ("1.png", "2.png"))
    assert first.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert first.read_bytes() == second.read_bytes()


def test_module_draws_from_a_file(record, runs, tmp_path, capsys):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record))
    assert main([str(path), "--runs", str(runs), "--png", str(tmp_path / "p.png")]) == 0
    assert (tmp_path / "p.png").exists() and not (tmp_path / "report.html").exists()
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.endswith("report.html\n")


def test_module_refuses_what_is_no_record(tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{")
    assert main([str(tmp_path / "bad.json")]) == 2
    assert main([str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("cannot be read: ") == 2


def test_tests_over_tasks_say_that_they_take_tasks_as_independent(record, tmp_path):
    def told() -> list[int]:
        page = report(record, None, tmp_path)
        found = Reader(page.read_text()).words, page.with_suffix(".md").read_text()
        return [text.count("independent of each other") for text in found]

    assert told() == [0, 0]
    metrics = ["retrieval/ndcg@10", "sts/spearman"]
    row = {"mean": 0.4, "interval": [0.3, 0.5], "mean_rank": 1.0, "low": 1, "high": 5, "group": "a"}
    overall = {"metrics": metrics, "rows": dict.fromkeys(record["arms"], row), "friedman": None}
    record["ranking"] = {"tasks": {}, "overall": overall}
    assert told() == [1, 1]
    overall["friedman"] = {"statistic": 3.2, "p": 0.2, "critical_difference": 2.1, "groups": []}
    assert told() == [1, 1]
    record["claims"][0]["metric"] = EVERY_TASK
    assert told() == [2, 2]
    printed = Console(file=io.StringIO(), width=300)
    printed.print(terminal_table(record))
    assert "independent of each other" in printed.file.getvalue()
