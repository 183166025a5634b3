"""Commands for more than one process or machine: a shared metastore, a cluster's sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result, print_table
from footfall.settings import get_settings

if TYPE_CHECKING:
    from footfall.spark.shared import MetastoreServer

metastore = typer.Typer(no_args_is_help=True)
app.add_typer(metastore, name="metastore")


@metastore.callback()
def _group() -> None:
    """Serve the home's catalog to several Spark processes at once, on 127.0.0.1.

    While it is served, each command has a Spark of its own: ingestion, dbt and BI tools run side by
    side. Commands on this home find the server by themselves; other Spark sessions take its address
    as `spark.hadoop.hive.metastore.uris`.

    Example: `footfall metastore start`
    """


@metastore.command()
def start(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Start the server in the background; one that runs already is named.

    Example: `footfall metastore start --port 9083`
    """
    from footfall.spark.metastore_server import start_server

    server = start_server(get_settings(), port)

    def show() -> None:
        print_line(f"The metastore is served at {server.uri} (process {server.pid}).")
        print_line("  Stop it with `footfall metastore stop`.")

    print_result(server._asdict(), as_json, show)


def _tell(server: MetastoreServer | None, as_json: bool, line: str, otherwise: str) -> None:
    """Print a line on the server, or another where there is none."""
    told = f"The metastore {line.format(**server._asdict())}" if server else otherwise
    print_result(server and server._asdict(), as_json, lambda: print_line(told))


@metastore.command()
def status(as_json: JsonOption = False) -> None:
    """Say whether the server runs; exit code 1 where it does not.

    Example: `footfall metastore status`
    """
    from footfall.spark.shared import find_server

    server = find_server(get_settings().home)
    _tell(
        server,
        as_json,
        "is served at {uri} (process {pid}).",
        "The metastore is not served; `footfall metastore start` does it.",
    )
    if server is None:
        raise typer.Exit(1)


@metastore.command()
def stop(as_json: JsonOption = False) -> None:
    """End the server. Sessions that use it fail at their next look into the catalog.

    Example: `footfall metastore stop`
    """
    from footfall.spark.metastore_server import stop_server

    server = stop_server(get_settings().home)
    _tell(server, as_json, "server (process {pid}) has ended.", "The metastore is not served.")


@app.command()
def size(
    data: Annotated[str, typer.Option(help="What the largest step reads: 500GB, 1.5TB.")],
    nodes: Annotated[int, typer.Option(min=1, help="Machines for executors.")],
    node_cores: Annotated[int, typer.Option(min=2, help="Cores of each.")],
    node_memory: Annotated[str, typer.Option(help="Memory of each: 64GB, 64GiB.")],
    as_json: JsonOption = False,
) -> None:
    """Say how to cut a cluster into executors, and a shuffle into partitions.

    Each rule with its source stands in docs/cluster.md.

    Example: `footfall size --data 500GB --nodes 10 --node-cores 16 --node-memory 64GB`
    """
    from footfall.spark.sizing import parse_bytes, size_cluster

    cluster = size_cluster(parse_bytes(data), nodes, node_cores, parse_bytes(node_memory))
    sizes = cluster.model_dump() | {
        "environment": cluster.environment(),
        "spark_conf": cluster.spark_conf(),
    }

    def show() -> None:
        print_table(
            "Sizes", ["what", "how much"], [[k, v] for k, v in cluster.model_dump().items()]
        )
        print_line("\nFor footfall:")
        for name, value in cluster.environment().items():
            print_line(f"  export {name}={value}")
        print_line("\nFor a Spark that something else starts:")
        for name, value in cluster.spark_conf().items():
            print_line(f"  {name}={value}")

    print_result(sizes, as_json, show)
