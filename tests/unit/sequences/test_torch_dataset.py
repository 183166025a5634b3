"""The PyTorch datasets, with and without workers."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from support.compact_export import Sample, write_export

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed; make test TORCH=1 installs it"
)

from torch.utils.data import DataLoader  # noqa: E402

from footfall.errors import FootfallError, UsageError  # noqa: E402
from footfall.sequences.torch import (  # noqa: E402
    JaggedTorchBatch,
    SequenceDataset,
    SequenceStream,
    TorchBatch,
)
from footfall.settings import PROJECT_DIR  # noqa: E402

DAYS = [date(2025, 8, 20) + timedelta(days=number) for number in range(3)]
ROWS = [23, 9, 31]
LENGTH = 4
HISTORIES = {1: [(7, 1), (8, 3)], 2: []}
WORKERS = [0, 1, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days whose items are numbered 0, 1, 2 … over all of them."""
    written, first = tmp_path_factory.mktemp("export"), 0
    for day, rows in zip(DAYS, ROWS, strict=True):
        samples = [
            Sample(1 + number % 3, number, number % 2 == 0) for number in range(first, first + rows)
        ]
        write_export(written, day, samples, HISTORIES, LENGTH, shards=2)
        first += rows
    return written


def stream_of(folder: Path, **arguments: Any) -> SequenceStream:
    return SequenceStream(folder, DAYS, **{"batch_size": 4, "seed": 1, **arguments})


def loader_of(stream: SequenceStream, workers: int, **arguments: Any) -> Any:
    return DataLoader(stream, batch_size=None, num_workers=workers, **arguments)


def items(batches: Iterable[TorchBatch]) -> list[list[int]]:
    return [batch.item_id.tolist() for batch in batches]


def assert_is_sample(batch: TorchBatch, row: int) -> None:
    """Check a sample by its item's number, which says its customer and label."""
    number = int(batch.item_id[row])
    history = HISTORIES.get(1 + number % 3, [])
    padding = [(0, 0)] * (LENGTH - len(history))
    found = zip(batch.actions[row].tolist(), batch.action_types[row].tolist(), strict=True)
    assert list(found) == history + padding
    assert float(batch.is_order[row]) == (number % 2 == 0)


def test_a_batch_holds_the_tensors_of_its_samples(folder: Path) -> None:
    for batch in stream_of(folder):
        rows = len(batch.item_id)
        assert batch.item_id.dtype == batch.actions.dtype == torch.int32
        assert batch.action_types.dtype == torch.int8
        assert batch.is_order.dtype == torch.float32
        assert batch.actions.shape == batch.action_types.shape == (rows, LENGTH)
        assert batch.is_order.shape == (rows,)
        for row in range(rows):
            assert_is_sample(batch, row)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_loader_yields_the_same_batches_whatever_its_workers(folder: Path, workers: int) -> None:
    stream = stream_of(folder)
    expected = items(stream)
    found = list(loader_of(stream, workers))
    assert items(found) == expected
    assert len(found) == len(stream)
    assert sorted(chain.from_iterable(expected)) == list(range(sum(ROWS)))
    assert_is_sample(found[-1], 0)


@pytest.mark.parametrize("workers", WORKERS)
def test_ranks_share_the_samples_without_overlap_or_loss(folder: Path, workers: int) -> None:
    found = [
        items(loader_of(stream_of(folder, rank=rank, world_size=3), workers)) for rank in range(3)
    ]
    everything = chain.from_iterable(chain.from_iterable(found))
    assert sorted(everything) == list(range(sum(ROWS)))


@pytest.mark.parametrize("persistent", [False, True])
def test_each_epoch_has_an_order_of_its_own_in_workers_too(folder: Path, persistent: bool) -> None:
    stream = stream_of(folder)
    loader = loader_of(stream, 2, persistent_workers=persistent)
    epochs = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        epochs.append(items(loader))
    assert epochs[0] == epochs[2] != epochs[1]
    assert sorted(chain.from_iterable(epochs[1])) == list(range(sum(ROWS)))
    alone = stream_of(folder)
    alone.set_epoch(1)
    assert items(alone) == epochs[1]


@pytest.mark.parametrize(("workers", "resumed_workers"), [(0, 0), (0, 1), (2, 0), (1, 2)])
@pytest.mark.parametrize("taken", [7, 17])
def test_a_resumed_epoch_goes_on_where_it_stopped(
    folder: Path, workers: int, resumed_workers: int, taken: int
) -> None:
    stream = stream_of(folder)
    stream.set_epoch(3)
    whole = items(stream)
    assert len(whole) == 17
    batches = iter(loader_of(stream, workers))
    for _ in range(taken):
        next(batches)
    state = stream.state_dict(batches=taken if workers else None)
    del batches

    resumed = stream_of(folder)
    resumed.load_state_dict(pickle.loads(pickle.dumps(state)))
    assert resumed.epoch == 3
    assert items(loader_of(resumed, resumed_workers)) == whole[taken:]
    resumed.set_epoch(4)
    assert sorted(chain.from_iterable(items(loader_of(resumed, resumed_workers)))) == list(
        range(sum(ROWS))
    )


