"""Commands that write documentation of the dbt project."""

from __future__ import annotations

from typing import Annotated

import typer

from footfall.cli.app import app
from footfall.cli.output import print_line
from footfall.settings import get_settings

docs = typer.Typer(no_args_is_help=True)
app.add_typer(docs, name="docs")


@docs.callback()
def _group() -> None:
    """Write documentation of the dbt project that is made from its files.

    Example: `footfall docs model`
    """


@docs.command()
def model(
    write: Annotated[
        bool, typer.Option("--write", help="Write docs/entities.md in place of printing.")
    ] = False,
) -> None:
    """Print the tables' keys and relationships as Mermaid diagrams in a Markdown page.

    They are those of the tests `unique_grain` and `relationships` in the models' yml. Nothing is
    asked of Spark.

    Example: `footfall docs model`

    Example: `footfall docs model --write`
    """
    from footfall.atomic import write_atomically
    from footfall.project.dbt import parsed_manifest
    from footfall.project.entities import PAGE, entity_page

    page = entity_page(parsed_manifest())
    if not write:
        print_line(page.rstrip())
        return
    file = get_settings().project_dir / PAGE
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, page)
    print_line(f"Written: {file}")
