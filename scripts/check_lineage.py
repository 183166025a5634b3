"""Send the lineage of a run by OpenLineage's own tool, and read what it sent.

    .venv/bin/python scripts/check_lineage.py

It needs tables, as `make demo` builds them. The tool gets an environment of its own below
target/lineage, which is kept.
"""

from __future__ import annotations

import json
import sys

from environments import BIN, PROJECT, call, environment

WORK = PROJECT / "target" / "lineage"
TOOL = ("openlineage-dbt==1.51.0", "dbt-core==1.11.16")
MODEL = "fct_user_activity_daily"
UPSTREAM = {"fct_sessions", "int_interactions"}


def main() -> None:
    tool = environment(WORK / "environment", TOOL)
    run = WORK / "run"
    call(BIN / "dbt", "build", "--select", MODEL, "--target-path", run)
    sent = WORK / "events.jsonl"
    sent.unlink(missing_ok=True)
    transport = WORK / "openlineage.yml"
    example = (PROJECT / "examples" / "openlineage.yml").read_text()
    transport.write_text(example.replace("target/openlineage.jsonl", str(sent)))
    call(
        tool / "dbt-ol", "send-events", "--target", "thrift", "--target-path", run,
        env={"OPENLINEAGE_CONFIG": str(transport), "DBT_TARGET_PATH": str(run)},
    )  # fmt: skip
    events = [json.loads(line) for line in sent.read_text().splitlines()]
    found = [
        event
        for event in events
        if event["eventType"] == "COMPLETE"
        and any(output["name"].endswith(f".{MODEL}") for output in event.get("outputs", ()))
    ]
    inputs = {source["name"].split(".")[-1] for event in found for source in event["inputs"]}
    if not inputs >= UPSTREAM:
        sys.exit(f"{len(events)} events, which say that {MODEL} was made of {inputs or 'nothing'}")
    print(f"{len(events)} events; {MODEL} was made of {', '.join(sorted(inputs))}")


if __name__ == "__main__":
    main()
