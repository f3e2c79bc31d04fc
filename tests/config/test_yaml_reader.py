"""YAML 1.2 texts: what they hold, where it stands, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.tree import Entries, Source, dotted, find, leaves, plain
from config.yaml_reader import read_document, resolve

FILE = Source("config/a.yaml")
OPTION = Source("--set a.b", key="a.b")


def values(text: str) -> object:
    document = read_document(text, FILE)
    assert not document.problems, document.problems
    assert document.root is not None
    return plain(document.root)


def problem(text: str, source: Source = FILE) -> str:
    (only,) = read_document(text, source).problems
    return str(only)


class TestExamples:
    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("ON", "ON"),
            ("NO", "NO"),
            ("yes", "yes"),
            ("TRUE", "TRUE"),
            ("NULL", "NULL"),
            ("000001", "000001"),
            ("0700", "0700"),
            ("9:30", "9:30"),
            ("2018-01-02", "2018-01-02"),
            ("1_000", "1_000"),
            ("0x1F", "0x1F"),
            ("1.2.3", "1.2.3"),
            ("nan", "nan"),
            ("inf", "inf"),
            ("-", "-"),
            ("007.5", "007.5"),
            ("true", True),
            ("false", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("0", 0),
            ("-7", -7),
            ("+7", 7),
            ("600519", 600519),
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e-4", 1e-4),
            ("-1.5E+3", -1500.0),
            (".inf", math.inf),
            ("-.INF", -math.inf),
            ("9" * 301, "9" * 301),
        ],
    )
    def test_plain_scalars_follow_yaml_1_2(self, written, value):
        resolved = resolve(written)
        assert (resolved, type(resolved)) == (value, type(value))

    def test_nan_is_written_with_a_point(self):
        assert [math.isnan(resolve(word)) for word in (".nan", ".NaN", ".NAN")] == [True] * 3

    def test_quotes_and_blocks_make_text(self):
        text = "a: '5'\nb: \"true\"\nc: !!str 1\nd: |\n  5\n"
        assert values(text) == {"a": "5", "b": "true", "c": "1", "d": "5\n"}

    def test_keys_are_text(self):
        assert values("{NO: 1, 600519: 2, null: 3}") == {"NO": 1, "600519": 2, "null": 3}

    def test_keys_are_ascending_and_sequences_are_tuples(self):
        assert list(values("b: 1\na: [1, [2]]\n").items()) == [("a", (1, (2,))), ("b", 1)]

    @pytest.mark.parametrize("text", ["", "# only words\n", "---\n", "\n\n"])
    def test_an_empty_text_holds_nothing(self, text):
        assert read_document(text, FILE).root is None

    def test_every_value_knows_the_line_of_its_key(self):
        root = read_document("a:\n  b:\n    c: 1\n  d: [1,\n    2]\n", FILE).root
        lines = {dotted(path): leaf.line for path, leaf in leaves(root).items()}
        assert lines == {"a.b.c": 3, "a.d[0]": 4, "a.d[1]": 5}
        assert find(root, ("a", "b")).line == 2


class TestReference:
    PLAIN = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**12), 10**12)
        | st.floats(allow_nan=False)
        | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("abN0", min_size=1), inner, max_size=3)
        ),
        max_leaves=8,
    )

    @given(tree=PLAIN, flow=st.booleans())
    def test_what_pyyaml_writes_is_read_back(self, tree, flow):
        text = yaml.safe_dump({"top": tree}, default_flow_style=flow, allow_unicode=True)
        assert _with_numbers(values(text)["top"]) == _with_numbers(_tuples(tree))


def _tuples(tree):
    if isinstance(tree, dict):
        return {key: _tuples(value) for key, value in tree.items()}
    return tuple(_tuples(item) for item in tree) if isinstance(tree, list) else tree


def _with_numbers(tree):
    """PyYAML leaves texts such as 1e5 without quotes, because YAML 1.1 has them as texts."""
    if isinstance(tree, dict):
        return {key: _with_numbers(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_with_numbers(item) for item in tree)
    return resolve(tree) if isinstance(tree, str) else tree


class TestProperties:
    @pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML without libyaml")
    @given(tree=TestReference.PLAIN, flow=st.booleans())
    def test_both_parsers_of_pyyaml_give_the_same(self, tree, flow):
        text = yaml.safe_dump({"top": tree}, default_flow_style=flow, allow_unicode=True)
        with pytest.MonkeyPatch.context() as patch:
            compiled = read_document(text, FILE)
            patch.delattr(yaml, "CSafeLoader")
            assert read_document(text, FILE) == compiled

    @given(st.text(max_size=40))
    def test_no_text_brings_the_reader_down(self, text):
        document = read_document(text, FILE)
        assert all(problem.where.startswith("config/a.yaml:") for problem in document.problems)

    @given(st.text(st.characters(max_codepoint=0xD7FF), max_size=40))
    def test_a_text_in_json_quotes_is_that_text(self, text):
        assert values("a: " + json.dumps(text, ensure_ascii=True)) == {"a": text}

    @given(
        st.lists(st.sampled_from(list("ab:-[]{}&*!|>'\"#%@`,? \n\t0.")), max_size=30).map("".join)
    )
    def test_no_mixture_of_signs_brings_the_reader_down(self, text):
        document = read_document(text, OPTION)
        assert all("--set a.b" in problem.where for problem in document.problems)


class TestRefusals:
    def test_a_syntax_error_names_file_and_line(self):
        said = problem("a: 1\nb: [1, 2\nc: 3\n")
        assert said.startswith("the text is not YAML")
        assert "config/a.yaml:3" in said

    def test_a_tab_is_a_syntax_error(self):
        assert "config/a.yaml:2" in problem("a:\n\tb: 1\n")

    def test_a_key_written_twice(self):
        document = read_document("a:\n  x: 1\n  y: 2\n  x: 3\n  y: 4\n", FILE)
        assert [p.where for p in document.problems] == ["config/a.yaml:4", "config/a.yaml:5"]
        assert "the key 'x' is written twice (first on line 2)" in str(document.problems[0])

    def test_a_key_written_twice_in_an_option(self):
        assert "'x' is written twice (in the same value)" in problem("{x: 1, x: 2}", OPTION)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: &x 1\nb: *x\n", "a YAML alias"),
            ("a: &a [*a]\n", "a YAML alias"),
            ("a: !!int 5\n", "a YAML tag"),
            ("a: !!python/object:os.system 5\n", "a YAML tag"),
            ("a: !x [1]\n", "a YAML tag"),
            ("? [a]\n: 1\n", "a list or mapping stands as a key"),
            ("a: 1\n---\nb: 2\n", "a second document"),
            ("[" * 30, "values nested too deeply"),
            ("[" * 100_000, "values nested too deeply"),
            ("a: \x00", "the text is not YAML"),
            ("a: 'x", "the text is not YAML"),
            ("a: *nowhere", "a YAML alias"),
        ],
    )
    def test_what_settings_do_not_need(self, text, said):
        assert problem(text).startswith(said)

    @pytest.mark.parametrize("source", [OPTION, Source("config/secrets.yaml", secret=True)])
    @pytest.mark.parametrize(
        "text", ["{canary", "*canary", "a: !canary! 'x", "canary: b: c", "'canary"]
    )
    def test_options_and_secrets_are_not_repeated(self, source, text):
        assert "canary" not in problem(text, source)

    def test_one_mapping_at_the_top(self):
        assert isinstance(read_document("a: 1", FILE).root, Entries)
