"""The jobs of ``databricks.yml``, by Databricks' own command line."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from footfall.errors import FootfallError, UsageError
from footfall.settings import Settings, get_settings

CLI = "databricks"
FILE = "databricks.yml"
RUNS_SHOWN = 5


class Bundle:
    """The project's bundle in one of its targets.

    Args:
        target: a target of databricks.yml; the default one where it is None.
        settings: names the project; the process's own by default.

    Raises:
        UsageError: the project has no databricks.yml, or the file no such target.
    """

    def __init__(self, target: str | None = None, settings: Settings | None = None) -> None:
        self.folder = (settings or get_settings()).project_dir
        described = _read(self.folder)
        targets: dict[str, Any] = described["targets"]
        default = next(name for name, target in targets.items() if target.get("default"))
        self.target = target or default
        self.jobs = list(described["resources"]["jobs"])
        if self.target not in targets:
            raise UsageError(
                f"{FILE} has no target {self.target!r}.", f"Choose one of: {', '.join(targets)}."
            )

    def deploy_commands(self) -> list[list[str]]:
        """Return the command lines that check the bundle and bring it to the workspace."""
        return [self._command("validate"), self._command("deploy")]

    def run_command(self, job: str, parameters: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs a job and waits for its end.

        Args:
            job: a job of databricks.yml.
            parameters: of the job, each ``name=value``.

        Raises:
            UsageError: there is no such job, or a parameter has no value.
        """
        if job not in self.jobs:
            raise UsageError(
                f"{FILE} has no job {job!r}.", f"Choose one of: {', '.join(self.jobs)}."
            )
        if wrong := [text for text in parameters if not text.partition("=")[1]]:
            raise UsageError(f"--param {wrong[0]} has no value.", "Write it as NAME=VALUE.")
        given = [f"--params={text}" for text in parameters]
        return [*self._command("run"), job, *given]

    def summary_command(self) -> list[str]:
        """Return the command line that describes what is deployed, as JSON."""
        return [*self._command("summary"), "--output", "json"]

    @staticmethod
    def runs_command(job_id: str) -> list[str]:
        """Return the command line that lists the newest runs of a job, by Databricks' id of it."""
        return [CLI, "jobs", "list-runs", "--job-id", job_id, "--limit", str(RUNS_SHOWN)]

    def destroy_command(self, *, without_question: bool) -> list[str]:
        """Return the command line that removes jobs and files.

        Args:
            without_question: the command line does not ask before.
        """
        approved = ["--auto-approve"] if without_question else []
        return [*self._command("destroy"), *approved]

    def job_ids(self) -> dict[str, str]:
        """Return the id of each deployed job.

        Raises:
            FootfallError: the command line is missing or failed.
        """
        summary = json.loads(self.call(self.summary_command(), captured=True))
        jobs = summary.get("resources", {}).get("jobs", {})
        return {name: str(job["id"]) for name, job in jobs.items() if job.get("id")}

    def call(self, command: Sequence[str], *, captured: bool = False) -> str:
        """Run a command line in the project's folder.

        Args:
            command: as the methods above return it.
            captured: return what it prints, in place of showing it.

        Raises:
            FootfallError: Databricks' command line is not installed, or it failed.
        """
        program = shutil.which(command[0])
        if program is None:
            raise FootfallError(
                "Databricks' command line is not installed.",
                "Install the program `databricks`, then log in: `databricks auth login`.",
            )
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            stdout=subprocess.PIPE if captured else None,
            text=True,
        )
        if done.returncode:
            raise FootfallError(
                f"`{shlex.join(command)}` ended with exit code {done.returncode}.",
                "Read its message above; `databricks auth describe` says who is logged in where.",
            )
        return done.stdout or ""

    def _command(self, verb: str) -> list[str]:
        return [CLI, "bundle", verb, "--target", self.target]


def _read(folder: Path) -> dict[str, Any]:
    try:
        described: dict[str, Any] = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} has no {FILE}.", "Run this in a clone of footfall, or copy its file."
        ) from None
    return described
