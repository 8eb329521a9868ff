"""Whether a trace fits a chip, in one line."""

import pandas as pd

from simulator.mapping.fit import Fit
from simulator.report.fit_verdict import LARGEST_MACHINE, fit_verdict, many_chips

ROWS = pd.DataFrame(
    {"owner": ["a", "b"], "axon_util": [0.2, 0.9], "neuron_util": [0.95, 0.1], "sram_util": [0.3, 0.94]}
)


def fit(cores_used, cores_total, n_chips):
    return Fit(ROWS, pd.DataFrame(), cores_used, cores_total, n_chips)


def test_one_chip():
    text = fit_verdict(fit(32, 128, 1), ROWS)
    assert text == "fits one chip: 32 of 128 cores (25.0%); fullest is a, 95.0% of the neurons of a core"


def test_several_chips():
    text = fit_verdict(fit(192, 256, 2), ROWS[1:])
    assert text == (
        "does not fit one chip, needs 2 chips: 192 of 256 cores (75.0%); fullest is b, 94.0% of the SRAM of a core"
    )


def test_more_chips_than_the_largest_machine_are_warned_of():
    assert many_chips(LARGEST_MACHINE) == ()
    (line,) = many_chips(LARGEST_MACHINE + 1)
    assert line.startswith("1153 chips are needed; Hala Point")
