"""Make docs/benchmarks.md from the reports: ``python -m benchmarks.publish``."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import typer

from benchmarks.harness import Row, markdown_table

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

Made by `python -m benchmarks.publish` from the reports in `benchmarks/results`. Each section names
the command that measured it. `s` is the median wall-clock time, `CPU s` the processor
time of the whole process tree, `GiB` its peak resident memory. Read a table's figures against each
other. A step called a projection was computed, as its section says; all else was measured. A †
marks a step beside which other processes took more than 5 % of the processor time: its seconds say
little.
"""


def section(report_file: Path) -> str:
    """Return a report as a section of the page."""
    report = json.loads(report_file.read_text())
    module = importlib.import_module(f"benchmarks.{report['benchmark']}")
    machine = report["machine"]
    rows = [Row(**row) for row in report["rows"]]
    total = sum(row.seconds for row in rows if not row.projected)
    told = [f"{name}={value}" for name, value in machine.get("settings", {}).items()]
    settings = f"With `{' '.join(told)}`. " if told else ""
    unknown = all(row.foreign_load is None for row in rows)
    load = " What else the machine did meanwhile was not recorded." if unknown else ""
    return (
        f"\n## {report_file.stem}\n\n{(module.__doc__ or '').strip()}\n\n"
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['cpu']}, "
        f"Python {machine['python']}. {settings}"
        f"All steps together: {total:.0f} s.{load}\n\n"
        f"{markdown_table(rows)}\n"
    )


def main() -> None:
    """Write docs/benchmarks.md from the reports in benchmarks/results.

    Example: `python -m benchmarks.publish`
    """
    reports = sorted(RESULTS.glob("*.json"))
    PAGE.write_text(HEAD + "".join(section(report) for report in reports))
    print(f"{PAGE}: {len(reports)} reports")


if __name__ == "__main__":
    typer.run(main)
