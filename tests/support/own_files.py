"""Small files in the shapes of public data sets, which docs/your-own-data.md tries.

``PYTHONPATH=tests python -m support.own_files FOLDER`` writes them, to show anew what `try` says.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.generate.trackers import generate_as

ROWS, USERS, PRODUCTS = 3000, 40, 25
START = datetime(2025, 3, 1, tzinfo=timezone.utc)


def moment(number: int) -> datetime:
    """Return the time of a row: one each seven minutes, two weeks in all."""
    return START + timedelta(minutes=7 * number)


def rees46(file: Path) -> None:
    """CSV of a shop: a repeated row, one without a user, and a kind that is no interaction."""
    kinds = ("view", "view", "cart", "purchase", "remove_from_cart")
    rows = [
        f"{moment(n):%Y-%m-%d %H:%M:%S} UTC,{kinds[n % 5]},{n * n % PRODUCTS},5.2,{n % USERS},s{n}"
        for n in range(ROWS)
    ]
    rows += [rows[0], "2025-03-01 00:00:00 UTC,view,1,5.2,,s"]
    header = "event_time,event_type,product_id,price,user_id,user_session"
    file.write_text("\n".join([header, *rows]) + "\n")


def retailrocket(file: Path) -> None:
    """Compressed CSV with times in milliseconds, and an order's number beside its rows."""
    kinds = ("view", "view", "addtocart", "transaction")
    rows = [
        f"{round(moment(n).timestamp() * 1000)},{n % USERS},{kinds[n % 4]},{n * n % PRODUCTS},"
        f"{n if n % 4 == 3 else ''}"
        for n in range(ROWS)
    ]
    with gzip.open(file, "wt") as lines:
        lines.write("\n".join(["timestamp,visitorid,event,itemid,transactionid", *rows]) + "\n")


def ratings(file: Path) -> None:
    """Parquet of ratings: nothing tells the kind of an event."""
    numbers = range(ROWS)
    table = pa.table(
        {
            "userId": pa.array([n % USERS for n in numbers], pa.int64()),
            "movieId": pa.array([n * n % PRODUCTS for n in numbers], pa.int64()),
            "rating": pa.array([n % 10 / 2 for n in numbers], pa.float64()),
            "timestamp": pa.array([round(moment(n).timestamp()) for n in numbers], pa.int64()),
        }
    )
    pq.write_table(table, file)


def pages(file: Path) -> None:
    """Lines of JSON with nested values, some of them cut off."""
    lines = [
        json.dumps(
            {
                "timestamp": moment(n).isoformat(),
                "user": {"id": f"u{n % USERS}" if n % 3 else None, "device_id": f"d{n % USERS}"},
                "page": {"path": f"/articles/{n * n % PRODUCTS}"},
                "referrer": None if n % 4 else "https://search.example",
            }
        )
        for n in range(ROWS)
    ]
    for n in range(50, ROWS, 100):
        lines[n] = lines[n][:40]
    file.write_text("\n".join(lines) + "\n")


def segment(folder: Path) -> None:
    """Calls of Segment's libraries, in folders by day."""
    with TemporaryDirectory() as generated:
        generate_as("segment", Path(generated), 5, 60, 17)
        shutil.copytree(Path(generated) / "events", folder)


FILES: dict[str, Callable[[Path], None]] = {
    "rees46.csv": rees46,
    "retailrocket.csv.gz": retailrocket,
    "ratings.parquet": ratings,
    "pages.jsonl": pages,
    "segment": segment,
}


if __name__ == "__main__":
    for name, write in FILES.items():
        write(Path(sys.argv[1]) / name)
