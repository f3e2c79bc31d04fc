"""The command of ``run_live_strategy.py``: its words and flags. The job loads when it runs."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Where the time comes from."""
    parser.add_argument(
        "--replay",
        metavar="START:END",
        help=say(
            "trade a stretch of history instead of the present, such as 2017-01-03:2017-12-29"
        ),
    )
    parser.add_argument(
        "--speed",
        default="max",
        metavar="max|N",
        help=say("sessions a second of a replay; max = as fast as it goes"),
    )
    parser.add_argument(
        "--confirm-live",
        metavar="ACCOUNT",
        help=say("the account that trades real money, where nobody can be asked to type it"),
    )
    parser.add_argument(
        "--send-alerts",
        action="store_true",
        help=say("send the alerts of a replay too; without it they are logged only"),
    )
    parser.add_argument(
        "--test-alert",
        action="store_true",
        help=say("send one alert through every configured channel, say what became of it, end"),
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    if request.arguments.test_alert:
        from quant_core.jobs import alert_trial

        return alert_trial.run(request)
    from quant_core.jobs import live

    return live.run(request)


COMMAND = Command(
    program="run_live_strategy.py",
    summary=(
        "Trade a strategy day by day on a broker; the default broker is simulated and moves "
        "no money. Writes its state and takes commands under the folder of the live mode."
    ),
    examples=(
        "python run_live_strategy.py",
        "python run_live_strategy.py --dataset demo --replay 2017-01-03:2017-12-29",
        "python run_live_strategy.py --dataset sp500 --replay 2017-01-03:2017-12-29 --speed 5",
        "python run_live_strategy.py --test-alert",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
    short_forms={
        "--dataset": "data.dataset",
        "--capital": "backtest.capital",
        "--strategy": "strategy.type",
        "--broker": "broker.name",
        "--account": "broker.account",
    },
)