@pytest.mark.parametrize("workers", WORKERS)
def test_a_jagged_loader_yields_the_padded_batches_resumed_too(folder: Path, workers: int) -> None:
    padded = list(loader_of(stream_of(folder, by_ranking=True), 0))
    stream = stream_of(folder, jagged=True)
    whole = list(loader_of(stream, workers))
    stream.load_state_dict(stream.state_dict(batches=5))
    resumed = list(loader_of(stream, workers))
    assert len(whole) == len(padded) == len(resumed) + 5
    for batch, expected in zip([*whole, *resumed], [*padded, *padded[5:]], strict=True):
        assert isinstance(batch, JaggedTorchBatch)
        for found, tensor in zip(batch.padded(LENGTH), expected, strict=True):
            assert found.dtype == tensor.dtype
            assert torch.equal(found, tensor)


def test_a_jagged_batch_is_a_nested_tensor_of_its_histories(folder: Path) -> None:
    batch = next(iter(stream_of(folder, jagged=True, shuffle=False)))
    nested = torch.nested.nested_tensor_from_jagged(batch.actions, batch.offsets)
    of_samples = [nested.unbind()[ranking].tolist() for ranking in batch.ranking]
    expected = [HISTORIES.get(1 + item % 3, []) for item in batch.item_id.tolist()]
    assert of_samples == [[action for action, _ in history] for history in expected]


@pytest.mark.parametrize("jagged", [False, True])
def test_batches_are_in_page_locked_memory_where_there_is_a_gpu(folder: Path, jagged: bool) -> None:
    stream = stream_of(folder, jagged=jagged)
    expected = list(stream)
    # Without a GPU PyTorch warns, and passes the batches on as they are.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = list(loader_of(stream, 0, pin_memory=True))
    for batch, other in zip(found, expected, strict=True):
        assert type(batch) is type(other)
        for tensor, as_read in zip(batch, other, strict=True):
            assert tensor.is_pinned() == torch.cuda.is_available()
            assert torch.equal(tensor, as_read)


def test_a_state_of_version_0_1_goes_on(folder: Path) -> None:
    stream = stream_of(folder)
    state = stream.state_dict(batches=3)
    del state["by_ranking"]
    stream.load_state_dict(state)
    assert len(items(stream)) == len(stream) - 3
    with pytest.raises(UsageError, match="its by_ranking is False, here it is True"):
        stream_of(folder, jagged=True).load_state_dict(state)


def test_a_resumed_epoch_can_be_resumed_again(folder: Path) -> None:
    whole = items(stream_of(folder))
    found, state = [], stream_of(folder).state_dict()
    for _ in range(4):
        stream = stream_of(folder)
        stream.load_state_dict(state)
        assert stream.state_dict() == state
        batches = iter(stream)
        found += [next(batches).item_id.tolist() for _ in range(3)]
        state = stream.state_dict()
    assert found == whole[:12]


def test_where_workers_read_the_batches_taken_must_be_said(folder: Path) -> None:
    stream = stream_of(folder)
    batches = iter(loader_of(stream, 1))
    next(batches)
    with pytest.raises(UsageError, match="batches=") as caught:
        stream.state_dict()
    assert "Workers read this stream" in str(caught.value)
    assert stream.state_dict(batches=1)["start"] == 1
    del batches
    stream.set_epoch(1)
    assert stream.state_dict()["start"] == 0


def test_without_workers_a_position_is_spent_by_one_pass(folder: Path) -> None:
    stream = stream_of(folder)
    whole = items(stream)
    stream.load_state_dict(stream.state_dict(batches=10))
    assert items(stream) == whole[10:]
    assert items(stream) == whole


def test_a_position_holds_only_for_its_epoch(folder: Path) -> None:
    stream = stream_of(folder)
    stream.load_state_dict(stream.state_dict(batches=10))
    stream.set_epoch(0)
    assert len(items(stream)) == len(stream) - 10
    stream.load_state_dict(stream.state_dict(batches=10))
    stream.set_epoch(1)
    assert len(items(stream)) == len(stream)


