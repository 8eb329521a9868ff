"""What a user of the chip waits for: time to the first token, time per output token, tokens per second.

Each is read from the times at which tokens left the simulated chip, none is made from another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.engine.schedule import sequence_starts

PS_PER_S = 1_000_000_000_000


@dataclass(frozen=True)
class Service:
    """Times of a run as its user sees them.

    Attributes
    ----------
    first_token_ps
        From the start of a sequence to the end of the last token of its prompt, whose output is the first new token;
        mean over the sequences that have a prompt in the trace; None without any.
    output_token_ps
        From the end of one token to the end of the decoded one that follows it; mean over the decoded tokens whose
        predecessor is in the trace; None without any.
    tokens_per_s
        Tokens of the trace over the time from the first start to the last end; None when no time passed.
    """

    first_token_ps: float | None
    output_token_ps: float | None
    tokens_per_s: float | None


def service(tokens: pd.DataFrame) -> Service:
    """The service times of `SimResult.tokens`."""
    start, end = tokens["start_ps"].to_numpy(), tokens["end_ps"].to_numpy()
    decoded = (tokens["phase"] == "decode").to_numpy()
    begins = sequence_starts(tokens["position"].to_numpy())
    first = [
        end[sequence[~decoded[sequence]][-1]] - start[sequence[0]]
        for sequence in np.split(np.arange(len(tokens)), np.flatnonzero(begins)[1:])
        if not decoded[sequence[0]]
    ]
    follows = np.flatnonzero(decoded & ~begins)
    elapsed = int(end.max() - start.min())
    return Service(
        first_token_ps=float(np.mean(first)) if first else None,
        output_token_ps=float((end[follows] - end[follows - 1]).mean()) if len(follows) else None,
        tokens_per_s=len(tokens) * PS_PER_S / elapsed if elapsed else None,
    )
