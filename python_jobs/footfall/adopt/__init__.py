"""An existing Delta table as bronze, without a copy: adopt it, give it up again."""

from footfall.adopt.job import Adopted, Released, adopt, release, table_text
from footfall.adopt.view import table_shape

__all__ = ["Adopted", "Released", "adopt", "release", "table_shape", "table_text"]
