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
CHANNELS = f"notify: {{channels: ['tgram://1:{CANARY}/9', 'json://{CANARY}@host/']}}"
ACCOUNT = ("notify.email.enabled=true", "notify.email.host=h", "notify.email.sender=a@b")
ON = (*ACCOUNT, "notify.email.recipients=[c@d]")


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

    def test_secrets_of_a_list(self, tmp_path):
        loaded = load(mode="live", directory=settings_folder(tmp_path, secrets=CHANNELS))
        channels = loaded.settings.notify.channels
        assert channels[0].get_secret_value() == f"tgram://1:{CANARY}/9"
        assert yaml.safe_load(loaded.effective_yaml)["notify"]["channels"] == ["***", "***"]
        texts = [loaded.effective_yaml, repr(loaded), repr(channels), loaded.settings.notify]
        texts += [settings_tree(loaded.settings), loaded.settings.model_dump_json()]
        assert [text for text in map(str, texts) if CANARY in text] == []

    def test_channels_of_the_environment_and_of_the_command_line(self):
        address = f"tgram://1:{CANARY}/9"
        for way in (
            {"environment": {"QUANT__NOTIFY__CHANNELS": f'["{address}"]'}},
            {"override": f'notify.channels=["{address}"]'},
        ):
            given = [str(way["override"])] if "override" in way else []
            loaded = load(*given, mode="live", environment=way.get("environment"))
            assert loaded.settings.notify.channels[0].get_secret_value() == address
            assert CANARY not in loaded.effective_yaml + repr(loaded)

    def test_an_entry_of_a_plain_list_in_the_secrets_is_masked(self, tmp_path):
        secrets = f"notify: {{email: {{recipients: [{CANARY}@example.com]}}}}"
        loaded = load(mode="live", directory=settings_folder(tmp_path, secrets=secrets))
        assert loaded.settings.notify.email.recipients == (f"{CANARY}@example.com",)
        assert yaml.safe_load(loaded.effective_yaml)["notify"]["email"]["recipients"] == ["***"]

    def test_the_account_of_the_mail_server_from_the_environment(self):
        variables = {
            "QUANT__NOTIFY__EMAIL__USER": "worker@example.com",
            "QUANT__NOTIFY__EMAIL__PASSWORD": f'"{CANARY} #: {{"',
        }
        email = load(*ON, mode="live", environment=variables).settings.notify.email
        assert email.user == "worker@example.com"
        assert email.password.get_secret_value() == f"{CANARY} #: {{"

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
                "notify: {{channels: {v}}}",
                "notify: {{channels: {{a: {v}}}}}",
                "notify: {{channels: {{tgram://{v}/1: {v}}}}}",
                "notify: {{channels: [[{v}], 1, {{{v}: {v}}}]}}",
                "notify: {{tgram://{v}/1: {v}}}",
                "notify: {{email: {{tgram://{v}/1: {v}}}}}",
                "notify: {{outbox: {{pending: {v}}}}}",
                "tgram://{v}/1: {v}",
                "- tgram://{v}/1",
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

    @pytest.mark.parametrize("given", ["user", "password"])
    def test_half_an_account(self, given):
        problem = the_problem(*ON, f"notify.email.{given}={CANARY}", mode="live")
        absent = {"user": "password", "password": "user"}[given]
        assert problem.problem == "the account on the mail server is incomplete"
        assert problem.found == f"a {given} without a {absent}"
        assert f"notify.email.{absent}" in problem.fix + problem.where
        assert CANARY not in str(problem)

    def test_half_an_account_of_alerts_that_are_off(self):
        loaded = load("notify.email.user=someone", mode="live")
        assert loaded.settings.notify.email.password is None

    def test_a_channel_where_the_list_belongs(self):
        problem = the_problem(f"notify.channels=tgram://1:{CANARY}/9", mode="live")
        assert (problem.expected, problem.found) == ("a list of texts", "***")

    def test_a_channel_where_a_key_belongs(self):
        problem = the_problem(f"notify={{'tgram://1:{CANARY}/9': x}}", mode="live")
        assert (problem.problem, problem.found) == ("unknown key '***'", "***")
        assert problem.where == "--set notify, key notify.***"

    def test_a_mistyped_key_is_shown(self):
        assert the_problem("notify.chanels=[]", mode="live").fix == "did you mean notify.channels?"

    def test_rests_the_wrong_way_round(self):
        problem = the_problem("notify.outbox.longest_retry_seconds=1", mode="live")
        assert problem.expected == "at least first_retry_seconds, 5 s"

    def test_git_does_not_take_the_secrets(self):
        ignored = (Path(__file__).resolve().parents[2] / ".gitignore").read_text(encoding="utf-8")
        assert "config/secrets.yaml" in ignored.splitlines()
