"""What a paper's printed energies say: the same digits, the formula that fits, what contradicts itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from simulator.energy.arithmetic import evaluate
from simulator.energy.claim_file import GIGA, UNIT_J, ClaimFile, Printed, PrintedEnergy, PrintedRatio, load_claim
from simulator.energy.claims import op_energy_j
from simulator.energy.cmos45 import PRESETS, OpEnergy, scaled_ac, scaled_mac
from simulator.errors import ConfigError
from simulator.shipped import shipped_claims

if TYPE_CHECKING:
    import pandas as pd

LINEAR = re.compile(r"linear-(\d{1,2})")
SCALED_BITS = (8, 6, 4, 2)  # widths that are tried by linear scaling from 32 bits
POWER_TOLERANCE = 0.05  # of a printed number that is a power of ten off
COUNT_TOLERANCE = 1e-3  # of printed counts against those of the shape


class Verdict(NamedTuple):
    """One printed number.

    Attributes
    ----------
    name, printed, unit
        As the paper has it.
    ours
        The same quantity by the stated formula, in the same unit; None where the paper gives too little.
    digits
        Of the printed number, after the point.
    finding
        In words: the same digits, or by how much it differs, which formula fits, what it implies.
    same
        Whether the printed digits come out; None without a number of ours.
    """

    name: str
    printed: str
    unit: str
    ours: float | None
    digits: int
    finding: str
    same: bool | None


def op_energy(precision: str) -> OpEnergy:
    """Energies of ``fp32``, ``fp16``, ``int8`` or ``linear-BITS``; raises ConfigError for another word."""
    if precision in PRESETS:
        return {str(name): energy for name, energy in PRESETS.items()}[precision]
    if (found := LINEAR.fullmatch(precision)) and 1 <= int(found.group(1)) <= 32:
        return OpEnergy(scaled_mac(int(found.group(1))), scaled_ac(int(found.group(1))))
    expected = f"expected one of {', '.join(PRESETS)} or linear-BITS such as linear-4"
    raise ConfigError([f"precision: found '{precision}', {expected}"])


def verdicts(claim: ClaimFile) -> tuple[Verdict, ...]:
    """One verdict for each printed energy and ratio, in the order of the file.

    Raises
    ------
    ConfigError
        For a precision or a formula that cannot be read.
    """
    names = _names(claim)
    found = []
    for energy in claim.energies:
        verdict = _energy_verdict(claim, energy, names)
        found.append(verdict)
        names[_plain(energy.name)] = energy.value * UNIT_J[energy.unit]
    return (*found, *(_ratio_verdict(claim, ratio, names) for ratio in claim.ratios))


def contradictions(claim: ClaimFile) -> Iterator[str]:
    """What the numbers of a claim say against each other, and what others reported."""
    for verdict in verdicts(claim):
        if verdict.same is False:
            yield f"{verdict.name}: {verdict.finding}"
    printed = {energy.name: energy.value * UNIT_J[energy.unit] for energy in claim.energies}
    for energy in claim.energies:
        if claim.macs is not None and energy.macs_g and not energy.spiking:
            off = energy.macs_g * GIGA / claim.macs - 1
            if abs(off) > COUNT_TOLERANCE:
                yield f"{energy.name}: {energy.macs_g:g} G MAC are {off:+.1%} off those of the shape, {claim.macs:.5g}"
    for pair in claim.scopes:
        ratio = printed[pair.of] / printed[pair.over]
        yield f"{pair.of} is {ratio:,.0f} times {pair.over}: figures of different scope, not to be compared"
    for text in claim.reported:
        yield f"reported by others: {text}"


def implied_spikes_per_mac(claim: ClaimFile) -> float | None:
    """Spikes per multiply-accumulate: stated, counted, or read backwards from the printed energy."""
    if claim.spikes_per_mac is not None:
        return claim.spikes_per_mac
    for energy in claim.energies:
        if energy.spiking and claim.macs:
            if energy.acs_g is not None:
                return energy.acs_g * GIGA / claim.macs
            if energy.precision is not None:
                acs = energy.value * UNIT_J[energy.unit] / (op_energy(energy.precision).ac_pj * 1e-12)
                return acs / claim.macs
    return None


def claims_table() -> pd.DataFrame:
    """Every printed number of the shipped claims.

    Columns: ``quantity, source, shape, L, T, counted, published, ours, difference``.
    """
    import pandas as pd

    rows = []
    for path in shipped_claims().values():
        claim = load_claim(path)
        shape = claim.shape if isinstance(claim.shape, str) else "-" if claim.shape is None else "own"
        length, steps = claim.tokens or "-", claim.timesteps or "-"
        for v in verdicts(claim):
            ours = "-" if v.ours is None else f"{v.ours:.{v.digits + 2}f} {v.unit}".strip()
            about = (f"{claim.name}: {v.name}", claim.source, shape, length, steps, claim.counted.words)
            rows.append((*about, f"{v.printed} {v.unit}".strip(), ours, v.finding))
    columns = ["quantity", "source", "shape", "L", "T", "counted", "published", "ours", "difference"]
    return pd.DataFrame(rows, columns=columns)


def verdict_table(claim: ClaimFile) -> pd.DataFrame:
    """The verdicts of one claim: ``name, printed, ours, finding``."""
    import pandas as pd

    rows = [
        (v.name, f"{v.printed} {v.unit}".strip(), "-" if v.ours is None else f"{v.ours:.{v.digits + 2}f}", v.finding)
        for v in verdicts(claim)
    ]
    return pd.DataFrame(rows, columns=["name", "printed", "ours", "finding"])


def _energy_verdict(claim: ClaimFile, energy: PrintedEnergy, names: dict[str, float]) -> Verdict:
    if energy.formula is not None:
        scale = UNIT_J[energy.unit]
        ours = _evaluated(energy.formula, names, f"{energy.name}: formula") * (1e-12 / scale)
        return _compared(energy, energy.unit, ours, "")
    counts = _counts(claim, energy)
    if counts is None:
        return _without_counts(claim, energy)
    macs, acs = counts
    stated = energy.precision or "fp32"
    ours = _joule(macs, acs, op_energy(stated)) / UNIT_J[energy.unit]
    if _same(energy, ours):
        return _compared(energy, energy.unit, ours, f" with {stated}")
    fits = [
        name
        for name in (*PRESETS, *(f"linear-{bits}" for bits in SCALED_BITS))
        if _same(energy, _joule(macs, acs, op_energy(name)) / UNIT_J[energy.unit])
    ]
    words = f"; {fits[0]} fits the printed digits, not {stated}" if fits else f"; no published formula fits {stated}"
    return _compared(energy, energy.unit, ours, words)


def _counts(claim: ClaimFile, energy: PrintedEnergy) -> tuple[float, float] | None:
    """Multiply-accumulates and accumulates behind a printed energy, or None where they are not known."""
    if energy.macs_g is not None or energy.acs_g is not None:
        return (energy.macs_g or 0.0) * GIGA, (energy.acs_g or 0.0) * GIGA
    if claim.macs is None:
        return None
    if not energy.spiking:
        return float(claim.macs), 0.0
    return None if claim.spikes_per_mac is None else (0.0, claim.spikes_per_mac * claim.macs)


def _without_counts(claim: ClaimFile, energy: PrintedEnergy) -> Verdict:
    """An energy whose counts the paper does not print: what it implies."""
    finding = "the paper prints no counts, so it cannot be recomputed"
    if energy.spiking and energy.precision is not None:
        acs = energy.value * UNIT_J[energy.unit] / (op_energy(energy.precision).ac_pj * 1e-12)
        finding = f"the paper prints no counts; it implies {acs / GIGA:.4g} G accumulates of {energy.precision}"
        finding += "" if not claim.macs else f", {acs / claim.macs:.2f} spikes per MAC"
    return Verdict(energy.name, energy.printed, energy.unit, None, energy.digits, finding, None)


def _ratio_verdict(claim: ClaimFile, ratio: PrintedRatio, names: dict[str, float]) -> Verdict:
    if ratio.formula is not None:
        return _compared(ratio, "", _evaluated(ratio.formula, names, f"{ratio.name}: formula"), "")
    dense, spike = PRESETS["fp32"].mac_pj, PRESETS["fp32"].ac_pj
    finding = (
        f"the paper prints no counts; with fp32 operations it implies {dense / spike / ratio.value:.2g} spikes per MAC"
    )
    return Verdict(ratio.name, ratio.printed, "", None, ratio.digits, finding, None)


def _compared(printed: Printed, unit: str, ours: float, words: str) -> Verdict:
    """A printed number next to ours."""
    same = _same(printed, ours)
    finding = f"the same digits{words}" if same else f"{_difference(printed.value, ours)}{words}"
    return Verdict(printed.name, printed.printed, unit, ours, printed.digits, finding, same)


def _difference(printed: float, ours: float) -> str:
    """By how much ours is above or below the printed number, and the power of ten where it is one."""
    if printed <= 0 or ours <= 0:
        return f"ours is {ours:.6g}"
    power = round(math.log10(printed / ours))
    if power and abs(printed / ours / 10**power - 1) < POWER_TOLERANCE:
        factor = f"{10 ** abs(power):,}"
        return f"printed {factor}x too {'large' if power > 0 else 'small'}: a slip of a power of ten"
    return f"ours is {ours / printed - 1:+.2%} of it"


def _same(printed: Printed, ours: float) -> bool:
    """Whether ``ours`` rounds to the printed digits."""
    return abs(ours - printed.value) <= 0.5 * 10.0**-printed.digits * (1 + 1e-9)


def _joule(macs: float, acs: float, energy: OpEnergy) -> float:
    return op_energy_j(macs, energy.mac_pj) + op_energy_j(acs, energy.ac_pj)


def _names(claim: ClaimFile) -> dict[str, float]:
    """What formulas can name; energies of operations are in pJ."""
    names = dict(claim.given)
    for key in ("macs", "tokens", "timesteps", "spikes_per_mac"):
        value = getattr(claim, key)
        if value is not None:
            names[key] = float(value)
    for name, energy in PRESETS.items():
        names |= {f"mac.{name}": energy.mac_pj, f"ac.{name}": energy.ac_pj}
    for bits in SCALED_BITS:
        names |= {f"mac.linear{bits}": scaled_mac(bits), f"ac.linear{bits}": scaled_ac(bits)}
    return names


def _plain(name: str) -> str:
    """Letters and digits of a name, as formulas write it."""
    return re.sub(r"\W", "", name)


def _evaluated(formula: str, names: dict[str, float], place: str) -> float:
    try:
        return evaluate(formula, names)
    except ValueError as error:
        raise ConfigError([f"{place}: {error}"]) from None
