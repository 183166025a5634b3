"""``footfall new mart``: files that parse as they are, refusals, and the page that shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from footfall.cli import app
from footfall.errors import UsageError
from footfall.scaffold import new_mart
from footfall.settings import PROJECT_DIR
from support.manifest import parse
from support.projects import project_with

PAGE = PROJECT_DIR / "docs" / "add-a-mart.md"
FILES = [f"models/marts/engagement/fct_longest_sessions.{kind}" for kind in ("sql", "yml")]


def blocks(kind: str) -> list[str]:
    """Return the page's code blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_the_command_says_and_writes() -> None:
    command, _, said = blocks("console")[0].partition("\n")
    arguments = command.removeprefix("$ footfall ").split()
    with project_with({}) as project:
        answer = CliRunner().invoke(app, arguments)
        assert answer.output == said
        assert (project / FILES[0]).read_text() == blocks("sql")[0]
        again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, UsageError)
    assert "There is a model fct_longest_sessions already." in again.exception.message


def test_a_dry_run_writes_nothing() -> None:
    arguments = ["new", "mart", "fct_new", "--reads", "fct_sessions", "--grain", "event_date"]
    with project_with({}) as project:
        answer = CliRunner().invoke(app, [*arguments, "--dry-run"])
        assert not list(project.rglob("fct_new*"))
    assert "{{ ref('fct_sessions') }}" in answer.output


def test_new_marts_parse_and_pass_the_linter(tmp_path: Path) -> None:
    marts: dict[str, tuple[list[str], list[str], str]] = {
        "fct_longest_sessions": (["fct_sessions"], ["user_id", "event_date"], "engagement"),
        "fct_shown": (["training_samples"], ["customer_id", "dt"], "products"),
        "fct_both": (
            ["fct_sessions", "fct_user_activity_daily"], ["user_id", "event_date"], "engagement",
        ),
    }  # fmt: skip
    files = {name: new_mart(name, *arguments) for name, arguments in marts.items()}
    texts = {str(file.path): file.text for both in files.values() for file in both}
    with project_with(texts) as project:
        manifest = parse(tmp_path)
        shutil.copy(PROJECT_DIR / ".sqlfluff", project)
        shutil.copytree(PROJECT_DIR / "sqlfluff_libs", project / "sqlfluff_libs")
        lint = [sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar"]
        done = subprocess.run(
            [*lint, *(str(sql.path) for sql, _ in files.values())],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for name, (reads, grain, _) in marts.items():
        node = manifest["nodes"][f"model.footfall.{name}"]
        assert node["depends_on"]["nodes"] == [f"model.footfall.{read}" for read in reads]
        assert node["config"]["materialized"] == "incremental"
        assert node["config"]["partition_by"] == [grain[-1]]
        assert node["config"]["contract"]["enforced"]
        yml = yaml.safe_load(files[name][1].text)
        assert [column["name"] for column in yml["models"][0]["columns"]] == [*grain, "row_count"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Longest", ["fct_sessions"], ["event_date"], "engagement"), "'Longest' is no name"),
        (("fct_a;drop", ["fct_sessions"], ["event_date"], "engagement"), "is no name of a mart"),
        (("fct_sessions", ["dim_users"], ["event_date"], "engagement"), "There is a model"),
        (("fct_a", ["fct_sesions"], ["event_date"], "engagement"), "no model fct_sesions"),
        (("fct_a", ["fct_sessions"], ["event_date"], "../x"), "no folder models/marts/../x"),
        (("fct_a", ["fct_sessions"], ["session_id"], "engagement"), "session_id is a date"),
        (("fct_a", ["fct_sessions"], ["event_date", "no"], "engagement"), "has no column no"),
        (("fct_a", [], ["event_date"], "engagement"), "No model to read"),
        (("fct_a", ["fct_sessions"], [], "engagement"), "No column"),
    ],
)
def test_what_cannot_be_a_mart_is_refused(
    arguments: tuple[str, list[str], list[str], str], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refused:
        new_mart(*arguments)
    assert refused.value.fix
