"""The example trainer learns what histories say, and nothing where they say nothing."""

from __future__ import annotations

import importlib.util
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from footfall.settings import PROJECT_DIR
from support.compact_export import History, Sample, write_export

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed; make test TORCH=1 installs it"
)

SCRIPT = PROJECT_DIR / "examples" / "train_ranker.py"
DAYS = [date(2025, 8, 1) + timedelta(days=number) for number in range(14)]
CUSTOMERS = 400
SAMPLES = 2000
LENGTH = 12
GROUPS = 5
ITEMS = range(1, 31)
CHANCE = {True: 0.9, False: 0.1}
"""Of an order, by whether the item's group is among the customer's actions."""


def group_of(item: int) -> int:
    return item % GROUPS


def history_of(rng: random.Random) -> History:
    """Return actions on items of two groups; one customer in ten has none."""
    liked = rng.sample(range(GROUPS), 2)
    choice = [item for item in ITEMS if group_of(item) in liked]
    length = 0 if rng.random() < 0.1 else rng.randint(3, LENGTH)
    return [(rng.choice(choice), rng.randint(1, 3)) for _ in range(length)]


def sample_of(rng: random.Random, histories: dict[int, History]) -> Sample:
    customer, item = rng.randrange(CUSTOMERS), rng.choice(ITEMS)
    fits = group_of(item) in {group_of(acted) for acted, _ in histories[customer]}
    return Sample(customer, item, rng.random() < CHANCE[fits])


def write_days(folder: Path, *, shuffled: bool) -> float:
    """Write the days; where shuffled, with each history at another customer.

    Returns:
        The entropy of the last day's labels, in nats: the loss of who only knows their rate.
    """
    rng = random.Random(11)
    for day in DAYS:
        histories = {customer: history_of(rng) for customer in range(CUSTOMERS)}
        samples = [sample_of(rng, histories) for _ in range(SAMPLES)]
        written = histories
        if shuffled:
            owners = rng.sample(range(CUSTOMERS), CUSTOMERS)
            written = dict(zip(owners, histories.values(), strict=True))
        write_export(folder, day, samples, written, LENGTH)
    rate = sum(sample.is_order for sample in samples) / len(samples)
    return -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)


@pytest.fixture(scope="module")
def trainer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_ranker", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def losses(trainer: ModuleType, folder: Path) -> Sequence[float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _, found = trainer.train(
            folder, DAYS, batch_size=64, learning_rate=3e-3, buckets=64, seed=1
        )
    finally:
        torch.set_num_threads(threads)
    return found


def test_the_loss_falls_below_the_base_rate_where_histories_tell(
    trainer: ModuleType, tmp_path: Path
) -> None:
    entropy = write_days(tmp_path, shuffled=False)
    found = losses(trainer, tmp_path)
    assert len(found) == len(DAYS)
    assert found[0] > 0.9 * entropy
    assert found[-1] < 0.7 * entropy


def test_the_loss_stays_at_the_base_rate_where_histories_are_anothers(
    trainer: ModuleType, tmp_path: Path
) -> None:
    entropy = write_days(tmp_path, shuffled=True)
    assert min(losses(trainer, tmp_path)[-3:]) > 0.95 * entropy


def test_the_same_seed_gives_the_same_losses(trainer: ModuleType, tmp_path: Path) -> None:
    for day in DAYS:
        write_export(tmp_path, day, [Sample(1, 1 + n, n % 3 == 0) for n in range(90)], {}, LENGTH)
    assert losses(trainer, tmp_path) == losses(trainer, tmp_path)


def test_an_empty_history_gives_a_number(trainer: ModuleType) -> None:
    zeros = torch.zeros(2, LENGTH, dtype=torch.int32)
    logits = trainer.Ranker(LENGTH, 10)(torch.tensor([3, 12]), zeros, zeros.to(torch.int8))
    assert logits.shape == (2,)
    assert torch.isfinite(logits).all()


def test_the_command_trains_and_saves_the_weights(tmp_path: Path) -> None:
    for day in DAYS[:2]:
        write_export(tmp_path, day, [Sample(1, 1, True), Sample(2, 2, False)], {1: [(5, 1)]}, 3)
    saved = tmp_path / "model.pt"
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, "--first", "2025-08-01", "--days", "2", "--out", saved],
        env={"PYTHONPATH": str(PROJECT_DIR / "python_jobs"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line[:10] for line in done.stdout.splitlines()] == ["2025-08-01", "2025-08-02"]
    assert "logit.weight" in torch.load(saved, weights_only=True)
