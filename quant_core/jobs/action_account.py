"""What became of corporate actions, in lines for a reader."""

from __future__ import annotations

from quant_core.data.corporate_actions import ActionReport
from quant_core.foundation.language import Say


def actions_text(report: ActionReport, say: Say) -> str:
    """The account of a delivery of corporate actions; what did not happen is left out."""
    kinds = ", ".join(f"{say(kind)} {number:,}" for kind, number in report.stored.items())
    done = say("corporate actions: {rows} rows; {added} added, {revised} revised, {same} unchanged")
    lines = [
        done.format(
            rows=f"{report.rows_in:,}",
            added=f"{report.added:,}",
            revised=f"{report.revised:,}",
            same=f"{report.unchanged:,}",
        )
    ]
    lines.append("  " + say("stored now: {kinds}").format(kinds=kinds or say("none")))
    counts = (
        (report.collapsed, say("{number} exact repetitions laid together")),
        (report.without_action, say("{number} rows state no action")),
        (report.unknown, say("{number} of symbols that the dataset does not have, left out")),
        (report.beyond, say("{number} outside the sessions of the dataset: they wait for theirs")),
        (report.snapped, say("{number} factors taken for a split of a simple ratio")),
        (report.odd, say("{number} factors taken for a split of the ratio as it stands")),
    )
    lines += [f"  {text.format(number=f'{number:,}')}" for number, text in counts if number]
    for reason, number in report.quarantined.items():
        first = ", ".join(report.examples[reason][:3])
        text = say("{number} quarantined: {reason} ({first})")
        lines.append("  " + text.format(number=f"{number:,}", reason=say(reason), first=first))
    return "\n".join(lines)
