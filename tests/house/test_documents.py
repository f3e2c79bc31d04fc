"""The documents say what is true, twice in two languages."""

import doctest
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import quant_core
from quant_core.__main__ import VERBS
from tests.house.source_tree import ROOT, text_files

FENCE = re.compile(r"^ {0,3}```(\w*)[^\n]*\n(.*?)^ {0,3}```\s*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)")
FLAG = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
COMMENT = re.compile(r"\s*#.*$", re.MULTILINE)
SCRIPT = re.compile(r"(?:^|\s)((?:run_\w+)\.py)")
VERB = re.compile(r"(?:^|\s)python -m quant_core ([a-z]+)")
LANGUAGES = {"python", "bash", "yaml", "toml", "json", "csv", "text", "mermaid"}
LISTED = ("git clone", "cd ")
"""Beginnings of shell lines that a test cannot run."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a document."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def documents() -> list[Path]:
    """Every page of prose."""
    return [path for path in text_files() if path.suffix == ".md"]


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = (ROOT / path).read_text("utf-8")
    return [
        Block(path, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


def blocks(language: str) -> list[Block]:
    """All blocks of one language."""
    return [
        block for path in documents() for block in blocks_of(path) if block.language == language
    ]


def without_fences(path: Path) -> str:
    return FENCE.sub("", (ROOT / path).read_text("utf-8"))


@cache
def help_of(*script: str) -> str:
    """What a script, or a verb of the package, answers to ``--help``."""
    answer = subprocess.run(
        [sys.executable, *script, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@cache
def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))


def commands(block: Block) -> list[str]:
    """Shell commands of a block, continued lines joined, comments dropped."""
    joined = COMMENT.sub("", block.text.replace("\\\n", " "))
    return [line.strip() for line in joined.splitlines() if line.strip()]


class TestBothLanguages:
    ENGLISH, CHINESE = Path("README.md"), Path("README.zh-CN.md")

    def test_same_sections(self):
        levels = [
            [len(found[1]) for found in HEADING.finditer(without_fences(path))]
            for path in (self.ENGLISH, self.CHINESE)
        ]
        assert levels[0] == levels[1]
        assert levels[0]

    def test_same_code(self):
        code = [
            [(block.language, COMMENT.sub("", block.text)) for block in blocks_of(path)]
            for path in (self.ENGLISH, self.CHINESE)
        ]
        assert code[0] == code[1]

    def test_each_links_to_the_other(self):
        assert self.CHINESE.name in (ROOT / self.ENGLISH).read_text("utf-8")
        assert self.ENGLISH.name in (ROOT / self.CHINESE).read_text("utf-8")


class TestVersion:
    def test_changelog_package_and_project_agree(self):
        changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
        top = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
        assert top is not None
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        assert top[1] == quant_core.__version__ == project["version"]


class TestBlocks:
    def test_every_block_names_its_language(self):
        found = [block for path in documents() for block in blocks_of(path)]
        assert not [str(block) for block in found if block.language not in LANGUAGES]

    @pytest.mark.parametrize("block", blocks("python"), ids=str)
    def test_python_runs(self, block: Block):
        if ">>>" not in block.text:
            exec(compile(block.text, str(block), "exec"), {"__name__": "__document__"})
            return
        example = doctest.DocTestParser().get_doctest(block.text, {}, str(block), None, block.line)
        assert doctest.DocTestRunner().run(example).failed == 0

    @pytest.mark.parametrize("block", blocks("bash"), ids=str)
    def test_shell_commands_exist(self, block: Block):
        unknown = [line for line in commands(block) if not self.known(line)]
        assert not unknown

    @staticmethod
    def known(line: str) -> bool:
        """Whether make, a script and its flags are as written."""
        if line.startswith(LISTED):
            return True
        if line.startswith("make "):
            return set(line.split()[1:]) <= make_targets()
        script, verb = SCRIPT.search(line), VERB.search(line)
        if verb is not None:
            told = help_of("-m", "quant_core", verb[1]) if verb[1] in VERBS else ""
        elif script is not None and (ROOT / script[1]).is_file():
            told = help_of(script[1])
        else:
            return False
        return bool(told) and all(flag in told for flag in FLAG.findall(line))

    @pytest.mark.parametrize("path", documents(), ids=str)
    def test_links_within_the_project_lead_somewhere(self, path: Path):
        targets = [link for link in LINK.findall(without_fences(path)) if "://" not in link]
        files = [target.partition("#")[0] for target in targets]
        assert not [name for name in files if name and not (ROOT / path.parent / name).exists()]


def test_blocks_are_found():
    """The reader of this file, shown a page by hand."""
    page = "a\n```python\n1 + 1\n```\n\n```text\nx\n```\n"
    assert [(found[1], found[2]) for found in FENCE.finditer(page)] == [
        ("python", "1 + 1\n"),
        ("text", "x\n"),
    ]
