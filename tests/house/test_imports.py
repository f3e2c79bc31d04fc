"""Floors and doors: the contracts of import-linter hold."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.source_tree import ROOT


def test_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    seen = subprocess.run(
        [linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_every_runtime_library_has_a_door():
    """A library that any module may import is a decision, so it is listed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    everywhere = {"numpy"}
    import_names = {"pyyaml": "yaml"}
    required = {
        entry.split(">")[0].split("=")[0].strip() for entry in project["project"]["dependencies"]
    }
    guarded = {
        name
        for contract in project["tool"]["importlinter"]["contracts"]
        for name in contract.get("forbidden_modules", [])
    }
    imported = {import_names.get(name, name.replace("-", "_")) for name in required}
    assert imported - guarded == everywhere
