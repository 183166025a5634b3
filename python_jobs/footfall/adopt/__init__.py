"""An existing Delta table as bronze, without a copy: adopt it, give it up again."""

from footfall.adopt.job import Adopted, Released, adopt, release

__all__ = ["Adopted", "Released", "adopt", "release"]
