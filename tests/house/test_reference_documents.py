"""The reference pages list what there is: settings, flags, exit codes, files, columns, metrics."""

import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from config import load_settings
from quant_core.data import quality_findings
from quant_core.data.quality import REASONS
from quant_core.data.warehouse_query import VIEWS
from quant_core.factors.library import LIBRARIES, catalogue
from quant_core.factors.parser import parse
from quant_core.jobs import backtest_command, sync_command
from quant_core.jobs.command_line import EXIT_CODES, run_command
from quant_core.strategies import strategy_sections
from quant_core.trading.history import INCIDENT_KINDS
from tests.house.settings_page import PAGE, render
from tests.house.source_tree import ROOT
from tests.house.test_documents import Block, blocks, blocks_of, documents

REFERENCE = ROOT / "docs" / "reference"
COMMANDS = {
    "run_data_sync.py": ("run_data_sync.py",),
    "run_factor_computation.py": ("run_factor_computation.py",),
    "run_backtest.py": ("run_backtest.py",),
    "run_live_strategy.py": ("run_live_strategy.py",),
    "python -m quant_core parity": ("-m", "quant_core", "parity"),
    "python -m quant_core drill": ("-m", "quant_core", "drill"),
    "python -m quant_core sql": ("-m", "quant_core", "sql"),
    "python -m quant_core prove": ("-m", "quant_core", "prove"),
    "python -m quant_core sweep": ("-m", "quant_core", "sweep"),
}
TYPES = {
    pl.Date: "date",
    pl.String: "text",
    pl.Int64: "int64",
    pl.Float64: "float64",
    pl.Boolean: "boolean",
    pl.Decimal(18, 6): "money",
}
ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")
PLACE = re.compile(r"^# (config/\w+\.yaml)$", re.MULTILINE)
QUOTED = re.compile(r"\| ([\d.]+) s \| `python benchmarks/\w+\.py (\w+)` \|")
BENCHMARK = re.compile(r"python (benchmarks/\w+\.py)((?: [\w.-]+)*)")


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)",
        page.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"{page.name} has no section {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Cells of every table row of a text, without headings and rules."""
    cells = [row.split(" | ") for row in ROW.findall(text) if not row.startswith("---")]
    return [row for row in cells if row[0].startswith(("`", "0")) or row[0].isdigit()]


def names_of(row: list[str]) -> list[str]:
    """What stands in backticks in the first cell of a row."""
    return NAME.findall(row[0])


