"""The command line. Commands only: what they do stands in the modules that they call."""

# In the order in which --help lists their commands.
# isort: off
from footfall.cli import (  # noqa: F401
    machine,
    data,
    onboard,
    adopt,
    tables,
    metric,
    monitor,
    train,
    quarantine,
    operate,
    cluster,
    databricks,
    new,
    docs,
)
# isort: on

from footfall.cli.app import app, main

__all__ = ["app", "main"]
