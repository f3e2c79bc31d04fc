"""How the combinations are dealt to the processes of a machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quant_core.sweeps.local_engine import CHUNKS_A_WORKER, LONGEST_CHUNK, chunked

SCORES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 130)), max_size=6)


def written_out(groups: list[tuple[str, int]]) -> list[str]:
    return [name for name, count in groups for _ in range(count)]


class TestExamples:
    def test_a_stretch_ends_where_the_scores_change(self):
        """Ten look-backs of a hundred combinations, the first of which is already traded."""
        scores = [str(lookback) for lookback in range(10) for _ in range(100)][1:]
        chunks = chunked(scores, 2)
        assert [(c.start, c.stop) for c in chunks] == [
            (0, 99),
            *((begun, begun + 100) for begun in range(99, 999, 100)),
        ]
        assert all(len(set(scores[chunk])) == 1 for chunk in chunks)

    def test_scores_that_all_differ_share_the_work_all_the_same(self):
        assert [c.stop - c.start for c in chunked([str(n) for n in range(16)], 2)] == [2] * 8


class TestProperties:
    @given(SCORES, st.integers(1, 9))
    def test_all_of_them_once_and_in_their_order(self, groups: list[tuple[str, int]], workers: int):
        scores = written_out(groups)
        chunks = chunked(scores, workers)
        assert [score for chunk in chunks for score in scores[chunk]] == scores
        assert all(chunk.start < chunk.stop for chunk in chunks)

    @given(SCORES, st.integers(1, 9))
    def test_none_is_too_long_or_takes_the_beginning_of_other_scores(
        self, groups: list[tuple[str, int]], workers: int
    ):
        scores = written_out(groups)
        longest = min(LONGEST_CHUNK, -(-len(scores) // (CHUNKS_A_WORKER * workers)))
        for chunk in chunked(scores, workers):
            part = scores[chunk]
            assert len(part) <= longest
            goes_on = scores[chunk.stop : chunk.stop + 1] == part[-1:]
            assert not goes_on or len(set(part)) == 1
