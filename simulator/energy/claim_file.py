"""A paper's energy claim as a YAML file: shape, lengths, what is counted, the counts and the printed energies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.config.field_types import Count, Frozen, Positive, Text, broken_rule
from simulator.config.validate import validate
from simulator.config.yaml_marks import read_marked
from simulator.energy.claims import SHAPES, Shape, shape_macs
from simulator.errors import ConfigError, did_you_mean
from simulator.shipped import shipped_claims

UNIT_J = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12}
GIGA = 1e9
_PRINTED = re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?")


class ShapeFields(Frozen):
    """A LLaMA-like model."""

    n_blocks: Count
    d_model: Count
    d_kv: Count
    d_ffn: Count
    vocabulary: Count = 1


class Counted(Frozen):
    """What the operation count of a paper holds besides the linear layers of the blocks."""

    attention: Literal["full", "causal", "none", "spiking"] = "none"
    head: bool = False

    @property
    def words(self) -> str:
        """In a few words."""
        parts = {"none": "", "spiking": "spiking attention"}.get(self.attention, f"{self.attention} attention")
        return " + ".join(["linear layers", *([parts] if parts else []), *(["head"] if self.head else [])])


class Printed(Frozen):
    """A number as the paper prints it, with its digits."""

    name: Text
    printed: str = Field(description="the number in quotes, with every digit that the paper prints")

    @model_validator(mode="after")
    def _number(self) -> Self:
        if not _PRINTED.fullmatch(self.printed):
            raise broken_rule("printed", f"found '{self.printed}', expected a number in quotes such as \"31.77\"")
        return self

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def digits(self) -> int:
        """Digits after the point."""
        return len(self.printed.partition(".")[2].lower().partition("e")[0])


class PrintedEnergy(Printed):
    """An energy, and the counts or the formula behind it. A dense one without counts has those of the shape."""

    unit: Literal["J", "mJ", "uJ", "nJ", "pJ"]
    precision: Text | None = Field(default=None, description="fp32, fp16, int8, or linear-BITS")
    macs_g: float | None = Field(default=None, ge=0, description="multiply-accumulates in 1e9")
    acs_g: float | None = Field(default=None, ge=0, description="accumulates in 1e9")
    spiking: bool = Field(
        default=False,
        description="accumulates of spikes; computed from the printed energy if the paper gives no counts",
    )
    formula: Text | None = None


class PrintedRatio(Printed):
    """A ratio, and the formula behind it; or what it implies."""

    formula: Text | None = None
    implies: Literal["spikes_per_mac"] | None = None


class Scopes(Frozen):
    """Two printed energies of different scope that are set against each other."""

    of: Text
    over: Text


class ClaimFile(Frozen):
    """Everything that a paper prints of its energy.

    ``given`` holds its other numbers by name. Formulas name these, the energies (letters and digits of their names),
    ``macs``, ``tokens``, ``timesteps``, ``mac.PRECISION`` and ``ac.PRECISION`` (pJ).
    """

    name: Text
    source: Text
    shape: Text | ShapeFields | None = None
    tokens: Count | None = Field(default=None, description="L, tokens of the prompt")
    batch: Count = 1
    timesteps: Count | None = Field(default=None, description="T")
    counted: Counted = Counted()
    read: Text | None = Field(default=None, description="how the counts were found where the paper does not state them")
    weight_bits: Count = 8
    spikes_per_mac: Positive | None = Field(default=None, description="rate x T: spikes per multiply-accumulate")
    given: dict[str, float] = Field(default={})
    energies: tuple[PrintedEnergy, ...] = ()
    ratios: tuple[PrintedRatio, ...] = ()
    scopes: tuple[Scopes, ...] = ()
    reported: tuple[Text, ...] = Field(default=(), description="contradictions that others found")
    notes: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if isinstance(self.shape, str) and self.shape not in SHAPES:
            text = f"found '{self.shape}', expected one of {', '.join(SHAPES)}{did_you_mean(self.shape, SHAPES)}"
            raise broken_rule("shape", text)
        if self.shape is not None and self.tokens is None:
            raise broken_rule("tokens", "missing, expected the length of the prompt next to a shape")
        names = [energy.name for energy in self.energies]
        for i, pair in enumerate(self.scopes):
            for key, name in (("of", pair.of), ("over", pair.over)):
                if name not in names:
                    raise broken_rule(f"scopes.{i}.{key}", f"found '{name}', expected one of {', '.join(names)}")
        return self

    @property
    def model(self) -> Shape | None:
        """The shape, or None."""
        if isinstance(self.shape, ShapeFields):
            return Shape(**self.shape.model_dump())
        return None if self.shape is None else SHAPES[self.shape]

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of the shape as they are counted; None without a shape."""
        if self.model is None or self.tokens is None:
            return None
        attention = self.counted.attention
        return shape_macs(self.model, self.tokens, batch=self.batch, attention=attention, head=self.counted.head)


def load_claim(path: Path) -> ClaimFile:
    """Read a claim; raises ConfigError with every problem at its line."""
    root, problems = read_marked(path, str(path))
    return validate(ClaimFile, root, problems, lambda values: ())


def find_claim(name_or_path: str) -> ClaimFile:
    """A shipped claim by its name, or a file.

    Raises
    ------
    ConfigError
        For a name that no shipped claim has, and for a file that is wrong.
    """
    shipped = shipped_claims()
    path = Path(name_or_path)
    if path.suffix or "/" in name_or_path or path.is_file():
        return load_claim(path)
    if name_or_path not in shipped:
        expected = f"a file or one of {', '.join(shipped)}"
        raise ConfigError([f"{name_or_path}: no such claim, expected {expected}{did_you_mean(name_or_path, shipped)}"])
    return load_claim(shipped[name_or_path])
