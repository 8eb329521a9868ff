"""What a user of the chip waits for: time to the first token and time per output token.

Both are read from the times at which tokens left the simulated chip; neither is the inverse of the throughput.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.trace.sequences import sequence_starts


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
    """

    first_token_ps: float | None
    output_token_ps: float | None


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
    return Service(
        first_token_ps=float(np.mean(first)) if first else None,
        output_token_ps=float((end[follows] - end[follows - 1]).mean()) if len(follows) else None,
    )
