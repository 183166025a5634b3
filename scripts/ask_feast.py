"""Ask Feast for historical features; run by check_feast.py in Feast's own environment.

    python ask_feast.py FOLDER

FOLDER has features.parquet (customer_id, held_from, arrived_at, features) and spine.parquet
(customer_id, event_timestamp, spine_row, label). Feast's answers become as_it_was.parquet and
as_it_was_known.parquet.
"""

import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

folder = Path(sys.argv[1])
features_file = folder / "features.parquet"
customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
columns = [
    name for name in pq.read_schema(features_file).names if name not in ("customer_id", "held_from")
]
view = FeatureView(
    name="customer_features",
    entities=[customer],
    ttl=timedelta(0),  # features hold until the next ones
    schema=[Field(name=name, dtype=Float64) for name in columns],
    source=FileSource(
        path=str(features_file),
        timestamp_field="held_from",
        created_timestamp_column="arrived_at",
    ),
    online=False,
)
store = FeatureStore(
    config=RepoConfig(
        project="footfall",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store={"type": "file"},
        online_store=None,
        entity_key_serialization_version=3,
    )
)
store.apply([customer, view])
for reading, by_arrival in (("as_it_was", False), ("as_it_was_known", True)):
    answer = store.get_historical_features(
        entity_df=pd.read_parquet(folder / "spine.parquet"),
        features=[f"customer_features:{name}" for name in columns],
        filter_by_created_timestamp=by_arrival,
    )
    answer.to_df().to_parquet(folder / f"{reading}.parquet")
