"""The keys `layer_cores`, `home_cores` and `head_cores` of a chip file or a mapping file as widths of a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulator.config.core_widths import Cores
from simulator.errors import did_you_mean
from simulator.mapping.name_table import Names, entry_of, layer_names, names_it, stage_names
from simulator.mapping.widths import Widths
from simulator.trace.trace import Trace
from simulator.units import with_article

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class WidthKeys:
    """What a file says; see `simulator.config.chip.Mapping`."""

    layer_cores: Cores | Mapping[str, Cores] = "auto"
    home_cores: Cores | Mapping[str, Cores] = "auto"
    head_cores: Cores = "auto"

    def widths(self, trace: Trace) -> Widths:
        """The widths of ``trace``; a number is for all, as far as these have so many elements; auto names nothing."""
        layers = {layer.layer_id: layer.n_in * layer.n_out for layer in trace.layers}
        layer_cores = _named(self.layer_cores, layer_names(trace), layers)
        if self.head_cores == "auto":
            return Widths(_named(self.home_cores, stage_names(trace), _stage_sizes(trace)), layer_cores=layer_cores)
        layer_cores |= {layer.layer_id: self.head_cores for layer in trace.layers if layer.kind == "head"}
        return Widths(
            _named(self.home_cores, stage_names(trace), _stage_sizes(trace)),
            op_cores={op.op_id: self.head_cores for op in trace.ops if op.kind == "head"},
            layer_cores=layer_cores,
        )

    def faults(self, trace: Trace) -> Iterator[tuple[Path, str]]:
        """(path, ``found ..., expected ...``) of every name that is not in the program and every width beyond it."""
        outputs = {layer.layer_id: layer.n_in * layer.n_out for layer in trace.layers}
        yield from table_faults("home_cores", self.home_cores, stage_names(trace), _stage_sizes(trace), "stage")
        yield from table_faults("layer_cores", self.layer_cores, layer_names(trace), outputs, "layer")
        if self.head_cores != "auto" and (sizes := head_sizes(trace)) and self.head_cores > min(sizes):
            yield ("head_cores",), f"found {self.head_cores} cores, expected at most {min(sizes)}, one per value"


def head_sizes(trace: Trace) -> list[int]:
    """Most cores of each LM head: values of its stage where it is an op, weights where it is a layer."""
    ops = [stage.width for stage in trace.stages for i in stage.ops if trace.op_by_id[i].kind == "head"]
    return ops + [layer.n_in * layer.n_out for layer in trace.layers if layer.kind == "head"]


def table_faults(
    at: str, table: Cores | Mapping[str, Cores], names: Names, sizes: Mapping[str, int], what: str
) -> Iterator[tuple[Path, str]]:
    """What is wrong with a table: keys that name nothing, and widths beyond the elements of what they name."""
    for key, width in table.items() if isinstance(table, Mapping) else ():
        named = [name for name, kinds in names.items() if names_it(key, name, kinds)]
        if not named:
            known = dict.fromkeys([*names, *(kind for kinds in names.values() for kind in kinds)])
            yield (at, key), f"found {with_article(what)} that the trace does not have{did_you_mean(key, known)}"
        elif width != "auto" and width > (most := min(sizes[name] for name in named)):
            yield (at, key), f"found {width} cores, expected at most {most}, one per element of the smallest {what}"


def _named(table: Cores | Mapping[str, Cores], names: Names, sizes: Mapping[str, int]) -> dict[str, int]:
    """The width of each name that has one."""
    if not isinstance(table, Mapping):
        return {} if table == "auto" else {name: min(table, sizes[name]) for name in names}
    found = {name: entry_of(name, kinds, table) for name, kinds in names.items()}
    return {name: width for name, width in found.items() if width is not None and width != "auto"}


def _stage_sizes(trace: Trace) -> dict[str, int]:
    return {stage.stage_id: stage.width for stage in trace.stages}