def names(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables."""
    return [name for row in rows(text) for name in names_of(row)]


class TestSettings:
    def test_page_is_rendered_from_the_models(self):
        assert PAGE.read_text("utf-8") == render(), "python -m tests.house.settings_page"


class TestCommandLine:
    PAGE = REFERENCE / "command_line.md"

    @staticmethod
    @cache
    def flags_of(command: str) -> frozenset[str]:
        words = [sys.executable, *COMMANDS[command], "--help"]
        answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        told = answer.stdout.partition("\n\n")[0]
        return frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", told)) - {"-h", "-m"}

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_flag_is_listed(self, command: str):
        listed = [
            name.split()[0]
            for heading in ("Flags of every command", command)
            for name in names(section(self.PAGE, heading))
            if name.startswith("--")
        ]
        assert sorted(listed) == sorted(self.flags_of(command) | {"--help"})

    @pytest.mark.parametrize("page", ["docs/reference/command_line.md", "README.md"])
    def test_every_exit_code_is_listed(self, page: str):
        listed = [int(row[0]) for row in rows(section(ROOT / page, "Exit codes"))]
        assert listed == sorted(EXIT_CODES)

    def test_every_library_is_listed(self):
        told = section(self.PAGE, "run_factor_computation.py")
        assert [name for name in LIBRARIES if f"`{name}`" not in told] == []

    def test_every_table_of_the_warehouse_is_listed(self):
        told = section(self.PAGE, "python -m quant_core sql")
        assert [name for name in VIEWS if f"`{name}`" not in told] == []


class TestDataQuality:
    PAGE = ROOT / "docs" / "concepts" / "data_quality.md"

    def test_every_reason_is_listed(self):
        listed = set(names(section(self.PAGE, "Rows that are refused")))
        assert listed == {"not_a_date", "not_a_number:<field>", *REASONS}

    def test_every_finding_is_listed(self):
        listed = set(names(section(self.PAGE, "Findings: noticed, not judged")))
        _, table, _ = re.split(r"^=+ =+$", quality_findings.__doc__ or "", flags=re.MULTILINE)
        assert listed == {line.split()[0] for line in table.strip().splitlines()}


class TestFactors:
    def test_sizes_of_the_libraries(self):
        page = ROOT / "docs" / "concepts" / "factors.md"
        told = {
            name: int(row[1]) for row in rows(page.read_text("utf-8")) for name in names_of(row)
        }
        assert told == Counter(factor.library for factor in catalogue().values())

    @pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
    def test_the_readme_counts_right(self, page: str):
        sizes = Counter(factor.library for factor in catalogue().values())
        told = [int(number) for number in re.findall(r"\d+", (ROOT / page).read_text("utf-8"))]
        assert {sum(sizes.values()), sizes["classic"]} <= set(told)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    """A backtest of a small synthetic market in which a stop and a breaker act."""
    root = tmp_path_factory.mktemp("documents")
    where = ["--set", f"data.root={root / 'data'}", "--set", f"report.output={root / 'results'}"]
    size = ["--stocks", "12", "--etfs", "1", "--sessions", "120"]
    market = ["--source", "demo", *size, "--json", *where]
    assert run_command(sync_command.COMMAND, market, load_settings) == 0
    rules = ["strategy.linear.weights={momentum_20: 1}", "strategy.risk.stop_loss_pct=0.02"]
    settings = [word for rule in rules for word in ("--set", rule)]
    assert run_command(backtest_command.COMMAND, [*settings, *where], load_settings) == 0
    (folder,) = (root / "results").iterdir()
    return folder


class TestResults:
    PAGE = REFERENCE / "results.md"

    def test_every_file_is_listed(self, run_folder: Path):
        assert sorted(names(section(self.PAGE, "Files"))) == sorted(
            path.name for path in run_folder.iterdir()
        )

    @pytest.mark.parametrize("table", ["equity", "orders", "fills", "positions", "incidents"])
    def test_every_column_is_listed(self, run_folder: Path, table: str):
        told = rows(section(self.PAGE, f"{table}.parquet"))
        listed = [(NAME.findall(row[0])[0], row[1]) for row in told if row[1] in TYPES.values()]
        schema = pl.read_parquet_schema(run_folder / f"{table}.parquet")
        assert listed == [(name, TYPES[kind]) for name, kind in schema.items()]

    def test_every_kind_of_incident_is_listed(self):
        listed = {name for name in names(section(self.PAGE, "incidents.parquet"))}
        assert set(INCIDENT_KINDS) == listed - {"date", "kind", "symbol", "detail", "cash_flow"}
        modules = ("trading_day.py", "settlement.py")
        source = "".join((ROOT / "quant_core" / name).read_text("utf-8") for name in modules)
        assert all(f'"{kind}"' in source for kind in INCIDENT_KINDS)
        made = set(re.findall(r'(?:Incident\(|_tell\(done,)\s*[\w.]+,\s*"(\w+)"', source))
        assert made <= set(INCIDENT_KINDS)

    def test_every_key_of_the_manifest_is_listed(self, run_folder: Path):
        manifest = json.loads((run_folder / "manifest.json").read_text("utf-8"))
        assert names(section(self.PAGE, "manifest.json")) == list(manifest)

    def test_every_metric_is_explained(self, run_folder: Path):
        metrics = json.loads((run_folder / "metrics.json").read_text("utf-8"))
        page = ROOT / "docs" / "concepts" / "statistics.md"
        assert sorted(names(page.read_text("utf-8"))) == sorted(metrics)


class TestDecisions:
    FOLDER = ROOT / "docs" / "decisions"

    def test_every_page_is_listed_in_its_place(self):
        pages = sorted(path.name for path in self.FOLDER.glob("[0-9]*.md"))
        listed = re.findall(r"^(\d+)\. \[.+\]\((.+)\)$", self.read("README.md"), re.MULTILINE)
        assert [name for _, name in listed] == pages
        assert [f"{int(number):04d}" for number, _ in listed] == [name[:4] for name in pages]

    @pytest.mark.parametrize("part", ["Context.", "Choice.", "Cost.", "Look again**"])
    def test_every_page_has_its_parts(self, part: str):
        without = [
            p.name for p in self.FOLDER.glob("[0-9]*.md") if f"**{part}" not in p.read_text()
        ]
        assert not without

    def read(self, name: str) -> str:
        return (self.FOLDER / name).read_text("utf-8")


class TestExamples:
    @pytest.mark.parametrize("block", blocks("yaml"), ids=str)
    def test_settings_are_accepted(self, block: Block, tmp_path: Path):
        """A page's own strategies are registered first, as its reader would have done."""
        place = PLACE.search(block.text)
        assert place is not None, "the first line of a YAML block says which file it belongs to"
        for code in blocks_of(block.path):
            if code.language == "python":
                exec(compile(code.text, str(code), "exec"), {"__name__": "__document__"})
        for name in ("base.yaml", "backtest.yaml"):
            (tmp_path / name).write_bytes((ROOT / "config" / name).read_bytes())
        (tmp_path / Path(place[1]).name).write_text(block.text, "utf-8")
        loaded = load_settings("backtest", strategy_sections(), directory=tmp_path, environment={})
        for text in loaded.settings.factors.values():
            parse(text)

    @pytest.mark.parametrize("block", blocks("json"), ids=str)
    def test_json_is_json(self, block: Block):
        json.loads(block.text)

    @pytest.mark.parametrize("page", documents(), ids=str)
    def test_measurements_exist(self, page: Path):
        """A figure is quoted with its command; its script has to take those words."""
        for script, words in BENCHMARK.findall((ROOT / page).read_text("utf-8")):
            shared = (ROOT / "benchmarks" / "measurement.py").read_text("utf-8")
            text = (ROOT / script).read_text("utf-8") + shared
            unknown = [word for word in words.split() if not known_word(word, text)]
            assert not unknown, f"{page}: {script}{words}"

    @pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
    def test_quoted_figures_are_those_measured(self, page: str):
        measured = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
        medians = {names_of(row)[0]: row[2].partition(" ")[0] for row in rows(measured)}
        quoted = QUOTED.findall((ROOT / page).read_text("utf-8"))
        assert quoted
        assert [(median, figure) for median, figure in quoted if medians[figure] != median] == []


def known_word(word: str, script: str) -> bool:
    """Whether a measuring script takes a flag, or measures a figure, of this name."""
    return word.isupper() or f'"{word}"' in script or word.isdigit() or word.startswith("help_")
