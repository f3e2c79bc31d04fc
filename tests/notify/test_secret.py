"""Secrets stay secret."""

import base64
import copy
import json
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from quant_core.notify.email import SignIn
from quant_core.notify.secret import Mask, Secret, SecretText

CANARY = "canary-Passw0rd/+ü"


class TestExamples:
    def test_no_representation_shows_it(self):
        secret = SecretText(CANARY)
        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret])]
        shown += [repr(SignIn("user", secret)), repr(Mask([secret]))]
        assert not [text for text in shown if "canary" in text]

    def test_the_secret_of_the_settings_is_one(self):
        secret: Secret = SecretStr(CANARY)
        assert Mask([secret]).over(f"<{CANARY}>") == "<***>"

    def test_forms(self):
        mask = Mask([SecretText(CANARY)])
        encoded = base64.b64encode(CANARY.encode()).decode()
        assert mask.over(f"{CANARY} {quote(CANARY, safe='')} {encoded}") == "*** *** ***"

    @pytest.mark.parametrize("secret", ["pa'ss\\word", 'pa"ss\nword', "paßw'ö\"rd", "plain-word"])
    def test_escaped_forms(self, secret):
        """As the text of an exception, a log or a JSON document may hold it."""
        mask = Mask([SecretText(secret)])
        for text in (f"x {secret} y", f'x {secret} " y', f"x {secret} ' y"):
            written = (repr(text), ascii(text), json.dumps(text), repr(ValueError(text)))
            for each in (*written, json.dumps(text, ensure_ascii=False)):
                assert "***" in mask.over(each)
                assert "ss" not in mask.over(each) and "rd" not in mask.over(each)

    def test_parts_of_an_address(self):
        mask = Mask([SecretText("json://me:pa55@host/abcdefghij/x?token=tok%2Den01&a=b")])
        assert mask.over("pa55 abcdefghij tok%2Den01 tok-en01 host x a=b") == (
            "*** *** *** *** host x a=b"
        )

    def test_an_address_that_is_none(self):
        assert Mask([SecretText("x://[secret-token")]).over("secret-token") == "***"

    def test_too_short_to_blot_out(self):
        assert Mask([SecretText("abc"), SecretText("")]).over("abcdef") == "abcdef"


class TestProperties:
    @given(st.text(min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
    def test_what_is_masked_is_gone(self, secret, before, after):
        masked = Mask([SecretText(secret)]).over(before + secret + after)
        assert secret not in masked.replace("***", "\0") or set(secret) <= {"*", "\0"}


class TestRefusals:
    def test_it_is_not_written_down(self):
        for write_down in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="not written down"):
                write_down(SecretText(CANARY))
