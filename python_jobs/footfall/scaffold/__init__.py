"""New parts of the dbt project: files to begin with, which build and pass their tests."""

from footfall.scaffold.files import NewFile, write_files
from footfall.scaffold.mart import left_to_do_for_mart, new_mart
from footfall.scaffold.source import left_to_do_for_source, new_source

__all__ = [
    "NewFile",
    "left_to_do_for_mart",
    "left_to_do_for_source",
    "new_mart",
    "new_source",
    "write_files",
]
