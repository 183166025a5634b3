"""Make .venv with the locked packages, the project itself and Spark's runtime.

    python3 scripts/setup.py         what `make demo` needs
    python3 scripts/setup.py --dev   and what `make test` needs
    python3 scripts/setup.py --torch and PyTorch, for footfall.sequences.torch; also with --dev
    python3 scripts/setup.py --train and MLflow, for `footfall train-example`; also with --dev

Needs nothing but a Python that pyproject.toml allows. Does nothing where all is in place.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
BIN = VENV / "bin"
PIP = [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def stop(message: str, fix: str) -> None:
    sys.exit(f"setup: {message}\n  → {fix}")


def run(label: str, *command: object) -> None:
    print(f"setup: {label} …", flush=True)
    started = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], cwd=PROJECT, env=environment)
    if done.returncode:
        stop(f"{label} failed (exit code {done.returncode}).", "Fix what the lines above say.")
    print(f"setup: {label}: {time.monotonic() - started:.0f} s", flush=True)


def make_venv() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            f"{sys.executable} cannot make a virtual environment.",
            "Install its venv module (Debian, Ubuntu: apt install python3-venv).",
        )
    run("make .venv", sys.executable, "-m", "venv", "--clear", VENV)


def require_python() -> None:
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    bounds = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)
    first, after = (3, int(bounds.group(1))), (3, int(bounds.group(2)))
    if not first <= sys.version_info[:2] < after:
        versions = f"3.{first[1]} to 3.{after[1] - 1}"
        stop(
            f"Python {sys.version.split()[0]} is not supported, footfall needs {versions}.",
            f"Name such a one: make demo PYTHON=python3.{after[1] - 1}",
        )


def require_usable_folder() -> None:
    sys.path.insert(0, str(PROJECT / "python_jobs"))
    from footfall.errors import FootfallError
    from footfall.paths import require_usable_clone

    try:
        require_usable_clone(PROJECT)
    except FootfallError as error:
        stop(error.message, error.fix)


def digest(*inputs: bytes) -> str:
    return hashlib.sha256(b"".join(inputs)).hexdigest()


def install_locked(lock: Path) -> None:
    locked = ["--no-deps", "--no-compile", "--require-hashes", "-r", lock.name]
    run(f"install {lock.name}", *PIP, *locked)


def install_extra(name: str) -> None:
    lock = PROJECT / f"requirements-{name}.lock"
    stamp = VENV / f"installed-{name}"
    wanted = digest(lock.read_bytes(), sys.version.encode())
    if not (stamp.is_file() and stamp.read_text() == wanted):
        install_locked(lock)
        stamp.write_text(wanted)


def main() -> None:
    require_python()
    require_usable_folder()
    dev = "--dev" in sys.argv[1:]
    lock = PROJECT / ("requirements-dev.lock" if dev else "requirements.lock")
    project = (PROJECT / "pyproject.toml").read_bytes()
    stamp = VENV / f"installed-{'dev' if dev else 'runtime'}"
    wanted = digest(lock.read_bytes(), project, sys.version.encode(), str(PROJECT).encode())
    if not (stamp.is_file() and stamp.read_text() == wanted):
        if not (BIN / "pip").is_file():
            make_venv()
        install_locked(lock)
        run("install footfall", *PIP, "--no-deps", "-e", ".")
        stamp.write_text(wanted)
        if dev:
            (VENV / "installed-runtime").unlink(missing_ok=True)
    for extra in ("torch", "train"):
        if f"--{extra}" in sys.argv[1:]:
            install_extra(extra)
    run("prepare Java and Delta", BIN / "footfall", "setup")


main()
