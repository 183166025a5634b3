"""databricks.yml: jobs that the workspace's schema accepts, and commands that there are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from databricks.bundles.jobs import Job

from footfall.settings import PROJECT_DIR
from footfall.spark.sizing import parse_bytes, shuffle_partitions, target_file_bytes
from support.bundle import FILE, UnresolvedError, described, resolve
from support.command_lines import parse

BUNDLE = described()
JOBS = BUNDLE["resources"]["jobs"]
TARGETS = list(BUNDLE["targets"])
GRAPH = ["ingest", "build", "export", "maintain"]


def tasks(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resolve(JOBS[job]["tasks"], BUNDLE, "dev")
    return found


def wheel_tasks() -> Iterator[tuple[str, dict[str, Any]]]:
    for job in JOBS:
        for task in tasks(job):
            if "python_wheel_task" in task:
                yield job, task["python_wheel_task"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_one_that_databricks_knows(job: str, target: str) -> None:
    resolved = resolve(JOBS[job], BUNDLE, target)
    assert Job.from_dict(resolved).as_dict()["tasks"] == resolved["tasks"]


def test_a_job_with_a_field_that_there_is_not_is_refused() -> None:
    wrong = copy.deepcopy(resolve(JOBS["build"], BUNDLE, "dev"))
    wrong["tasks"][0]["max_retry"] = 1
    with pytest.raises(ValueError, match="max_retry"):
        Job.from_dict(wrong)


@pytest.mark.parametrize("target", TARGETS)
def test_all_that_is_referred_to_is_declared(target: str) -> None:
    for part in ("resources", "artifacts", "targets", "sync"):
        resolve(BUNDLE[part], BUNDLE, target)
    declared = set(BUNDLE["variables"])
    assert set(BUNDLE["targets"][target].get("variables", {})) <= declared
    used = {name for name in declared if f"${{var.{name}}}" in FILE.read_text(encoding="utf-8")}
    assert used == declared
    with pytest.raises(UnresolvedError):
        resolve("${var.nothing}", BUNDLE, target)


@pytest.mark.parametrize("daily", ["daily", "daily_serverless"])
def test_the_daily_job_has_the_graph_of_a_local_run(daily: str) -> None:
    found = JOBS[daily]["tasks"]
    assert [task["task_key"] for task in found] == GRAPH
    before = [[on["task_key"] for on in task.get("depends_on", [])] for task in found]
    assert before == [[], *([step] for step in GRAPH[:-1])]
    called = [task["run_job_task"]["job_id"].split(".")[2] for task in found]
    assert [job.removesuffix("_serverless") for job in called] == GRAPH


@pytest.mark.parametrize(
    ("job", "task"), list(wheel_tasks()), ids=[job for job, _ in wheel_tasks()]
)
def test_a_wheel_task_calls_a_command_that_takes_its_arguments(
    job: str, task: dict[str, Any]
) -> None:
    scripts = entry_points(group="console_scripts", name=task["entry_point"])
    assert [script.dist.name for script in scripts if script.dist] == [task["package_name"]]
    assert parse(task["entry_point"], task["parameters"])


def test_the_serverless_build_is_dbt_on_a_warehouse() -> None:
    (task,) = tasks("build_serverless")
    (environment,) = JOBS["build_serverless"]["environments"]
    assert task["environment_key"] == environment["environment_key"]
    assert "job_cluster_key" not in task
    assert task["dbt_task"]["commands"][0].startswith("dbt build --target databricks")
    pinned = (PROJECT_DIR / "pyproject.toml").read_text(encoding="utf-8")
    assert environment["spec"]["dependencies"][1] in pinned


def test_a_cluster_grows_from_2_to_20_nodes_of_the_sizes_that_footfall_size_says() -> None:
    many = resolve("${var.many_nodes}", BUNDLE, "prod")
    assert many["autoscale"] == {"min_workers": 2, "max_workers": 20}
    assert "autotermination_minutes" not in many
    data = parse_bytes("500GB")
    assert (
        many["spark_conf"]
        | {
            "spark.sql.shuffle.partitions": str(shuffle_partitions(20 * 16, data)),
            "spark.databricks.delta.optimize.maxFileSize": str(target_file_bytes(data)),
        }
        == many["spark_conf"]
    )


def test_only_dev_takes_spot_nodes() -> None:
    taken = {
        target: resolve("${var.many_nodes}", BUNDLE, target)["aws_attributes"]["availability"]
        for target in TARGETS
    }
    assert taken == {"dev": "SPOT_WITH_FALLBACK", "staging": "ON_DEMAND", "prod": "ON_DEMAND"}


def test_no_path_leaves_the_bundle() -> None:
    # The CLI refuses one, and so does this: ./dist/*.whl is what the build makes.
    paths = [BUNDLE["artifacts"]["footfall"]["path"]]
    for job in JOBS:
        for task in tasks(job):
            paths += [library["whl"] for library in task.get("libraries", [])]
            paths += [task["dbt_task"]["project_directory"]] if "dbt_task" in task else []
        for environment in JOBS[job].get("environments", []):
            needed = environment["spec"]["dependencies"]
            paths += [path for path in needed if path.startswith(".")]
    assert len(paths) > 5
    root = FILE.parent.resolve()
    assert [path for path in paths if not (root / path).resolve().is_relative_to(root)] == []
    assert [path for path in paths if Path(path).is_absolute()] == []


def test_clusters_know_the_settings_that_footfall_reads() -> None:
    from footfall.settings import Settings

    own = {f"FOOTFALL_{name.upper()}" for name in Settings.model_fields} | {"DATABRICKS_CATALOG"}
    given = BUNDLE["variables"]["environment"]["default"]
    assert {name for name in given if not name.startswith("DBT_")} <= own
