select
    source,
    load_id,
    rows_in,
    accepted,
    duplicates,
    quarantined
from {{ ref('dq_load_reconciliation') }}
where rows_in <> accepted + duplicates + quarantined
