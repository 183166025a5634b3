"""Reading compact exports without a framework: what a batch holds, and in which order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import FootfallError, UsageError
from footfall.sequences import Batch, SequenceReader, TrainingDay, read_manifest
from footfall.settings import PROJECT_DIR
from support.compact_export import History, Sample, in_written_order, write_export

DAY = date(2025, 8, 20)
NEXT = DAY + timedelta(days=1)
CUSTOMERS = range(5_000_000_000, 5_000_000_006)
MIB = 1024**2

actions = st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 3))
labelled_samples = st.lists(
    st.builds(
        Sample,
        st.sampled_from(CUSTOMERS),
        st.integers(0, 2**31 - 1),
        st.booleans(),
        st.sampled_from([None, "a", "b"]),
    ),
    min_size=1,
    max_size=30,
)


@st.composite
def days(
    draw: st.DrawFn,
) -> tuple[int, list[Sample], dict[int, History], int]:
    """Return (sequence length, samples, histories, shards); customers may be missing."""
    length = draw(st.integers(1, 23))
    histories = draw(
        st.dictionaries(st.sampled_from(CUSTOMERS), st.lists(actions, max_size=length))
    )
    return length, draw(labelled_samples), histories, draw(st.integers(1, 3))


def reference(samples: Sequence[Sample], histories: dict[int, History], length: int) -> Batch:
    """Return the samples as a batch, place by place."""
    items = np.zeros((len(samples), length), np.int32)
    types = np.zeros((len(samples), length), np.int8)
    for row, sample in enumerate(samples):
        for place, (item, action_type) in enumerate(histories.get(sample.customer_id, ())):
            items[row, place] = item
            types[row, place] = action_type
    return Batch(
        np.array([sample.item_id for sample in samples], np.int32),
        items,
        types,
        np.array([sample.is_order for sample in samples], np.bool_),
    )


def assert_same(found: Batch, expected: Batch) -> None:
    for name, array in expected._asdict().items():
        other = getattr(found, name)
        assert other.dtype == array.dtype, name
        assert other.flags.c_contiguous, name
        np.testing.assert_array_equal(other, array, err_msg=name)


def numbered_days(folder: Path, rows: Sequence[int]) -> list[date]:
    """Write days whose items are numbered 0, 1, 2 … over all of them; return the days."""
    written, first = [DAY + timedelta(days=number) for number in range(len(rows))], 0
    for day, count in zip(written, rows, strict=True):
        samples = [
            Sample(1 + number % 3, number, number % 2 == 0)
            for number in range(first, first + count)
        ]
        write_export(folder, day, samples, {1: [(7, 1)], 2: []}, 4)
        first += count
    return written


def items(batches: Iterator[Batch]) -> list[list[int]]:
    return [batch.item_id.tolist() for batch in batches]


@settings(max_examples=60)
@given(days(), st.integers(1, 30), st.data())
def test_a_batch_is_the_references_however_histories_are_stored(
    day: tuple[int, list[Sample], dict[int, History], int], blocks: int, data: st.DataObject
) -> None:
    length, samples, histories, shards = day
    numbers = data.draw(st.lists(st.integers(0, len(samples) - 1)))
    with TemporaryDirectory() as folder:
        write_export(Path(folder), DAY, samples, histories, length, shards)
        padded = TrainingDay(Path(folder), DAY, blocks_per_history=1)
        in_blocks = TrainingDay(Path(folder), DAY, blocks_per_history=blocks)
        by_itself = TrainingDay(Path(folder), DAY)
        jagged = TrainingDay(Path(folder), DAY, jagged=True)
    ordered = in_written_order(samples, shards)
    expected = reference([ordered[number] for number in numbers], histories, length)
    assert padded.block_length == length
    assert in_blocks.block_length == -(-length // blocks)
    for stored in (padded, in_blocks, by_itself, jagged):
        assert len(stored) == len(samples)
        assert_same(stored.batch(numbers), expected)
    assert_same(jagged.jagged_batch(numbers).padded(length), expected)


def test_a_customer_with_an_empty_history_and_one_without_a_row_have_zeros(tmp_path: Path) -> None:
    samples = [Sample(1, 10, True), Sample(2, 20, False), Sample(3, 30, True)]
    write_export(tmp_path, DAY, samples, {1: [], 2: [(5, 2), (6, 3)]}, 3)
    batch = TrainingDay(tmp_path, DAY).batch([0, 1, 2])
    assert batch.actions.tolist() == [[0, 0, 0], [5, 6, 0], [0, 0, 0]]
    assert batch.action_types.tolist() == [[0, 0, 0], [2, 3, 0], [0, 0, 0]]
    assert batch.is_order.tolist() == [True, False, True]


def rankings_of(folder: Path, sizes: Sequence[int]) -> list[int]:
    """Write a day of rankings, the n-th shown to customer n, with items numbered from 0.

    Returns:
        For each item the ranking that showed it.
    """
    shown = [ranking for ranking, size in enumerate(sizes) for _ in range(size)]
    samples = [
        Sample(ranking, number, number % 2 == 0, f"r{ranking}")
        for number, ranking in enumerate(shown)
    ]
    histories = {ranking: [(ranking + 1, 1)] * ranking for ranking in range(len(sizes))}
    write_export(folder, DAY, samples, histories, len(sizes))
    return shown


def test_a_jagged_batch_holds_the_history_of_a_ranking_once(tmp_path: Path) -> None:
    rankings_of(tmp_path, [2, 1, 3])
    batch = TrainingDay(tmp_path, DAY, jagged=True).jagged_batch([3, 4, 5, 2, 0, 1])
    assert batch.item_id.tolist() == [3, 4, 5, 2, 0, 1]
    assert batch.ranking.tolist() == [0, 0, 0, 1, 2, 2]
    assert batch.offsets.tolist() == [0, 2, 3, 3]
    assert batch.actions.tolist() == [3, 3, 2]
    assert batch.action_types.tolist() == [1, 1, 1]
    assert batch.is_order.tolist() == [False, True, False, True, True, False]


def test_samples_out_of_their_order_have_the_history_of_their_own_customer(tmp_path: Path) -> None:
    rankings_of(tmp_path, [2, 2])
    batch = TrainingDay(tmp_path, DAY, jagged=True).jagged_batch([3, 2, 1, 3, 3])
    assert batch.ranking.tolist() == [0, 1, 2, 3, 4]
    assert np.diff(batch.offsets).tolist() == [1, 1, 0, 1, 1]
    empty = TrainingDay(tmp_path, DAY, jagged=True).jagged_batch([])
    assert empty.offsets.tolist() == [0]
    assert empty.padded(2).actions.shape == (0, 2)


def test_two_customers_of_one_ranking_have_a_history_each(tmp_path: Path) -> None:
    samples = [Sample(customer, 1, False, "r") for customer in (1, 1, 2)]
    write_export(tmp_path, DAY, samples, {1: [(7, 1)], 2: [(8, 2)]}, 3)
    batch = TrainingDay(tmp_path, DAY, jagged=True).jagged_batch([0, 1, 2])
    assert batch.ranking.tolist() == [0, 0, 1]
    assert batch.actions.tolist() == [7, 8]


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    batch_size=st.integers(1, 12),
    world_size=st.integers(1, 3),
    workers=st.integers(1, 3),
    shuffle=st.booleans(),
    start=st.integers(0, 3),
)
def test_jagged_batches_are_the_padded_ones_shuffled_shared_out_and_resumed(
    sizes: list[int], batch_size: int, world_size: int, workers: int, shuffle: bool, start: int
) -> None:
    with TemporaryDirectory() as folder:
        shown = rankings_of(Path(folder), sizes)
        found: list[int] = []
        for rank in range(world_size):
            padded, jagged = (
                SequenceReader(
                    folder,
                    [DAY],
                    batch_size,
                    shuffle=shuffle,
                    rank=rank,
                    world_size=world_size,
                    jagged=of_rankings,
                    by_ranking=True,
                )
                for of_rankings in (False, True)
            )
            for worker in range(workers):
                place = {"worker": worker, "workers": workers}
                pairs = zip(padded.read(2, **place), jagged.read(2, **place), strict=True)
                for expected, batch in pairs:
                    assert_same(batch.padded(len(sizes)), expected)
                    found += batch.item_id.tolist()
                    in_runs = np.flatnonzero(np.diff([shown[item] for item in batch.item_id]))
                    assert len(batch.offsets) - 1 == len(in_runs) + 1
                resumed = padded.read(2, start=start, **place)
                for expected, batch in zip(
                    resumed, jagged.read(2, start=start, **place), strict=True
                ):
                    assert_same(batch.padded(len(sizes)), expected)
        assert sorted(found) == list(range(len(shown)))


def test_rankings_are_shuffled_and_their_samples_stay_in_order(tmp_path: Path) -> None:
    shown = rankings_of(tmp_path, [3, 1, 4, 2, 5, 1, 2])
    reader = SequenceReader(tmp_path, [DAY], 50, jagged=True, seed=2)
    orders = [items(reader.read(epoch))[0] for epoch in range(3)]
    for order in orders:
        met = list(dict.fromkeys(shown[item] for item in order))
        together = [item for ranking in met for item in range(len(shown)) if shown[item] == ranking]
        assert order == together
    assert orders[0] != orders[1] != orders[2]


def test_what_a_day_was_not_read_for_is_refused(tmp_path: Path) -> None:
    rankings_of(tmp_path, [2])
    with pytest.raises(UsageError, match="jagged=True"):
        TrainingDay(tmp_path, DAY).jagged_batch([0])
    with pytest.raises(UsageError, match="by_ranking=True"):
        TrainingDay(tmp_path, DAY).ranking_starts()
    with pytest.raises(UsageError, match="blocks_per_history does not go with jagged"):
        TrainingDay(tmp_path, DAY, jagged=True, blocks_per_history=2)


def test_a_day_on_which_nobody_has_a_history_is_all_zeros(tmp_path: Path) -> None:
    write_export(tmp_path, DAY, [Sample(1, 10, True)] * 2, {}, 3)
    assert TrainingDay(tmp_path, DAY).batch([1]).actions.tolist() == [[0, 0, 0]]


def test_histories_are_stored_in_the_longest_blocks_that_the_memory_allows(
    tmp_path: Path,
) -> None:
    full, short = [(1, 1)] * 1000, [(2, 2)] * 3
    write_export(tmp_path, DAY, [Sample(2, 1, False)], {1: full, 2: short, 3: short}, 1000)
    lengths, previous = [], 10 * MIB
    while True:
        try:
            day = TrainingDay(tmp_path, DAY, memory_bytes=previous - 1)
        except FootfallError as error:
            assert f"{DAY} needs" in str(error) and "memory_bytes allows" in str(error)
            break
        assert day.memory_bytes < previous
        assert day.batch([0]).actions[0].tolist() == [2] * 3 + [0] * 997
        lengths.append(day.block_length)
        previous = day.memory_bytes
    assert lengths == [250, 100, 50, 20]


@pytest.mark.parametrize("arguments", [{}, {"by_ranking": True}, {"jagged": True}])
def test_the_stated_memory_is_that_of_the_arrays(
    tmp_path: Path, arguments: dict[str, bool]
) -> None:
    samples = [Sample(1 + number % 50, number, False) for number in range(1000)]
    histories = {customer: [(customer, 1)] * customer for customer in range(1, 51)}
    write_export(tmp_path, DAY, samples, histories, 60)
    day = TrainingDay(tmp_path, DAY, **arguments)
    held = sum(array.nbytes for array in vars(day).values() if isinstance(array, np.ndarray))
    order_of_an_epoch = 4 * len(day)
    assert day.memory_bytes == held + order_of_an_epoch


@settings(max_examples=60)
@given(
    rows=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    batch_size=st.integers(1, 25),
    world_size=st.integers(1, 4),
    workers=st.integers(1, 4),
    shuffle=st.booleans(),
)
def test_each_sample_is_read_once_by_any_ranks_and_workers(
    rows: list[int], batch_size: int, world_size: int, workers: int, shuffle: bool
) -> None:
    with TemporaryDirectory() as folder:
        named = numbered_days(Path(folder), rows)
        found: list[int] = []
        for rank in range(world_size):
            reader = SequenceReader(
                folder, named, batch_size, shuffle=shuffle, rank=rank, world_size=world_size
            )
            batches = [
                batch
                for worker in range(workers)
                for batch in items(reader.read(worker=worker, workers=workers))
            ]
            assert len(batches) == len(reader)
            found += chain.from_iterable(batches)
        assert sorted(found) == list(range(sum(rows)))


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.data())
def test_resumed_anywhere_with_any_workers_it_goes_on_as_if_never_stopped(
    batch_size: int, world_size: int, workers: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(0, world_size - 1))
    with TemporaryDirectory() as folder:
        named = numbered_days(Path(folder), [11, 7, 13])
        reader = SequenceReader(folder, named, batch_size, seed=3, rank=rank, world_size=world_size)
        whole = items(reader.read(5))
        start = data.draw(st.integers(0, len(whole)))
        shares = [
            items(reader.read(5, start=start, worker=worker, workers=workers))
            for worker in range(workers)
        ]
    in_turn = [shares[turn % workers][turn // workers] for turn in range(len(whole) - start)]
    assert in_turn == whole[start:]
    assert sum(map(len, shares)) == len(in_turn)


def test_days_come_one_after_another_each_shuffled(tmp_path: Path) -> None:
    named = numbered_days(tmp_path, [50, 30])
    found = list(chain.from_iterable(items(SequenceReader(tmp_path, named, 8).read())))
    assert sorted(found[:50]) == list(range(50))
    assert found[:50] != list(range(50))
    assert found[50:] != list(range(50, 80))
    unshuffled = SequenceReader(tmp_path, named, 8, shuffle=False)
    assert list(chain.from_iterable(items(unshuffled.read()))) == list(range(80))
    backwards = SequenceReader(tmp_path, named[::-1], 30, shuffle=False)
    assert items(backwards.read())[0] == list(range(50, 80))


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    named = numbered_days(tmp_path, [50, 30])
    reader = SequenceReader(tmp_path, named, 8, seed=1)
    first = items(reader.read(0))
    assert items(reader.read(0)) == first
    assert items(SequenceReader(tmp_path, named, 8, seed=1).read(0)) == first
    assert items(reader.read(1)) != first
    assert items(SequenceReader(tmp_path, named, 8, seed=2).read(0)) != first
    one_day_later = [number - 50 for number in chain.from_iterable(first) if number >= 50]
    assert one_day_later != [number for number in chain.from_iterable(first) if number < 30]


def test_without_the_last_batches_all_ranks_make_the_same_full_steps(tmp_path: Path) -> None:
    named = numbered_days(tmp_path, [50, 30])
    readers = [
        SequenceReader(tmp_path, named, 8, drop_last=True, rank=rank, world_size=4)
        for rank in range(4)
    ]
    batches = [items(reader.read()) for reader in readers]
    assert [len(found) for found in batches] == [2] * 4 == [len(reader) for reader in readers]
    flat = list(chain.from_iterable(chain.from_iterable(batches)))
    assert len(flat) == len(set(flat)) == 4 * 2 * 8


def test_only_one_day_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = numbered_days(tmp_path, [5, 5, 5])
    alive: list[date] = []
    most = 0

    class Watched(TrainingDay):
        def __init__(self, folder: Path, day: date, **arguments: int | None) -> None:
            nonlocal most
            super().__init__(folder, day, **arguments)
            alive.append(day)
            most = max(most, len(alive))

        def __del__(self) -> None:
            alive.remove(self.dt)

    monkeypatch.setattr("footfall.sequences.reader.TrainingDay", Watched)
    assert len(items(SequenceReader(tmp_path, named, 2).read())) == 9
    assert most == 1


def test_workers_share_the_memory_that_is_allowed(tmp_path: Path) -> None:
    named = numbered_days(tmp_path, [50])
    needed = TrainingDay(tmp_path, DAY, blocks_per_history=4).memory_bytes
    reader = SequenceReader(tmp_path, named, 8, memory_bytes=2 * needed - 2)
    assert items(reader.read())
    reader = SequenceReader(tmp_path, named, 8, memory_bytes=2 * needed - 2)
    with pytest.raises(FootfallError, match="memory_bytes allows"):
        items(reader.read(workers=2))


def test_without_an_export_the_command_to_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FootfallError) as caught:
        SequenceReader(tmp_path, [DAY], 8)
    assert f"{tmp_path} holds no export of {DAY}" in str(caught.value)
    command = f"footfall export-sequences --date {DAY} --out {tmp_path} --format compact"
    assert command in str(caught.value)


def test_a_padded_export_is_not_taken_for_a_compact_one(tmp_path: Path) -> None:
    (tmp_path / f"_manifest-padded-{DAY}.json").write_text("{}")
    with pytest.raises(FootfallError, match="only a padded export of 2025-08-20"):
        read_manifest(tmp_path, DAY)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    numbered_days(tmp_path, [5])
    (tmp_path / f"_manifest-compact-{DAY}.json").write_text('{"dt": ')
    with pytest.raises(FootfallError, match=f"_manifest-compact-{DAY}.json is damaged"):
        TrainingDay(tmp_path, DAY)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    numbered_days(tmp_path, [5])
    (tmp_path / f"sequences-{DAY}-00000.parquet").unlink()
    with pytest.raises(FootfallError, match=f"sequences-{DAY}-00000.parquet is missing"):
        SequenceReader(tmp_path, [DAY], 8)


def test_a_shard_with_other_rows_than_the_manifest_says_is_named(tmp_path: Path) -> None:
    numbered_days(tmp_path, [5])
    shard = tmp_path / f"samples-{DAY}-00000.parquet"
    pq.write_table(pq.read_table(shard).slice(0, 4), shard)
    with pytest.raises(FootfallError, match=f"{shard.name} has 4 rows, its manifest says 5"):
        TrainingDay(tmp_path, DAY)


@pytest.mark.parametrize("part", ["samples", "sequences"])
def test_a_shard_that_is_no_parquet_or_lacks_a_column_is_named(tmp_path: Path, part: str) -> None:
    numbered_days(tmp_path, [5])
    shard = tmp_path / f"{part}-{DAY}-00000.parquet"
    table = pq.read_table(shard)
    pq.write_table(table.drop_columns(["customer_id"]), shard)
    with pytest.raises(FootfallError, match=f"{shard.name} lacks customer_id"):
        TrainingDay(tmp_path, DAY)
    shard.write_bytes(b"PAR1 is how it begins")
    with pytest.raises(FootfallError, match=f"{shard.name} cannot be read"):
        TrainingDay(tmp_path, DAY)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("customer_id", [1, 1], "a customer has two histories"),
        ("action_count", [1, 5], "a history is longer than the manifest's 4 actions"),
        ("action_count", [1, 1], "a history's length is not its action_count"),
    ],
)
def test_damaged_histories_are_refused(
    tmp_path: Path, column: str, values: list[int], message: str
) -> None:
    numbered_days(tmp_path, [5])
    shard = tmp_path / f"sequences-{DAY}-00000.parquet"
    table = pq.read_table(shard)
    place = table.schema.get_field_index(column)
    field = table.schema.field(column)
    pq.write_table(table.set_column(place, field, pa.array(values, field.type)), shard)
    with pytest.raises(FootfallError, match=message):
        TrainingDay(tmp_path, DAY)


def test_a_day_that_is_exported_again_in_between_is_noticed(tmp_path: Path) -> None:
    numbered_days(tmp_path, [5])
    reader = SequenceReader(tmp_path, [DAY], 2)
    numbered_days(tmp_path, [9])
    with pytest.raises(FootfallError, match="exported again: it had 5 samples, it has 9 now"):
        items(reader.read())


def test_days_of_different_sequence_length_are_refused(tmp_path: Path) -> None:
    write_export(tmp_path, DAY, [Sample(1, 1, True)], {}, 4)
    write_export(tmp_path, NEXT, [Sample(1, 1, True)], {}, 5)
    with pytest.raises(FootfallError, match="different lengths: 4, 5"):
        SequenceReader(tmp_path, [DAY, NEXT], 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, it is 0"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"world_size": 0}, "world_size must be at least 1"),
        ({"rank": 2, "world_size": 2}, "rank must be 0 to 1, it is 2"),
        ({"days": []}, "no day"),
    ],
)
def test_arguments_that_make_no_sense_are_named(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    numbered_days(tmp_path, [5])
    with pytest.raises(UsageError, match=message):
        SequenceReader(tmp_path, **{"days": [DAY], "batch_size": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": -1}, "epoch must be at least 0"),
        ({"start": -1}, "start must be at least 0"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"worker": 2, "workers": 2}, "worker must be 0 to 1, it is 2"),
    ],
)
def test_a_pass_that_makes_no_sense_is_refused_at_once(
    tmp_path: Path, arguments: dict[str, int], message: str
) -> None:
    numbered_days(tmp_path, [5])
    with pytest.raises(UsageError, match=message):
        SequenceReader(tmp_path, [DAY], 2).read(**arguments)


def test_reading_needs_neither_spark_nor_torch() -> None:
    code = (
        "import sys; import footfall.sequences; "
        "print([name for name in ('pyspark', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
