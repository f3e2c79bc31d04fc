"""What a module may touch: streams, clocks, files, the environment."""

import ast
import re

from tests.house.source_tree import ROOT, Module, calls, product_modules, text_files

STREAMS = ("quant_core/jobs", "quant_core/__main__.py")
CLOCK = ("quant_core/foundation/timing.py",)
ENVIRONMENT = ("config", "quant_core/sweeps/ray_engine.py", "quant_core/jobs/environment.py")
"""Ray listens on the loopback address alone only when its environment says so, and numpy takes
the number of its threads from nowhere else."""

WRITERS = ("quant_core/foundation/files.py", "quant_core/data")
"""Where files are written. Elsewhere ``write_atomically`` does it."""

WRITES_INTO_A_TEMPORARY_FOLDER = ("quant_core/reports/results.py",)
"""Fills a folder of its own that is renamed into place when it is whole."""

CLOCK_CALLS = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|monotonic|perf_counter"
    r"|process_time|localtime|gmtime|strftime|sleep)(_ns)?)$"
)
WRITE_MODES = re.compile(r"[wax+]")
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(" + "|".join(("work", "tmp", "root", "home", "Users")) + ")/"
)


def inside(*allowed: str) -> list[Module]:
    """Modules of the product that are not in one of the allowed places."""
    return [
        module
        for module in product_modules()
        if len(module.path.parts) > 1 and not module.within(*allowed)
    ]


def opens_for_writing(call: ast.Call, called: str) -> bool:
    """Whether a call of ``open`` names a mode that writes."""
    modes = call.args[1:2] if called == "open" else call.args[:1]
    modes += [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    texts = [node.value for node in modes if isinstance(node, ast.Constant)]
    return any(isinstance(text, str) and WRITE_MODES.search(text) is not None for text in texts)


def writes(call: ast.Call, called: str) -> bool:
    """Whether a call writes a file."""
    last = called.rpartition(".")[2]
    return last in ("write_text", "write_bytes") or (
        last == "open" and opens_for_writing(call, called)
    )


def test_only_jobs_talk_to_a_terminal():
    found = [
        f"{module.name}:{call.lineno} {called}"
        for module in inside(*STREAMS)
        for call, called in calls(module)
        if called in ("print", "input") or called.startswith(("sys.stdout.", "sys.stderr."))
    ]
    assert not found, "return what there is to say"


def test_only_timing_reads_the_clock():
    found = [
        f"{module.name}:{call.lineno} {called}"
        for module in inside(*CLOCK)
        for call, called in calls(module)
        if CLOCK_CALLS.search(called)
    ]
    found += [
        f"{module.name}:{node.lineno} imports from time"
        for module in inside(*CLOCK)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
    ]
    assert not found, "use quant_core.foundation.timing"


def test_only_the_configuration_reads_the_environment():
    found = [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for module in inside(*ENVIRONMENT)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    ]
    assert not found, "settings come from config"


def test_files_are_written_at_their_door():
    found = [
        f"{module.name}:{call.lineno} {called}"
        for module in inside(*WRITERS, *WRITES_INTO_A_TEMPORARY_FOLDER)
        for call, called in calls(module)
        if writes(call, called)
    ]
    assert not found, "use quant_core.foundation.files"


def test_no_path_of_a_machine_stands_in_the_project():
    found = [
        f"{path}:{number} {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found, "paths are relative to the project"
