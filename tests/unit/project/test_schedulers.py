"""Examples for schedulers, hooks and CI: they parse, and call what there is.

`scripts/check_orchestration.py` runs the examples with the tools themselves.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
from typing import Any

import pytest
import yaml

from footfall.settings import PROJECT_DIR
from support.command_lines import parse

EXAMPLES = PROJECT_DIR / "examples" / "orchestration"
GRAPH = ["ingest", "build", "backfill", "export-sequences", "maintain"]
BIN = PROJECT_DIR / ".venv" / "bin"


def of_the_dag() -> list[str]:
    tree = ast.parse((EXAMPLES / "airflow_dag.py").read_text(encoding="utf-8"))
    (steps,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STEPS"
    )
    return list(ast.literal_eval(steps).values())


def of_the_script() -> list[str]:
    text = (EXAMPLES / "daily.sh").read_text(encoding="utf-8")
    return re.findall(r"^(?:footfall|dbt) .*", text, flags=re.MULTILINE)


@pytest.mark.parametrize("commands", [of_the_dag(), of_the_script()], ids=["airflow", "daily.sh"])
def test_steps_follow_the_graph_and_are_commands(commands: list[str]) -> None:
    lines = [shlex.split(command) for command in commands]
    assert [arguments[0] for _, *arguments in lines] == GRAPH
    for program, *arguments in lines:
        assert parse(program, arguments)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(EXAMPLES / name, encoding="utf-8")
    return parser


def test_the_units_call_a_script_that_is_there_and_retry_it() -> None:
    service = unit("footfall.service")
    script = service["Service"]["ExecStart"].removeprefix("/opt/footfall/")
    assert os.access(PROJECT_DIR / script, os.X_OK)
    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["Restart"] == "on-failure"
    assert unit("footfall.timer")["Timer"]["Persistent"] == "true"


def test_the_crontab_calls_the_same_script() -> None:
    (line,) = (
        line
        for line in (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
        if re.match(r"\d", line)
    )
    script = unit("footfall.service")["Service"]["ExecStart"]
    assert line.split()[5:] == ["flock", "-n", "/tmp/footfall.lock", script]


def test_hooks_are_tools_of_the_environment() -> None:
    described = yaml.safe_load((PROJECT_DIR / ".pre-commit-config.yaml").read_text())
    (repo,) = described["repos"]
    assert repo["repo"] == "local"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    tools = [hook["entry"].split()[0] for hook in repo["hooks"]]
    assert [tool for tool in tools if not os.access(BIN / tool.split("/")[-1], os.X_OK)] == []


def test_the_workflow_calls_what_there_is_and_holds_no_secret() -> None:
    text = (PROJECT_DIR / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    workflow: dict[str, Any] = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    targets = re.findall(r"^([a-z-]+):", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE)
    for called in re.findall(r"run: make (.*)", text):
        assert set(called.split()) <= set(targets)
    for program, arguments in re.findall(r"\.venv/bin/(footfall|dbt) (.*)", text):
        assert parse(program, shlex.split(arguments))
    assert os.access(PROJECT_DIR / "scripts" / "build_changed.sh", os.X_OK)
