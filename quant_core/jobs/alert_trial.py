"""One alert through every configured channel, and what became of it in plain words."""

from __future__ import annotations

from typing import cast

from quant_core.foundation.errors import ConfigurationError, SourceUnreachable
from quant_core.foundation.language import Say
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import utc_now
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.live_notify import attempt_seconds, mask_for, notifiers_for
from quant_core.notify.attempt import try_each
from quant_core.notify.port import Alert, Delivered, Delivery, Severity
from quant_core.notify.secret import Mask
from quant_core.strategies import strategy_sections


def run(request: Request) -> Outcome:
    """Send the alert past the outbox, so that a worker that runs is not in the way.

    Raises
    ------
    ConfigurationError
        If nothing is configured, or a channel cannot be used.
    """
    notify = cast("LiveSettings", request.load(strategy_sections()).settings).notify
    notifiers = notifiers_for(notify)
    if not notifiers:
        raise ConfigurationError(
            "nobody is told of anything: no channel for alerts is configured",
            expected="notify.email.enabled: true with host, sender and recipients, "
            "or addresses in notify.channels",
            found="neither",
            fix="fill in config/live.yaml and config/secrets.yaml, then try again",
        )
    answers = try_each(notifiers, _alert(), attempt_seconds(notify))
    names = [notifier.name for notifier in notifiers]
    return _told(dict(zip(names, answers, strict=True)), mask_for(notify), request.say)


def _alert() -> Alert:
    text = "Sent by hand, to see whether alerts arrive. Nothing has happened."
    return Alert("test", Severity.INFO, "Test alert", text, utc_now())


def _told(answers: dict[str, Delivery], mask: Mask, say: Say) -> Outcome:
    rows: list[dict[str, object]] = []
    lines: list[str] = []
    for name, answer in answers.items():
        taken = isinstance(answer, Delivered)
        reason = "" if isinstance(answer, Delivered) else mask.over(answer.reason)
        rows.append({"name": name, "delivered": taken, "reason": reason})
        words = say("delivered") if taken else f"{say('not delivered')}: {reason}"
        lines.append(f"{name}  {words}")
    failed = sum(not row["delivered"] for row in rows)
    if failed:
        lines.append(say("what each reason means and what to do: docs/how-to/alerts.md"))
    else:
        lines.append(say("look whether it arrived, in the spam folder too"))
    code = SourceUnreachable.exit_code if failed else 0
    document = {"channels": rows, "delivered": len(rows) - failed, "failed": failed}
    return Outcome(document, "\n".join(lines), (), code)
