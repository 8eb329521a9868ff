"""Which operands of attention are spike-encoded, and how wide the rows of the KV cache are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.errors import ModelError
from simulator.trace.encoding import Encoding

FLOAT_BITS = 16
INTEGER_BITS = (4, 8)


@dataclass(frozen=True)
class AttentionRule:
    """How attention is computed (`ENCODING.md`, section "Attention").

    Attributes
    ----------
    queries
        Queries are spike-encoded, one threshold per token and head: QK^T is additions of cached keys, triggered by
        their spikes. Otherwise each query is multiplied.
    keys, values
        Keys (values) are encoded as spike counts of the trace's encoding, one threshold per token and head, and the
        counts are what the cache holds. Otherwise they are rounded to the width of the cache.
    probabilities
        Probabilities are spike-encoded, one threshold per token and head: PV is additions of cached values.
    kv_bits
        Width of a number in the KV cache: 16 for floats, 8 or 4 for integers with one float scale per token and head.
    """

    queries: bool = False
    keys: bool = False
    values: bool = False
    probabilities: bool = False
    kv_bits: int = FLOAT_BITS

    def __post_init__(self) -> None:
        if self.kv_bits not in (*INTEGER_BITS, FLOAT_BITS):
            raise ModelError(f"kv_bits {self.kv_bits}, expected 4, 8 or {FLOAT_BITS}")
        encoded = [name for name in ("queries", "keys", "values", "probabilities") if getattr(self, name)]
        if encoded and not self.integer:
            raise ModelError(
                f"attention: spikes of {', '.join(encoded)} need integer rows, the KV cache has floats of {FLOAT_BITS}"
                " bits; take kv_bits 8 or 4"
            )

    @property
    def integer(self) -> bool:
        """Whether the cache holds integers."""
        return self.kv_bits != FLOAT_BITS

    @property
    def largest(self) -> int:
        """Largest integer of the cache."""
        return (1 << (self.kv_bits - 1)) - 1

    def rotates(self, rotation: str) -> bool:
        """Whether a Hadamard transform mixes each query and key: under `online`, where keys become integers."""
        return rotation == "online" and self.integer

    def check(self, encoding: Encoding) -> None:
        """Raise ModelError when the cache cannot hold the counts of an encoding."""
        if (self.keys or self.values) and encoding.levels > self.largest:
            raise ModelError(
                f"attention: counts up to {encoding.levels}, a KV cache of {self.kv_bits} bits holds {self.largest}"
                f" ({encoding.levels - self.largest} over); take fewer levels or wider rows"
            )


DENSE = AttentionRule()
# Keys stay integers of 8 bits: as counts of 15 levels they cost quality, and the queries that meet them are spikes.
SPIKING = AttentionRule(queries=True, values=True, probabilities=True, kv_bits=8)


# Letters of the operands of attention, as a user writes them.
OPERANDS = {"q": "queries", "k": "keys", "v": "values", "p": "probabilities"}
INTEGER_CACHE = 8


def rule_for(attention: str | AttentionRule, kv_bits: int | None) -> AttentionRule:
    """A rule, or one by name; the cache with these bits if given.

    ``dense``: float products on a float cache. ``spiking``: see `SPIKING`. Letters such as ``qp``: of queries, keys,
    values and probabilities these are encoded, on a cache of 8 bits.

    Raises
    ------
    ModelError
        When the name is none of these.
    """
    rule = attention if isinstance(attention, AttentionRule) else _named(attention)
    return rule if kv_bits is None else replace(rule, kv_bits=kv_bits)


def _named(attention: str) -> AttentionRule:
    named = {"dense": DENSE, "spiking": SPIKING}
    if attention in named:
        return named[attention]
    if not attention or set(attention) - set(OPERANDS) or len(set(attention)) < len(attention):
        raise ModelError(f"attention {attention!r}, expected dense, spiking, or letters of q, k, v and p such as qp")
    return AttentionRule(**dict.fromkeys((OPERANDS[letter] for letter in attention), True), kv_bits=INTEGER_CACHE)
