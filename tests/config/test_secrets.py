"""No secret leaves its file: not in a message, not in a text, not in a representation."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.settings import result_key, settings_tree
from tests.config.example import load, settings_folder, the_problem

CANARY = "canary-7f3a"
SECRETS = f"notify: {{email: {{user: user-{CANARY}, password: {CANARY}}}}}"


def everything_said(error: ConfigurationError) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


class TestExamples:
    def test_a_secret_is_kept_and_shown_nowhere(self, tmp_path):
        loaded = load(mode="live", directory=settings_folder(tmp_path, secrets=SECRETS))
        email = loaded.settings.notify.email
        assert email.password.get_secret_value() == CANARY
        assert yaml.safe_load(loaded.effective_yaml)["notify"]["email"]["password"] == "***"
        texts = [loaded.effective_yaml, result_key(loaded.settings), repr(email.password)]
        texts += [str(settings_tree(loaded.settings)["notify"]["email"]["password"])]
        texts += [str(loaded.settings.model_dump_json(include={"notify": {"email": {"password"}}}))]
        assert [text for text in texts if CANARY in text] == []

    def test_every_value_of_the_secrets_is_masked_in_the_effective_text(self, tmp_path):
        loaded = load(mode="live", directory=settings_folder(tmp_path, secrets=SECRETS))
        assert yaml.safe_load(loaded.effective_yaml)["notify"]["email"]["user"] == "***"

    def test_a_secret_of_the_environment(self):
        variables = {"QUANT__NOTIFY__EMAIL__PASSWORD": CANARY}
        loaded = load(mode="live", environment=variables)
        assert loaded.settings.notify.email.password.get_secret_value() == CANARY
        assert CANARY not in repr(loaded)

    def test_a_password_of_digits_is_a_text(self):
        loaded = load("notify.email.password=00123.50", mode="live")
        assert loaded.settings.notify.email.password.get_secret_value() == "00123.50"

    def test_secrets_change_no_result(self, tmp_path):
        with_secrets = load(mode="live", directory=settings_folder(tmp_path, secrets=SECRETS))
        assert result_key(with_secrets.settings) == result_key(load().settings)


class TestProperties:
    @given(
        shape=st.sampled_from(
            [
                "{v}",
                "notify: {v}",
                "notify: [{v}]",
                "notify: {{email: {v}}}",
                "notify: {{email: {{password: [{v}]}}}}",
                "notify: {{email: {{password: {{a: {v}}}}}}}",
                "notify: {{email: {{pasword: {v}}}}}",
                "notify: {{email: {{port: {v}}}}}",
                "notify: {{email: {{enabled: {v}, recipients: {v}}}}}",
                "execution: {{slippage: {v}}}",
                "broker: {{name: {v}}}",
                "rebalance: {v}",
                "notify: {{email: {{password: {v}",
                "notify: {{email: {{password: '{v}}}}}",
                "password: *{v}",
                "password: !{v}! 'x",
                "password: {v}: {v}: 2",
                "password {v}",
            ]
        ),
        mode=st.sampled_from(["backtest", "live"]),
    )
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    def test_no_mistake_in_the_secrets_repeats_one(self, tmp_path, shape, mode):
        folder = settings_folder(tmp_path, secrets=shape.format(v=CANARY))
        try:
            said = load(mode=mode, directory=folder).effective_yaml
        except ConfigurationError as error:
            said = everything_said(error)
        assert CANARY not in said

    @given(
        key=st.sampled_from(["NOTIFY", "NOTIFY__EMAIL", "NOTIFY__EMAIL__PASSWORD", "PASSWORD"]),
        shape=st.sampled_from(["{v}", "[{v}]", "{{a: {v}", "*{v}", "!{v} x", "a: {v}", "'{v}"]),
    )
    def test_no_mistake_in_a_variable_repeats_one(self, key, shape):
        variables = {f"QUANT__{key}": shape.format(v=CANARY)}
        with pytest.raises(ConfigurationError) as refusal:
            load("notify.email.enabled=maybe", mode="live", environment=variables)
        assert CANARY not in everything_said(refusal.value)

    @pytest.mark.parametrize(
        "override",
        [
            f"notify.email.password:{CANARY}",
            f"notify.email.password {CANARY}",
            f"password: a={CANARY}",
        ],
    )
    def test_a_malformed_override_is_not_repeated(self, override):
        assert CANARY not in str(the_problem(override, mode="live"))


class TestRefusals:
    @pytest.mark.parametrize("permissions", [0o640, 0o604, 0o644, 0o660, 0o610])
    def test_others_may_not_read_the_secrets(self, tmp_path, permissions):
        folder = settings_folder(tmp_path, secrets=SECRETS)
        (folder / "secrets.yaml").chmod(permissions)
        problem = the_problem(directory=folder)
        assert problem.found == f"permissions {permissions:o}"
        assert problem.fix == f"chmod 600 {folder.as_posix()}/secrets.yaml"
        assert CANARY not in str(problem)

    def test_the_owner_may(self, tmp_path):
        folder = settings_folder(tmp_path, secrets=SECRETS)
        (folder / "secrets.yaml").chmod(0o400)
        assert load(directory=folder) == load()

    def test_alerts_without_addresses(self):
        problem = the_problem("notify.email.enabled=true", mode="live")
        assert problem.problem == "alerts by e-mail are on but cannot be sent"
        assert problem.expected == "a value for host, sender, recipients"

    def test_git_does_not_take_the_secrets(self):
        ignored = (Path(__file__).resolve().parents[2] / ".gitignore").read_text(encoding="utf-8")
        assert "config/secrets.yaml" in ignored.splitlines()
