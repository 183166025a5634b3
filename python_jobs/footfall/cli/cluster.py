"""Commands for more than one process or machine: servers on a home, a cluster's sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import JsonOption, print_line, print_result, print_table
from footfall.settings import get_settings

if TYPE_CHECKING:
    from footfall.spark.shared import MetastoreServer
    from footfall.spark.sql_server import SqlServer

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


serve = typer.Typer(no_args_is_help=True)
app.add_typer(serve, name="serve")


@serve.callback()
def _serve_group() -> None:
    """Serve the tables by SQL to BI tools, on 127.0.0.1: Spark's Thrift server (`hive`, JDBC).

    Clients only read, unless it is started with `--writable`. Other commands on this home work in
    its Spark meanwhile. docs/bi.md has the clients' settings.

    Example: `footfall serve start --port 10000`
    """


@serve.command("start")
def start_serving(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 10000,
    writable: Annotated[
        bool, typer.Option("--writable", help="Let clients write, as dbt's target thrift does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the server in the background; one that runs already is named.

    Example: `footfall serve start`

    Example: `footfall serve start --writable && dbt build --target thrift`
    """
    from footfall.spark.sql_server import start_sql_server

    server = start_sql_server(get_settings(), port, writable=writable)
    _tell_sql(server, as_json)


@serve.command("status")
def serving_status(as_json: JsonOption = False) -> None:
    """Say whether the server runs; exit code 1 where it does not.

    Example: `footfall serve status`
    """
    from footfall.spark.sql_server import find_sql_server

    server = find_sql_server(get_settings().home)
    _tell_sql(server, as_json)
    if server is None:
        raise typer.Exit(1)


@serve.command("stop")
def stop_serving(as_json: JsonOption = False) -> None:
    """End the server, once the commands that work in its Spark are done.

    Example: `footfall serve stop`
    """
    from footfall.spark.sql_server import stop_sql_server

    server = stop_sql_server(get_settings().home)
    ended = f"The SQL server (process {server.pid}) has ended." if server else NOT_SERVED
    print_result(server and server._asdict(), as_json, lambda: print_line(ended))


NOT_SERVED = "The tables are not served; `footfall serve start` does it."


def _tell_sql(server: SqlServer | None, as_json: bool) -> None:
    def show() -> None:
        if server is None:
            print_line(NOT_SERVED)
            return
        mode = "writable" if server.writable else "read-only"
        print_line(f"The tables are served at {server.url} (process {server.pid}, {mode}).")
        print_line("  Stop it with `footfall serve stop`.")

    print_result(server and server._asdict() | {"url": server.url}, as_json, show)


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
