"""How fast the sample generator writes: ``python -m benchmarks.generate --json FILE``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import Work, folder_bytes, measure, write_report
from footfall.generate import DirtShares, generate

USERS = 20_000
DAYS = 14
SEED = 7


def _generate(folder: Path, users: int, days: int, dirt: DirtShares) -> Callable[[], Work]:
    def run() -> Work:
        truth = generate(folder, days, users, SEED, dirt=dirt, overwrite=True)
        rows = sum(entity["rows"] for entity in truth["entities"].values())
        return Work(rows=rows, bytes_written=folder_bytes(folder))

    return run


def main(
    scale: Annotated[float, typer.Option(help=f"Multiplies {USERS:,} users.")] = 1.0,
    runs: Annotated[int, typer.Option(help="Runs of each step; the time is the median.")] = 5,
    json: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
) -> None:
    """Generate data sets of all twelve entities in a temporary folder."""
    users = max(1, round(USERS * scale))
    clean = DirtShares(**dict.fromkeys(DirtShares.model_fields, 0.0))
    steps = [
        (users // 10 or 1, DAYS, "usual dirt", DirtShares()),
        (users, DAYS, "usual dirt", DirtShares()),
        (users, DAYS, "no dirt", clean),
        (users * 10, 2, "usual dirt", DirtShares()),
    ]
    with tempfile.TemporaryDirectory() as folder:
        # The first run of a process pays for imports and memory: it is not measured.
        _generate(Path(folder), 100, 1, clean)()
        rows = [
            measure(
                f"{count:,} users, {days} days, {label}",
                "footfall",
                _generate(Path(folder), count, days, dirt),
                runs,
            )
            for count, days, label, dirt in steps
        ]
    write_report("generate", rows, json)


if __name__ == "__main__":
    typer.run(main)
