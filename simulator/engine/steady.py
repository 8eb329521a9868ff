"""The steady state of a run: what one more token takes while the chip is full, filling and draining apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Steady:
    """The steady state.

    Attributes
    ----------
    time_per_token_ps
        Pipelined: mean time of the rounds in which the pipeline is full, for a token leaves in each. Sequential: mean
        time of a token.
    rounds_per_token
        Rounds of the whole pipeline over its tokens, those that fill and drain it included; None where tokens are
        sequential.
    error_ps
        Standard error of ``time_per_token_ps``, where the network is simulated for some tokens; None where too few of
        them say it.
    filled
        Whether the pipeline was ever full. If not, the rounds with most stages at work are taken: a lower bound.
    """

    time_per_token_ps: float
    rounds_per_token: float | None
    error_ps: float | None = 0.0
    filled: bool = True

    @property
    def pipelined(self) -> bool:
        """Whether tokens follow one another in rounds."""
        return self.rounds_per_token is not None
