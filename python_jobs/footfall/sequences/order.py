"""The one total order of actions, as ``macros/training/action_key.sql`` has it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from footfall.errors import FootfallError

Integers = npt.NDArray[np.int64]


class KeyLayout(NamedTuple):
    """Microseconds in a unit of time, and bits of the item; the type takes the two bits between."""

    micros: int
    item_bits: int


LAYOUTS = {"microsecond": KeyLayout(1, 24), "millisecond": KeyLayout(1000, 31)}


def action_keys(
    micros_of_day: Integers, action_types: Integers, items: Integers, unit: str = "microsecond"
) -> Integers:
    """Return the sort keys of actions within their days; the larger key is the newer action.

    Of equal times the higher type comes first, then the higher item.

    Args:
        micros_of_day: time since the start of the action's day, microseconds, 0 to 25 h. [N]
        action_types: 1 click, 2 cart, 3 order. [N]
        items: item ids. [N]
        unit: the var ``action_time_unit``: ``microsecond`` (items below 2²⁴) or ``millisecond``
            (items below 2³¹).

    Returns:
        Non-negative keys. [N]

    Raises:
        FootfallError: an item or a time does not fit the unit.
    """
    layout = LAYOUTS[unit]
    times, rest = np.divmod(np.asarray(micros_of_day, np.int64), layout.micros)
    fits = (items >= 0) & (items < 1 << layout.item_bits) & (rest == 0)
    if not fits.all():
        first = int(np.argmin(fits))
        other = next(name for name in LAYOUTS if name != unit)
        raise FootfallError(
            f"Item {items[first]} at microsecond {micros_of_day[first]} of its day does not fit "
            f"the sort key of actions with action_time_unit {unit}.",
            f"Set the var action_time_unit to {other}.",
        )
    keys = times << (layout.item_bits + 2) | action_types << layout.item_bits | items
    return np.asarray(keys, np.int64)
