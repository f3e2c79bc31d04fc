from __future__ import annotations

import pytest

from quant_core.foundation.files import (
    file_hash,
    text_hash,
    write_atomically,
    write_text_atomically,
)


class TestExamples:
    def test_a_file_appears_whole(self, tmp_path):
        write_text_atomically(tmp_path / "deep" / "a.txt", "one")
        write_text_atomically(tmp_path / "deep" / "a.txt", "two")
        assert (tmp_path / "deep" / "a.txt").read_text() == "two"
        assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.txt"]

    def test_hashes(self, tmp_path):
        (tmp_path / "x").write_bytes(b"abc")
        known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert file_hash(tmp_path / "x") == known
        assert text_hash(["a", "b"]) != text_hash(["ab", ""])


class TestRefusals:
    def test_a_failed_write_leaves_the_old_file_and_no_litter(self, tmp_path):
        target = tmp_path / "a.txt"
        write_text_atomically(target, "old")

        def half(part):
            part.write_text("ha")
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            write_atomically(target, half)
        assert target.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
