"""Train a small transformer on compact exports, one pass over each day in order.

    python examples/train_ranker.py FOLDER --first 2025-08-01 --days 14

The loss of a day is measured before the model learns from each batch, so it tells how well the
days before predict it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from footfall.sequences.torch import SequenceStream, TorchBatch

ACTION_TYPES = 3


class Ranker(nn.Module):
    """Says how likely each shown item is ordered, given its customer's history.

    Args:
        sequence_length: L, the length of the histories.
        buckets: rows of the item embedding; items share rows by their remainder.
        width: size of the embeddings.
        layers: encoder layers.
        heads: attention heads; they divide ``width``.
    """

    def __init__(
        self,
        sequence_length: int,
        buckets: int = 100_000,
        width: int = 32,
        layers: int = 1,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.buckets = buckets
        self.item = nn.Embedding(buckets + 1, width, padding_idx=0)
        self.action_type = nn.Embedding(ACTION_TYPES + 1, width, padding_idx=0)
        self.place = nn.Parameter(torch.zeros(sequence_length, width))
        self.shown = nn.Parameter(torch.zeros(width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.logit = nn.Linear(2 * width, 1)

    def forward(self, impressions: Tensor, actions: Tensor, action_types: Tensor) -> Tensor:
        """Return the logit of each sample, float32 [B].

        Args:
            impressions: the items shown, int [B].
            actions: items acted on, newest first, int [B, L], 0 where there is none.
            action_types: what was done with each, int [B, L], 0 where there is none.
        """
        shown = self.item(self._bucket(impressions)) + self.shown
        history = self.item(self._bucket(actions)) + self.action_type(action_types.int())
        tokens = torch.cat([shown[:, None], history + self.place], dim=1)
        nothing = torch.cat([torch.zeros_like(actions[:, :1]).bool(), actions == 0], dim=1)
        encoded = self.encoder(tokens, src_key_padding_mask=nothing)[:, 0]
        logits: Tensor = self.logit(torch.cat([encoded, shown], dim=1))
        return logits[:, 0]

    def _bucket(self, items: Tensor) -> Tensor:
        return torch.where(items > 0, items % self.buckets + 1, 0)


def train_on(
    model: Ranker, optimizer: torch.optim.Optimizer, batches: Iterable[TorchBatch]
) -> float:
    """Learn from each batch once and return the mean loss before it, in nats per sample."""
    device = next(model.parameters()).device
    total, samples = 0.0, 0
    for batch in batches:
        item_id, actions, action_types, is_order = (part.to(device) for part in batch)
        logits = model(item_id, actions, action_types)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, is_order)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(is_order)
        samples += len(is_order)
    return total / samples


def train(
    folder: Path,
    days: Sequence[date],
    *,
    batch_size: int = 1024,
    learning_rate: float = 1e-3,
    buckets: int = 100_000,
    workers: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> tuple[Ranker, list[float]]:
    """Train a new model on the days in order.

    Args:
        folder: where ``footfall export-sequences --format compact`` wrote the days.
        days: one epoch each.
        batch_size: samples of a step.
        learning_rate: AdamW's.
        buckets: rows of the item embedding.
        workers: processes that read; 0 to read in this one.
        seed: of the weights and the samples' order.
        device: where the model lies.

    Returns:
        the model and each day's loss, in nats per sample, before the model learnt from it.
    """
    torch.manual_seed(seed)
    streams = [SequenceStream(folder, [day], batch_size, seed=seed) for day in days]
    model = Ranker(streams[0].sequence_length, buckets).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), learning_rate)
    losses = []
    for day, stream in zip(days, streams, strict=True):
        loader = DataLoader(stream, batch_size=None, num_workers=workers)
        losses.append(train_on(model, optimizer, loader))
        print(f"{day}: {len(stream)} steps, loss {losses[-1]:.4f}")
    return model, losses


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the compact exports.")],
    first: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day.")],
    days: Annotated[int, typer.Option(help="How many days.")] = 14,
    batch_size: Annotated[int, typer.Option(help="Samples of a step.")] = 1024,
    workers: Annotated[int, typer.Option(help="Processes that read.")] = 0,
    seed: Annotated[int, typer.Option(help="Of weights and order.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Where to save the weights.")] = None,
) -> None:
    """Train on the days in order and print each day's loss."""
    named = [first.date() + timedelta(days=number) for number in range(days)]
    model, _ = train(folder, named, batch_size=batch_size, workers=workers, seed=seed)
    if out:
        torch.save(model.state_dict(), out)


if __name__ == "__main__":
    typer.run(main)
