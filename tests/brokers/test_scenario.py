"""Scenario files: when a fault strikes, and which files are refused."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import ClassVar

import pytest

from quant_core.brokers.paper import exchange, venue_orders
from quant_core.brokers.paper.scenario import (
    ACTIONS,
    NAMES,
    PHASES,
    Scenario,
    parse_scenario,
    read_scenario,
)
from quant_core.brokers.port import Accepted, Executed, OrderSeen, Unknown
from quant_core.foundation.errors import ConfigurationError
from tests.brokers.paper_bench import Bench, now, scenario_of
from tests.brokers.scripted_faults import bench_of, executed, on_call, on_event, trade

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "paper_broker.md"


class TestWhen:
    def test_session_alone_strikes_all_of_it(self):
        bench = bench_of(on_event("drop", nth=1, session="2024-01-04"))
        dropped = bench_of(
            {"on": "event", "name": "executed", "do": "drop", "session": "2024-01-04"}
        )
        for each in (bench, dropped):
            trade(each).to("after_close")
            trade(each)
        assert len(executed(bench)) == 5
        assert len(executed(dropped)) == 3

    def test_chance_is_that_of_the_seed(self):
        fault = {"on": "event", "name": "executed", "do": "drop", "chance": 0.5}

        def seen(seed: int) -> list[str]:
            bench = Bench()
            bench.scenario = scenario_of([fault], seed)
            bench.reopen()
            bench.connect()
            for _ in range(5):
                trade(bench).to("after_close")
            return [done.execution_id for done in bench.told(Executed)]

        assert seen(1) == seen(1)
        assert seen(1) != seen(2)
        assert 3 <= len(seen(1)) <= 12

    def test_a_fault_does_not_strike_again_after_a_crash(self, tmp_path):
        faults = [on_call("submit", "unknown", nth=1), on_event("late", nth=1, phases=2)]
        bench = Bench(faults=faults, path=tmp_path / "paper.db").connect()
        assert isinstance(bench.send("AAA"), Unknown)
        now(bench.reopen().open())
        assert isinstance(bench.send("AAA"), Accepted)
        bench.to("open")
        assert executed(bench) == []
        now(bench.reopen().open())  # what is late is on the books too
        assert executed(bench.to("after_close")) == ["1"]

    def test_faults_of_a_seed_are_the_same_after_every_crash(self, tmp_path):
        fault = {"on": "event", "name": "order_seen", "do": "drop", "chance": 0.5}

        def seen(path, crash: bool) -> list:
            bench = Bench(faults=[fault], path=path).connect()
            for _ in range(3):
                trade(bench)
                if crash:
                    now(bench.reopen().open())
                bench.to("after_close")
            told = bench.told(OrderSeen)
            bench.books.close()
            return told

        assert seen(tmp_path / "a.db", crash=True) == seen(tmp_path / "b.db", crash=False)


class TestRefusals:
    GOOD: ClassVar = {"on": "event", "name": "executed", "do": "drop", "nth": 1}

    @pytest.mark.parametrize(
        ("change", "wording"),
        [
            ({"on": "events"}, "something that there is not"),
            ({"name": "filled"}, "something that there is not"),
            ({"do": "hang"}, "cannot do this"),
            ({"nth": 0}, "impossible value"),
            ({"nth": True}, "impossible value"),
            ({"nth": 1.0}, "impossible value"),
            ({"nth": None}, "impossible value"),
            ({"session": "2024-02-30"}, "impossible value"),
            ({"chance": 0.5}, "does not say when it strikes"),
            ({"times": 2}, "a key that its action does not take"),
            ({"note": "x"}, "a key that its action does not take"),
        ],
    )
    def test_one_thing_wrong(self, change, wording):
        with pytest.raises(ConfigurationError, match=wording):
            scenario_of([self.GOOD | change])

    @pytest.mark.parametrize("chance", [-0.1, 1.1, "1", float("nan")])
    def test_no_chance_beyond_one(self, chance):
        fault = {"on": "event", "name": "executed", "do": "drop", "chance": chance}
        with pytest.raises(ConfigurationError, match="impossible value"):
            scenario_of([fault])

    def test_every_session_needs_a_number(self):
        fault = {"on": "event", "name": "executed", "do": "drop", "session": "every"}
        with pytest.raises(ConfigurationError, match="every session needs nth"):
            scenario_of([fault])

    @pytest.mark.parametrize(
        ("text", "wording"),
        [
            ("", "not JSON"),
            ("[]", "a JSON object"),
            ('{"faults": [], "faults": []}', "stands twice"),
            ('{"seed": 1}', "lists its faults"),
            ('{"faults": [1]}', "a fault is a JSON object"),
            ('{"faults": [], "seeds": 1}', "unknown key"),
            ('{"faults": [], "seed": 1.5}', "not a whole number"),
            ("[" * 100_000, "not JSON"),
        ],
    )
    def test_texts(self, text, wording):
        with pytest.raises(ConfigurationError, match=wording):
            parse_scenario(text)

    def test_all_problems_at_once(self):
        with pytest.raises(ConfigurationError, match="3 problems"):
            scenario_of([self.GOOD | {"nth": 0, "times": 1}, {"on": "moon"}])

    def test_missing_file(self, tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_scenario(tmp_path / "nothing.json")

    def test_every_action_can_be_written(self):
        values = {"missing": ["cash"], "code": "x", "done": True, "seconds": 1, "parts": 2}
        for (on, do), (names, parameters) in ACTIONS.items():
            assert set(names) <= set(NAMES[on])
            for name in names:
                given = {key: values.get(key, 1) for key in parameters}
                fault = {"on": on, "name": name, "do": do, "nth": 1, **given}
                (made,) = scenario_of([fault]).faults
                assert (made.on, made.name, made.do) == (on, name, do)
                assert json.dumps(fault)

    def test_every_action_and_code_is_documented(self):
        page = PAGE.read_text("utf-8")
        for on, do in ACTIONS:
            assert re.search(rf"^\| {on} \| `{do}` \|", page, re.MULTILINE), (on, do)
        source = inspect.getsource(venue_orders) + inspect.getsource(exchange)
        codes = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)",\s*f?"', source))
        listed = set(re.findall(r"^\| `(\w+)` \| ", page, re.MULTILINE)) - set(PHASES)
        assert listed == codes

    def test_scenario_of_the_page_is_accepted(self):
        (block,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
        assert len(parse_scenario(block).faults) == 5

    def test_empty_scenario(self):
        assert parse_scenario('{"faults": []}') == Scenario()
