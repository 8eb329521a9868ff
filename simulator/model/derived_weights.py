"""Weights that are made from those of a checkpoint when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping

from simulator.arrays import F32
from simulator.model.checkpoint import Checkpoint


class DerivedWeights(Mapping[str, F32]):
    """The weights of a checkpoint after a change; those of a small model are changed once and kept.

    Attributes
    ----------
    rotation
        Rotation of the coordinates that the weights have, `preset.Rotation`.
    """

    def __init__(self, checkpoint: Checkpoint, rotation: str | None = None) -> None:
        """``rotation``: that of the change; None: the change leaves that of the checkpoint."""
        self._checkpoint = checkpoint
        self.rotation = rotation or getattr(checkpoint.weights, "rotation", "none")
        self._kept: dict[str, F32] = {}

    def __len__(self) -> int:
        return len(self._checkpoint.weights)

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoint.weights)

    def __getitem__(self, weight_id: str) -> F32:
        """The changed weight, float32, of the shape that the checkpoint has."""
        if weight_id not in self._kept:
            made = self._made(weight_id)
            if not self._checkpoint.kept:
                return made
            self._kept.setdefault(weight_id, made)
        return self._kept[weight_id]

    @abstractmethod
    def _made(self, weight_id: str) -> F32:
        """The weight after the change."""
