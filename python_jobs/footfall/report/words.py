"""How the dashboard says days, times, durations, shares and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime


def day_text(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def minute_text(moment: datetime) -> str:
    return f"{day_text(moment)} {moment:%H:%M}"


def range_text(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    if first == last:
        return day_text(last)
    if first.year == last.year:
        return f"{first.day} {first:%b} – {day_text(last)}"
    return f"{day_text(first)} – {day_text(last)}"


def seconds_text(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def interval_text(above: float | None, up_to: float | None) -> str:
    """Return an interval of whole seconds in the largest unit that fits both edges."""
    if up_to == 0:
        return "0 s"
    size, unit = next(
        (size, unit)
        for size, unit in ((3600, "h"), (60, "min"), (1, "s"))
        if all((edge or 0) % size == 0 for edge in (above, up_to))
    )
    first, last = ("" if edge is None else f"{edge / size:,.0f}" for edge in (above, up_to))
    if up_to is None:
        return f"over {first} {unit}"
    return f"{first}–{last} {unit}" if above else f"up to {last} {unit}"


def whole_share_text(share: float) -> str:
    """Return a whole percentage that hides neither a few nor the last, for a narrow cell."""
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{share:.0%}"


def share_text(share: float) -> str:
    """Return a percentage that does not hide the few behind a 0 nor the rest behind a 100."""
    if 0 < share < 0.001:
        return "< 0.1%"
    if 0.999 < share < 1:
        return "> 99.9%"
    return f"{share:.1%}"


def count_text(count: float) -> str:
    return f"{count:,.0f}"


def signed_text(count: int) -> str:
    return f"{'+' if count > 0 else '−' if count < 0 else '±'}{abs(count):,}"


def or_dash(text: Callable[[float], str], number: float | None) -> str:
    return "–" if number is None else text(number)


def short_text(count: int) -> str:
    """Return a count with three digits at most where it is large, to stand beside a bar."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= max(size, 10_000):
            return f"{count / size:.3g}{unit}"
    return f"{count:,}"


def rows_text(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shortened(text: str, longest: int) -> str:
    """Return a text without its middle where it is longer, so that both ends stay readable."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"


def newest_text(shown: int, count: int, noun: str) -> str:
    """Return a sentence on what is left out, or nothing."""
    return f" The newest {shown:,} of {rows_text(count, noun)}." if shown < count else ""


def change_text(now: float, before: float | None, day: date, *, points: bool) -> str:
    """Return how a value changed since a day, in percent or in percentage points."""
    if before is None or (not points and before == 0):
        return "no value a week before"
    change = now - before if points else now / before - 1
    arrow = "▲" if change > 0.0005 else "▼" if change < -0.0005 else "="
    amount = f"{abs(100 * change):.1f}{' pp' if points else '%'}"
    return f"{arrow} {amount} vs {day:%a} {day.day} {day:%b}"
