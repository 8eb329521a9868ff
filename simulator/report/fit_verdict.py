"""Whether a trace fits a chip, in one line, and a word on more chips than any machine has."""

from __future__ import annotations

import pandas as pd

from simulator.mapping.fit import Fit
from simulator.report.format import format_chips, format_share

LARGEST_MACHINE = 1152  # chips of Hala Point (Intel, 17 April 2024)
LIMITS = {"axon_util": "axons", "neuron_util": "neurons", "sram_util": "SRAM"}


def fit_verdict(found: Fit, rows: pd.DataFrame) -> str:
    """Chips and cores that ``found`` takes, and which row of ``rows`` fills which limit of a core most."""
    head = "fits one chip" if found.n_chips == 1 else f"does not fit one chip, needs {format_chips(found.n_chips)}"
    share = format_share(found.cores_used / found.cores_total)
    limit = str(rows[list(LIMITS)].max().idxmax())
    fullest = rows.sort_values(limit, ascending=False, kind="stable").iloc[0]
    return (
        f"{head}: {found.cores_used} of {found.cores_total} cores ({share}); fullest is {fullest['owner']},"
        f" {format_share(float(fullest[limit]))} of the {LIMITS[limit]} of a core"
    )


def many_chips(n_chips: int) -> tuple[str, ...]:
    """A warning where a mapping takes more chips than the largest machine that was built of Loihi chips."""
    if n_chips <= LARGEST_MACHINE:
        return ()
    return (
        f"{n_chips} chips are needed; Hala Point, the largest machine of Loihi 2 chips, has {LARGEST_MACHINE}."
        " Racks, cooling and links between boards are not modelled: use fewer bits, a smaller model or a larger core",
    )
