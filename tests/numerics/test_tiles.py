"""How panels are cut and dealt to threads, and how kernels come to be."""

import ast
import importlib
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from quant_core.foundation.errors import UsageError
from quant_core.numerics import cross_section, jit, rolling, tiles
from tests.numerics.panels import market

FOLDER = Path(jit.__file__).parent


@pytest.fixture
def chosen_threads():
    yield tiles.set_threads
    tiles.set_threads(None)


class TestExamples:
    def test_shares_cover_everything_once(self, chosen_threads):
        chosen_threads(3)
        seen = []
        tiles.deal(lambda first, last: seen.extend(range(first, last)), 10)
        assert sorted(seen) == list(range(10))

    def test_nothing_to_deal(self):
        called: list[object] = []
        tiles.deal(lambda *share: called.append(share), 0)
        tiles.over_rows(called.append, (5, 0))
        assert not called

    def test_rows_are_cut_into_blocks(self, chosen_threads):
        chosen_threads(2)
        counted = np.zeros(1_000, dtype=int)
        tiles.over_rows(lambda rows: counted.__setitem__(rows, counted[rows] + 1), (1_000, 3_000))
        assert (counted == 1).all()

    def test_layouts_of_the_input(self):
        close, _ = market(0, 60, 40)
        expected = rolling.ts_mean(close, 5)
        sealed = close.copy()
        sealed.flags.writeable = False
        for same in (np.asfortranarray(close), sealed, close[::-1][::-1], close.astype(object)):
            np.testing.assert_array_equal(rolling.ts_mean(same, 5), expected)
        assert rolling.ts_count(close > 1.0, 5).dtype == np.float64

    def test_an_error_in_a_share_is_raised(self, chosen_threads):
        chosen_threads(2)

        def work(first, last):
            raise ArithmeticError(first)

        with pytest.raises(ArithmeticError):
            tiles.deal(work, 2)


class TestProperties:
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_threads_change_no_value(self, count, chosen_threads):
        _, volume = market(1, 80, 90)
        chosen_threads(4)
        expected = rolling.ts_std(volume, 9), cross_section.cs_rank(volume)
        chosen_threads(count)
        np.testing.assert_array_equal(rolling.ts_std(volume, 9), expected[0])
        np.testing.assert_array_equal(cross_section.cs_rank(volume), expected[1])

    def test_callers_on_several_threads(self):
        close, _ = market(2, 80, 90)
        expected = rolling.ts_rank(close, 9)
        found = []
        callers = [
            threading.Thread(target=lambda: found.append(rolling.ts_rank(close, 9)))
            for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        for values in found:
            np.testing.assert_array_equal(values, expected)
        assert len(found) == 4

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_forked_process_gets_its_own_threads(self, chosen_threads):
        chosen_threads(2)
        close, _ = market(3, 60, 90)
        expected = rolling.ts_mean(close, 5)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            values = pool.apply_async(rolling.ts_mean, (close, 5)).get(timeout=60)
        np.testing.assert_array_equal(values, expected)

    def test_importing_neither_loads_numba_nor_compiles(self):
        program = (
            "import sys\n"
            "import quant_core.numerics.rolling, quant_core.numerics.regression\n"
            "import quant_core.numerics.cross_section\n"
            "assert 'numba' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", program], cwd=FOLDER.parents[1], check=True)


def kernels_of(tree):
    """Names of the functions of a module that are decorated as kernels."""
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(item) in ("kernel", "lean_kernel") for item in node.decorator_list)
    }


def test_machine_code_hangs_on_every_file_it_was_made_of():
    """A kernel that calls kernels of other files is compiled anew when one of those changes."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in FOLDER.glob("*.py")}
    own = {path: kernels_of(tree) for path, tree in trees.items()}
    every = set().union(*own.values())
    for path, tree in trees.items():
        called = {
            node.func.id
            for function in tree.body
            if isinstance(function, ast.FunctionDef) and function.name in own[path]
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if node.func.id in every - own[path]
        }
        module = importlib.import_module(f"quant_core.numerics.{path.stem}")
        sources = set().union(*(getattr(module, name).sources() for name in own[path]))
        assert all(any(name in own[source] for source in sources) for name in called)
    assert every


def test_a_change_of_a_called_file_is_noticed(tmp_path, monkeypatch):
    called, caller = tmp_path / "called_kernel.py", tmp_path / "calling_kernel.py"
    head = "from quant_core.numerics.jit import kernel\n"
    called.write_text(f"{head}\n@kernel\ndef step(x):\n    return x + 1\n")
    caller.write_text(
        f"{head}from called_kernel import step\n\n@kernel\ndef twice(x):\n"
        "    return step(step(x))\n"
    )
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    program = "from calling_kernel import twice; print(twice(1), twice.is_on_disk)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{FOLDER.parents[1]}"}

    def told():
        command = [sys.executable, "-B", "-c", program]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.split()

    assert told() == ["3", "True"]
    called.write_text(f"{head}\n@kernel\ndef step(x):\n    return x + 100\n")
    assert told() == ["201", "True"]


class TestRefusals:
    def test_no_thread(self):
        with pytest.raises(UsageError, match="at least one thread"):
            tiles.set_threads(0)
