"""New parts of the dbt project: files to begin with, which build and pass their tests."""

from footfall.scaffold.mart import NewFile, left_to_do, new_mart, write_files

__all__ = ["NewFile", "left_to_do", "new_mart", "write_files"]
