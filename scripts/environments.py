"""Environments of their own, for tools that do not agree with the project's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BIN = PROJECT / ".venv" / "bin"


def call(*command: object, env: dict[str, str] | None = None) -> str:
    """Run a command and return what it prints; end the check where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=PROJECT,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{command[0]} ended with exit code {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Return the bin folder of a virtual environment, made where it is missing."""
    if not (folder / "complete").is_file():
        call(sys.executable, "-m", "venv", "--clear", folder)
        call(folder / "bin" / "pip", "install", "--quiet", *packages)
        (folder / "complete").touch()
    return folder / "bin"
