"""Run set-up, lint, types and parse on each Python from 3.9 to 3.14 that this machine has.

    python3 scripts/check_pythons.py

Two versions at a time, each in a copy of the working tree with an environment of its own. Set-up
has to refuse the versions that pyproject.toml rules out; those that the machine lacks are named.
The version that runs this script is left to `make test`.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).resolve().parent.parent
OWN = f"3.{sys.version_info.minor}"
VERSIONS = [version for minor in range(9, 15) if (version := f"3.{minor}") != OWN]
STATE = (".git", ".venv", ".footfall", ".*_cache", "target", "logs")
STEPS = ("setup-dev", "lint", "types", "parse")


def interpreter(version: str) -> str | None:
    """Return a Python of this version: on PATH, or one that pyenv installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (f"python{version}", *sorted(pyenv.glob(f"{version}.*/bin/python3"))):
        command = [str(python), "-c", "import sys; print(sys.executable)"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True)
        except OSError:
            continue
        if answer.returncode == 0:
            return answer.stdout.strip()
    return None


def check(version: str, python: str, folder: Path) -> bool:
    """Run the steps with one Python in a folder of its own; print what came of them."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*STATE))
    if (jars := PROJECT / ".footfall/cache/jars").is_dir():
        shutil.copytree(jars, folder / ".footfall/cache/jars")
    ours = ("FOOTFALL_HOME", "FOOTFALL_CACHE")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    environment["FOOTFALL_CLASS_ARCHIVE"] = "false"
    started = time.monotonic()
    for step in STEPS:
        done = subprocess.run(
            ["make", "--no-print-directory", step, f"PYTHON={python}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if f"Python {version}" in done.stdout and "is not supported" in done.stdout:
            print(f"{version}: refused by set-up, as pyproject.toml has it", flush=True)
            return True
        if done.returncode:
            print(f"{version}: {step} failed\n{done.stdout}", flush=True)
            return False
    seconds = time.monotonic() - started
    print(f"{version}: {', '.join(STEPS)} passed in {seconds:.0f} s ({python})", flush=True)
    return True


def main() -> None:
    found = {version: interpreter(version) for version in VERSIONS}
    absent = [version for version, python in found.items() if python is None]
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        results = [
            pool.submit(check, version, python, Path(folder) / version)
            for version, python in found.items()
            if python
        ]
        passed = all(result.result() for result in results)
    if absent:
        print(f"Not on this machine, so not checked: {', '.join(absent)}")
    sys.exit(0 if passed else 1)


main()