def test_the_copies_in_workers_resume_by_states_of_their_own(folder: Path) -> None:
    """What a stateful loader does: it asks and tells each worker's copy."""
    whole = items(stream_of(folder))

    def in_worker(worker: int, state: dict[str, Any] | None, take: int) -> tuple[Any, Any]:
        """Take batches as worker of 2; return them and the state."""
        copied = copy.deepcopy(stream_of(folder))
        info = type("Info", (), {"id": worker, "num_workers": 2})()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("footfall.sequences.torch.get_worker_info", lambda: info)
            if state:
                copied.load_state_dict(state)
            batches = iter(copied)
            return [next(batches).item_id.tolist() for _ in range(take)], copied.state_dict()

    first = [in_worker(worker, None, 3) for worker in range(2)]
    second = [in_worker(worker, first[worker][1], 2) for worker in range(2)]
    assert first[0][0] + second[0][0] == whole[0:10:2]
    assert first[1][0] + second[1][0] == whole[1:10:2]
    with pytest.raises(UsageError, match="worker 1 of 2"):
        stream_of(folder).load_state_dict(first[1][1])


@pytest.mark.parametrize(
    "arguments", [{"seed": 2}, {"batch_size": 5}, {"shuffle": False}, {"rank": 0, "world_size": 2}]
)
def test_a_state_of_another_stream_is_refused(folder: Path, arguments: dict[str, Any]) -> None:
    state = stream_of(folder).state_dict()
    with pytest.raises(UsageError, match=f"another stream: its {list(arguments)[-1]} is"):
        stream_of(folder, **arguments).load_state_dict(state)


def test_a_rank_without_a_world_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="rank and world_size go together"):
        stream_of(folder, rank=0)


def test_rank_and_world_are_those_of_torch_distributed(folder: Path, tmp_path: Path) -> None:
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch was built without torch.distributed")
    torch.distributed.init_process_group(
        "gloo", init_method=(tmp_path / "meeting").as_uri(), rank=0, world_size=1
    )
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.distributed, "get_rank", lambda: 1)
            patch.setattr(torch.distributed, "get_world_size", lambda: 2)
            second = items(stream_of(folder))
    finally:
        torch.distributed.destroy_process_group()
    assert second == items(stream_of(folder, rank=1, world_size=2))
    assert second == items(stream_of(folder))[1::2]


@pytest.mark.parametrize("workers", WORKERS)
def test_a_days_samples_are_fetched_by_number(folder: Path, workers: int) -> None:
    dataset = SequenceDataset(folder, DAYS[2])
    loader = DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=dataset.collate)
    found = list(loader)
    numbers = list(chain.from_iterable(items(found)))
    assert len(dataset) == ROWS[2]
    assert sorted(numbers) == list(range(sum(ROWS[:2]), sum(ROWS)))
    assert [len(batch.item_id) for batch in found] == [4] * 7 + [3]
    for batch in found:
        for row in range(len(batch.item_id)):
            assert_is_sample(batch, row)


def test_a_shuffled_loader_reads_each_sample_once(folder: Path) -> None:
    dataset = SequenceDataset(folder, DAYS[0])
    order = torch.Generator().manual_seed(5)
    loader = DataLoader(
        dataset, batch_size=4, shuffle=True, generator=order, collate_fn=dataset.collate
    )
    first, second = (list(chain.from_iterable(items(loader))) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(ROWS[0]))
    assert first != second


def test_one_sample_is_a_row_of_a_batch(folder: Path) -> None:
    dataset = SequenceDataset(folder, DAYS[0])
    batch = dataset.__getitems__([3, 1, 3])
    singles = SequenceDataset.collate([dataset[3], dataset[1], dataset[3]])
    for one, other in zip(batch, singles, strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    with pytest.raises(IndexError):
        dataset[ROWS[0]]


def test_a_dataset_travels_without_its_data_and_reads_it_again(folder: Path) -> None:
    dataset = SequenceDataset(folder, DAYS[0])
    before = dataset[5]
    sent = pickle.dumps(dataset)
    assert len(sent) < 2000
    assert [part.tolist() for part in pickle.loads(sent)[5]] == [part.tolist() for part in before]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_days_error_reaches_the_trainer(tmp_path: Path, workers: int) -> None:
    write_export(tmp_path, DAYS[0], [Sample(1, 1, True)] * 9, HISTORIES, LENGTH)
    stream = SequenceStream(tmp_path, DAYS[:1], 4, memory_bytes=10)
    with pytest.raises(FootfallError, match="memory_bytes allows"):
        list(loader_of(stream, workers))


def test_without_torch_the_package_to_install_is_named(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError(\"No module named 'torch'\")\n")
    code = (
        "try:\n    import footfall.sequences.torch\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "MissingTorch footfall.sequences.torch needs PyTorch" in done.stdout
    assert "pip install 'footfall[torch]'" in done.stdout
