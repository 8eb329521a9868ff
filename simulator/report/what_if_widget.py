"""Sliders of prices over a run in a notebook, where ``anywidget`` is installed (the extra ``widgets``)."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

from simulator.errors import SpikewattError, did_you_mean
from simulator.report.run import Run
from simulator.report.what_if import what_if_of_run

MISSING = (
    "run.what_if(): needs the extra widgets: pip install 'spikewatt[widgets]'; run.report() has the same sliders"
    " without it"
)
FACTOR = 10.0  # a slider reaches at least from a tenth of the price to ten times it


def what_if_widget(run: Run) -> Any:
    """A widget with one slider for each price that a run used.

    Its traits, which Python and the sliders share: ``prices`` (``component.action`` -> price in pJ, of static power in
    W), ``total_pj`` and ``per_token_pj`` at these prices. At the start ``total_pj`` is the total of the run to the last
    bit. Only prices change: counts and times stay as they were simulated. ``set_line`` is the change as options of
    ``spikewatt simulate``.

    Raises
    ------
    SpikewattError
        ``anywidget`` is not installed. Setting ``prices`` to an unknown name or a wrong value raises it too.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise SpikewattError(MISSING) from None

    class WhatIf(anywidget.AnyWidget):
        """See `what_if_widget`."""

        _esm = (files("simulator.report") / "templates" / "what_if_widget.js").read_text(encoding="utf-8")
        label = traitlets.Unicode().tag(sync=True)
        sliders: Any = traitlets.List().tag(sync=True)
        prices: Any = traitlets.Dict().tag(sync=True)
        total_pj = traitlets.Float().tag(sync=True)
        reported_pj = traitlets.Float().tag(sync=True)
        per_token_pj = traitlets.Float().tag(sync=True)
        set_line = traitlets.Unicode().tag(sync=True)

        def __init__(self) -> None:
            [report] = (data := what_if_of_run(run))["reports"]
            self._prices = {price["name"]: price for price in report["prices"]}
            self._counts = _counts(report)
            super().__init__(
                label=f"{run.trace.name} on {run.chip.name}",
                sliders=[_slider(names, self._prices) for names in data["groups"]],
                prices={name: price["value"] for name, price in self._prices.items()},
                total_pj=report["total"],
                reported_pj=report["total"],
                per_token_pj=report["total"] / run.n_tokens,
            )

        @traitlets.validate("prices")
        def _checked(self, proposal: Any) -> dict[str, float]:
            """All prices, those that are not given as reported."""
            return {name: price["value"] for name, price in self._prices.items()} | _known(
                proposal["value"], self._prices
            )

        @traitlets.observe("prices")
        def _priced(self, _: Any) -> None:
            """The energies at the prices of now."""
            changed = {name: value for name, value in self.prices.items() if value != self._prices[name]["value"]}
            moved = math.fsum(
                self._counts[name] * (value - self._prices[name]["value"]) for name, value in changed.items()
            )
            self.total_pj = self.reported_pj + moved
            self.per_token_pj = self.total_pj / run.n_tokens
            self.set_line = " ".join(_option(self._prices[name], value) for name, value in changed.items())

    return WhatIf()


def _counts(report: dict[str, Any]) -> dict[str, int]:
    """How often each price was paid."""
    names = [price["name"] for price in report["prices"]]
    found = dict.fromkeys(names, 0)
    for _, _, *pairs in report["owners"]:
        for number, count in zip(pairs[::2], pairs[1::2], strict=True):
            found[names[number]] += count
    return found


def _slider(names: list[str], prices: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a slider shows: prices that state one fact, their range, grade and source, and how far it reaches."""
    first = prices[names[0]]
    value = first["value"]
    ends = [end / value for end in (first["low"], first["high"]) if end and value]
    shown = ("value", "low", "high", "per", "unit", "grade", "source")
    return {"names": names, "reach": max(FACTOR, *(max(x, 1 / x) for x in ends), 1.0)} | {
        key: first[key] for key in shown
    }


def _known(found: dict[str, Any], prices: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The prices of ``found``; raises SpikewattError for another name, and for what is not a number of at least 0."""
    for name, value in found.items():
        if name not in prices:
            raise SpikewattError(f"prices: found {name!r}, expected a price of the run{did_you_mean(name, prices)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise SpikewattError(f"prices: {name}: found {value!r}, expected a number of at least 0")
    return {name: float(value) for name, value in found.items()}


def _option(price: dict[str, Any], value: float) -> str:
    """A changed price as ``--set path="value unit"``.

    A chip file gives static power for one of several parts: the factor is the same.
    """
    same = price["stated"] == price["value"] or not price["value"]
    stated = value if same else price["stated"] * (value / price["value"])
    return f'--set {price["path"]}="{stated:.12g} {"W" if price["unit"] == "W" else "pJ"}"'
