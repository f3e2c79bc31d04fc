"""One process at a time sends from an outbox."""

import subprocess
import sys
from pathlib import Path
from threading import Timer

from quant_core.notify.folder_lock import FolderLock

ROOT = Path(__file__).resolve().parents[2]


class TestExamples:
    def test_it_is_waited_for(self, tmp_path):
        first, second = FolderLock(tmp_path), FolderLock(tmp_path)
        assert first.take(0.0)
        later = Timer(0.1, first.release)
        later.start()
        assert second.take(20.0)
        later.join()
        second.release()

    def test_it_goes_with_its_process(self, tmp_path):
        program = "import sys; from pathlib import Path;"
        program += "from quant_core.notify.folder_lock import FolderLock;"
        program += "print(FolderLock(Path(sys.argv[1])).take(0.0), flush=True); sys.stdin.read()"
        words = [sys.executable, "-c", program, str(tmp_path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            mine = FolderLock(tmp_path)
            assert not mine.take(0.0)
            holder.kill()
        assert mine.take(20.0)
        mine.release()

    def test_to_let_go_of_nothing_is_harmless(self, tmp_path):
        FolderLock(tmp_path).release()
