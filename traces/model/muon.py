"""Muon in float32: momentum whose step for a matrix is made orthogonal (Jordan et al. 2024, "Muon").

`torch.optim.Muon` iterates in bfloat16, which a CPU without such instructions emulates: there it took longer than the
forward and backward pass together.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Coefficients of the quintic Newton-Schulz iteration, as its authors publish them.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalized(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Return about the nearest (semi-)orthogonal matrix."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """Muon with decoupled weight decay and steps scaled to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982)."""

    def __init__(self, params: list[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step for all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalized(p.grad.lerp(momentum, group["momentum"]))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)
