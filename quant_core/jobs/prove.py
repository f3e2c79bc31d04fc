"""The prove job: a run and its certificates.

1. :func:`~quant_core.jobs.prepared_run.prepare` makes the run as a backtest would.
2. Each certificate that is wanted is made by its function of :data:`PROOFS`.
3. One page is written, and the document for ``--json`` returned; the exit code is 1 when
   a certificate fails, because then a number of the program cannot be trusted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quant_core.backtest_engine import expect_many_runs
from quant_core.certificates.causality import choose_cuts, prove_causality
from quant_core.certificates.certificate import Certificate, Progress
from quant_core.certificates.conservation import prove_conservation
from quant_core.certificates.implementation_band import prove_implementation_band
from quant_core.certificates.null import prove_null
from quant_core.certificates.page import PageInput, render_certificates, title_of
from quant_core.certificates.reproducibility import prove_reproducibility
from quant_core.foundation.errors import InvariantBroken, UsageError
from quant_core.foundation.files import text_hash, write_text_atomically
from quant_core.foundation.language import Say
from quant_core.foundation.settings import LoadedSettings, result_key
from quant_core.foundation.timing import monotonic_seconds
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.environment import PROJECT
from quant_core.jobs.prepared_run import Prepared, prepare
from quant_core.jobs.progress import ProgressLine
from quant_core.jobs.proof_inputs import ProofRun
from quant_core.jobs.run_papers import code_hash
from quant_core.reports.results import refuse_unwritable
from quant_core.strategies import strategy_sections
from quant_core.trading.history import RunHistory

FAILED = 1
"""Exit code when a certificate fails: an error of the program itself."""

LONGEST_NAME = 60
TWINS = ("first", "second")
"""The two runs of reproducibility."""


@dataclass(slots=True)
class Work:
    """A run, how much is tried on it, and what was made of it already."""

    loaded: LoadedSettings
    prepared: Prepared
    cuts: int
    seeds: int
    seed: int
    say: Say
    made: list[RunHistory] = field(default_factory=list[RunHistory])

    @property
    def run(self) -> ProofRun:
        """The run under other data and other conventions."""
        return ProofRun(self.prepared)

    @property
    def history(self) -> RunHistory:
        """The run as its settings have it, traded once."""
        if not self.made:
            self.made.append(self.run.subject.trade())
        return self.made[0]

    def line(self, label: str) -> Progress:
        """A progress line with the time left."""
        return ProgressLine(self.say(label))


def run(request: Request) -> Outcome:
    """Make the certificates that are wanted, and their page."""
    started = monotonic_seconds()
    wanted = _wanted(request.arguments.only)
    cuts = _at_least(1, request.arguments.cuts, "--cuts")
    seeds = _at_least(2, request.arguments.seeds, "--seeds")
    seed = _at_least(0, request.arguments.seed, "--seed")
    loaded = request.load(strategy_sections())
    output = Path(loaded.settings.report.output)
    refuse_unwritable(output)
    prepared = prepare(loaded.settings, request)
    expect_many_runs(prepared.brain, prepared.market, compiling=True)
    work = Work(loaded, prepared, cuts, seeds, seed, request.say)
    certificates = [PROOFS[name](work) for name in wanted]
    path = output / "certificates" / f"{_identity(work, wanted)}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, render_certificates(_page(work, certificates, request)))
    document: dict[str, object] = {
        "passed": all(certificate.passed for certificate in certificates),
        "certificates": [certificate.document() for certificate in certificates],
        "report": str(path),
        "dataset": prepared.snapshot.dataset,
        "data_version": prepared.snapshot.version,
        "synthetic": prepared.snapshot.facts.synthetic,
        "strategy": loaded.settings.strategy.name,
        "seconds": round(monotonic_seconds() - started, 3),
    }
    code = 0 if document["passed"] else FAILED
    return Outcome(document, _text(certificates, path, request.say), prepared.notes, code)


def _prove_causality(work: Work) -> Certificate:
    subject = work.run.subject
    cuts = choose_cuts(subject, work.cuts, work.seed)
    line = work.line("Causality")
    return prove_causality(subject, work.run.derive, cuts, work.seed, work.say, line)


def _prove_null(work: Work) -> Certificate:
    return prove_null(work.run.subject, work.seeds, work.seed, work.say, work.line("Null"))


def _prove_conservation(work: Work) -> Certificate:
    return prove_conservation(work.history, work.say)


def _prove_band(work: Work) -> Certificate:
    rate = work.prepared.settings.backtest.risk_free_rate
    line = work.line("Implementation band")
    return prove_implementation_band(work.history, work.run.trade, rate, work.say, line)


def _prove_reproducibility(work: Work) -> Certificate:
    with tempfile.TemporaryDirectory() as place:
        folders = [_run_in_process(work, Path(place), name) for name in TWINS]
        return prove_reproducibility(folders[0], folders[1], work.say)


PROOFS: Mapping[str, Callable[[Work], Certificate]] = {
    "causality": _prove_causality,
    "null": _prove_null,
    "conservation": _prove_conservation,
    "implementation_band": _prove_band,
    "reproducibility": _prove_reproducibility,
}
"""Every certificate, in the order of the page."""


def _wanted(text: str | None) -> list[str]:
    """The names of ``--only`` in the order of the page; all of them when it is not given."""
    if text is None:
        return list(PROOFS)
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PROOFS]
    if unknown or not names:
        raise UsageError(
            "unknown certificate" if unknown else "--only names no certificate",
            expected=f"some of: {', '.join(PROOFS)}",
            found=", ".join(unknown) or repr(text),
            where="--only",
        )
    return [name for name in PROOFS if name in names]


def _at_least(least: int, given: int, flag: str) -> int:
    if given >= least:
        return given
    raise UsageError(
        f"{flag} is too small", expected=f"{least} or more", found=str(given), where=flag
    )


def _run_in_process(work: Work, place: Path, name: str) -> Path:
    """The folder of a backtest with these settings, made by a process of its own."""
    settings = place / f"settings-{name}"
    settings.mkdir()
    write_text_atomically(settings / "base.yaml", work.loaded.effective_yaml)
    write_text_atomically(settings / "backtest.yaml", "{}\n")
    words = ["--config-dir", str(settings), "--no-report", "--json"]
    words += ["--output", str(place / f"results-{name}")]
    done = subprocess.run(
        # -R scatters sets and dictionaries anew in every process, whatever the environment says.
        [sys.executable, "-R", str(PROJECT / "run_backtest.py"), *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise InvariantBroken(
            "the run cannot be repeated in a process of its own",
            expected="exit code 0 of run_backtest.py",
            found=f"{done.returncode}: {done.stderr.strip()[-400:]}",
        )
    return Path(json.loads(done.stdout)["path"])


def _identity(work: Work, wanted: Sequence[str]) -> str:
    """Strategy, dataset and the hash of everything the certificates depend on."""
    settings, snapshot = work.loaded.settings, work.prepared.snapshot
    tried = [*wanted, str(work.cuts), str(work.seeds), str(work.seed)]
    digest = text_hash([result_key(settings), snapshot.version, *tried])[:12]
    name = re.sub(r"[^\w.-]+", "_", settings.strategy.name).lstrip(".")[:LONGEST_NAME]
    return f"{name}-{snapshot.dataset}-{digest}"


def _page(work: Work, certificates: Sequence[Certificate], request: Request) -> PageInput:
    say, settings, snapshot = work.say, work.loaded.settings, work.prepared.snapshot
    window, axes = work.prepared.window, snapshot.axes
    first, last = (axes.sessions[row].item() for row in (window.first, window.last))
    title = [settings.strategy.name, snapshot.dataset]
    if snapshot.facts.synthetic:
        title.append(say("SYNTHETIC DATA"))
    universe = settings.data.universe or say("the whole dataset")
    facts = [
        (say("Strategy"), f"{settings.strategy.name} ({settings.strategy.type})"),
        (say("Dataset"), f"{snapshot.dataset} · {snapshot.version}"),
        (say("Sessions"), f"{first} … {last} ({window.last - window.first + 1:,})"),
        (say("Symbols"), f"{len(axes.symbols):,}"),
        (say("Universe"), universe),
        (say("Configuration hash"), text_hash([result_key(settings)])[:16]),
        (say("Code hash"), code_hash()[:16]),
        (say("Seed"), str(work.seed)),
    ]
    return PageInput(" · ".join(title), facts, certificates, request.language)


def _text(certificates: Sequence[Certificate], path: Path, say: Say) -> str:
    """A line for each certificate, and where the page is."""
    lines = [say("Certificates")]
    for certificate in certificates:
        verdict = say("passed") if certificate.passed else say("failed").upper()
        lines.append(f"  {title_of(certificate, say)}: {verdict}")
        lines.append(f"    {certificate.summary}")
    failed = [title_of(c, say) for c in certificates if not c.passed]
    if failed:
        told = say("do not trust this run: {names} failed").format(names=", ".join(failed))
        lines.append(told)
    lines.append(f"{say('Report')}: {path}")
    return "\n".join(lines)
