"""Where KV cache, embedding, head and buffers lie, and what is refused; every number by hand.

The toy: 16 values per vector, 4 tokens at positions 0 to 3, ternary of 3 levels. Its KV cache grows by 128 bits per
token and block; its head has 24 x 16 weights of 8 bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import make_chip, make_dram, make_sram, make_trace
from hypothesis import given
from hypothesis import strategies as st
from local_stream import with_local_stream
from profiles import examples

from simulator.config.chip import ChipConfig, Mapping
from simulator.engine.engine import replay
from simulator.errors import CapacityError
from simulator.mapping.grid import Grid
from simulator.mapping.kv_cache_size import positions_held
from simulator.mapping.place import map_trace
from simulator.mapping.placement import Block, Placement
from simulator.mapping.storage import Stored, fits_at, kinds_line, memory_bytes, place_storage
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op

HEAD_BITS = 24 * 16 * 8
CACHE = "blocks.0.kv_cache"


def dram_chip(mapping: dict[str, str], burst: str = "96 bit", **changes: Any) -> ChipConfig:
    return make_chip(mapping=mapping, dram=make_dram(burst), **changes)


def stored_on(chip: ChipConfig, trace: Trace) -> dict[tuple[str, str], Stored]:
    return {(item.owner, item.kind): item for item in map_trace(trace, chip).stored}


def counts_of(chip: ChipConfig, trace: Trace, layer: str) -> dict[str, int]:
    result = replay(map_trace(trace, chip))
    return {f"{r.component}.{r.action}": r.count for r in result.action_counts if r.owner == layer}


def stage_ps(chip: ChipConfig, trace: Trace, stage: str) -> int:
    stages = replay(map_trace(trace, chip)).stages.set_index("stage")
    return int(stages.loc[stage, "vector_ps"])


def with_op(trace: Trace, stage_id: str, op: Op) -> Trace:
    stages = tuple(replace(s, ops=(*s.ops, op.op_id)) if s.stage_id == stage_id else s for s in trace.stages)
    return replace(trace, ops=(*trace.ops, op), stages=stages)


def test_what_lies_in_memory_and_how_much_of_it():
    """The cache: 4 positions of 128 bits; values of q, k, v: 32 of 24 bits; an encoder of counts: what it writes."""
    encode = Op("counts", "encode", {"memory.write": (48, 0)}, {"memory.read": (48, 0)})
    table = Op("norm", "norm", {"memory.read": (256, 0)})
    trace = with_op(with_op(make_trace(n_blocks=1), "blocks.0.mlp_in", encode), "blocks.0.mlp_in", table)
    found = stored_on(make_chip(), trace)
    assert found[CACHE, "kv_cache"] == Stored("blocks.0.attn_out", CACHE, "kv_cache", "memory", 512, 128)
    assert found["blocks.0.attn_out", "values"].bits == 32 * 24
    assert found["counts", "spike_counts"].bits == 48
    assert found["norm", "tables"].bits == 256
    assert found["lm_head", "head"].bits == HEAD_BITS


def test_a_chunk_of_a_prompt_waits_and_a_cache_does_not_grow_by_it():
    """Chunks of 3: values of 3 tokens arrive before any goes on."""
    found = stored_on(make_chip(schedule={"chunk": 3}), make_trace(n_blocks=1))
    assert found["blocks.0.attn_out", "values"].bits == 3 * 32 * 24
    assert found[CACHE, "kv_cache"].bits == 512


def test_an_embedding_has_a_row_for_each_output_of_the_head():
    """16 values of 8 bits for each of 24 tokens; what is looked up waits as a residual of 16 bits each."""
    op = Op("embedding", "embedding", {"memory.read": (128, 0), "memory.write": (256, 0)})
    found = stored_on(make_chip(), with_op(make_trace(n_blocks=1), "blocks.0.attn_in", op))
    assert found["embedding", "embedding"].bits == 24 * 128
    assert found["embedding", "residual"].bits == 256


def test_an_embedding_of_a_trace_without_a_head_is_no_smaller_than_the_row_that_is_read():
    trace = synthetic_trace("silent", [16, 4], tokens=1)
    trace = with_op(trace, "layers.0.in", Op("embedding", "embedding", {"memory.read": (128, 0)}))
    assert stored_on(make_chip(), trace)["embedding", "embedding"].bits == 128
    assert counts_of(dram_chip({"embedding": "dram"}), trace, "embedding") == {"dram.read": 2 * 96}


def test_a_cache_holds_the_longest_context_and_in_a_pipeline_that_of_every_text():
    """Texts of 3 and of 2 tokens, the second from position 7 on; a window of 4 forgets what lies before it."""
    trace = replace(make_trace(n_tokens=5), positions=np.array([0, 1, 2, 7, 8]))
    pipelined = make_chip(schedule={"kind": "pipelined"})
    assert positions_held(trace, make_chip()) == 9
    assert positions_held(trace, pipelined) == 3 + 9
    assert positions_held(replace(trace, window=4), pipelined) == 3 + 4


def test_a_home_without_room_in_memory_is_refused_with_what_it_is_for():
    """8 tokens. Head: 384 bytes of weights, 16 values of 24 bits. attn_out: a cache of 8 x 128 bits, 32 values."""
    trace = make_trace(n_blocks=1, n_tokens=8)
    one = {"head_cores": 1}
    core = map_trace(trace, make_chip(mapping=one)).placement.of("head")[0].core
    map_trace(trace, make_chip(mapping=one, memory__capacity="432 B"))
    with pytest.raises(CapacityError) as refused:
        map_trace(trace, make_chip(mapping=one, memory__capacity="431 B"))
    assert str(refused.value) == (
        f"toy: core {core} needs 432 bytes of memory (head 384, values 48), limit 431 (1 over); give the chip a dram"
        " for mapping.head, raise memory.capacity or lower core.limits.neurons"
    )
    assert map_trace(trace, dram_chip({"head": "dram"}, memory__capacity="224 B")).placement.blocks
    with pytest.raises(CapacityError, match=r"of memory \(kv_cache 128, values 96\), .* set mapping.kv_cache to dram"):
        map_trace(trace, dram_chip({"head": "dram"}, memory__capacity="223 B"))
    assert map_trace(trace, dram_chip({"head": "dram", "kv_cache": "dram"}, memory__capacity="223 B")).placement.blocks


def test_stages_on_the_same_core_share_its_memory_and_reuse_its_buffers():
    """Streamed, every home is core 0: two caches of 64 bytes and the head stay, of the values the most count."""
    trace = make_trace(n_blocks=2)
    chip = dram_chip({"weights": "streamed"})
    mapped = map_trace(trace, chip)
    found = memory_bytes(mapped.stored, mapped.placement)
    assert found == {0: {"kv_cache": 2 * 64, "head": 384, "values": 64 * 24 // 8}}  # gate and up: 64 values


def test_residuals_of_stages_on_one_core_take_its_memory_one_after_another():
    """A residual waits for one later stage at a time: of 10 and 30 bytes the larger counts, not 40."""
    blocks = tuple(Block(0, "home", stage, 0, 0, 0, 4, 0) for stage in ("first", "second"))
    placement = Placement(blocks, 1, 1, 1, Grid(1, 1), np.array([0]))
    stored = [Stored(stage, stage, "residual", "memory", bits) for stage, bits in (("first", 80), ("second", 240))]
    assert memory_bytes(stored, placement) == {0: {"residual": 30}}


def test_auto_takes_memory_while_there_is_room():
    """Streamed, all on one core of 400 bytes: values need 192; both caches of 64 fit, the head of 384 does not."""
    mapping = {"weights": "streamed", "kv_cache": "auto", "head": "auto"}
    found = stored_on(dram_chip(mapping, memory__capacity="400 B"), make_trace(n_blocks=2))
    stores = [found[owner, kind].store for owner, kind in found if kind in ("kv_cache", "head")]
    assert stores == ["memory", "memory", "dram"]
    found = stored_on(dram_chip(mapping, memory__capacity="256 B"), make_trace(n_blocks=2))
    assert [item.store for item in found.values() if item.kind == "kv_cache"] == ["memory", "dram"]


def test_a_cache_in_sram_is_charged_beside_weights_in_whole_words():
    """4 positions of 128 bits in words of 96: 2 words each, 96 bytes, on the one home core of each block."""
    trace = make_trace(n_blocks=1)
    chip = make_chip(core__sram=make_sram(word="96 bit"), mapping={"kv_cache": "sram"})
    (home,) = map_trace(trace, chip).placement.of("blocks.0.attn_out")
    assert home.sram_bytes == 4 * 2 * 96 // 8
    cores = replay(map_trace(trace, chip)).cores
    assert cores.set_index("owner")["sram_bytes"]["blocks.0.attn_out"] == 96


def test_a_cache_beyond_the_sram_of_a_core_takes_more_home_cores():
    """With 40 bytes a core holds one word of 64 bits for each of 4 positions, half of what a token adds: 2 cores."""
    trace = make_trace(n_blocks=1)
    chip = make_chip(core__sram=make_sram("40 B"), mapping={"kv_cache": "sram"}, chip__max_chips=90)
    homes = map_trace(trace, chip).placement.of("blocks.0.attn_out")
    assert [home.sram_bytes for home in homes] == [32, 32]
    with pytest.raises(CapacityError) as refused:
        map_trace(make_trace(n_blocks=1, n_tokens=6), make_chip(**vars_of(chip)))
    assert str(refused.value) == (
        "toy: blocks.0.attn_out: a KV cache of 6 positions of 128 bits needs 48 bytes of SRAM on each of 16 home cores,"
        " limit 40 (8 over); set mapping.kv_cache to dram, raise core.sram.capacity or take fewer tokens"
    )


def vars_of(chip: ChipConfig) -> dict[str, Any]:
    return {
        "core__sram": make_sram(f"{chip.core.sram.capacity} B"),
        "mapping": {"kv_cache": "sram"},
        "chip__max_chips": chip.chip.max_chips,
    }


def test_caches_of_all_blocks_on_one_core_are_refused_when_they_do_not_fit():
    """Streamed, core 0 is the home of both blocks: 2 x 64 bytes, though each alone would fit."""
    mapping = {"weights": "streamed", "kv_cache": "sram"}
    with pytest.raises(
        CapacityError, match=r"core 0 needs 128 bytes of SRAM \(128 of KV cache, 0 of weights\), limit 120"
    ):
        map_trace(make_trace(), dram_chip(mapping, core__sram=make_sram("120 B")))


def test_more_than_the_dram_holds_is_refused():
    """Two caches of 64 bytes, a head of 384 and the weights of 14 layers, rows of 8 bytes a word: 4,608 bytes."""
    chip = dram_chip({"weights": "streamed", "kv_cache": "dram", "head": "dram"}, dram__capacity="512 B")
    weights = 2 * (2 * 16 * 16 + 2 * 16 * 8 + 2 * 16 * 32 + 32 * 16)  # q, o; k, v; gate, up; down
    with pytest.raises(CapacityError) as refused:
        map_trace(make_trace(), chip)
    assert str(refused.value) == (
        f"toy: {512 + weights} bytes of DRAM are needed (512 of caches and tables, {weights} of streamed weights),"
        f" limit 512 on 1 chip(s) ({weights} over); raise dram.capacity or take fewer tokens"
    )
    assert map_trace(
        make_trace(), chip.model_copy(update={"mapping": Mapping(kv_cache="dram", head="dram")})
    ).placement.blocks


def test_traffic_of_a_cache_in_sram_is_in_words_of_each_home_core():
    """Contexts of 1 to 4: 128 bits x c read, 128 written; words of 96 bits: 2, 3, 4, 6 read and 2 written per token."""
    trace, chip = make_trace(n_blocks=1), make_chip(core__sram=make_sram(word="96 bit"), mapping={"kv_cache": "sram"})
    assert counts_of(chip, trace, CACHE) == {"sram.read": 2 + 3 + 4 + 6, "sram.write": 4 * 2}
    # in memory (c + 1) x 2 accesses of 64 bits and 2 ns, against words of 3 and 5 ns; the other ops take what they took
    before = sum((2 * c + 2) * 2_000 for c in (1, 2, 3, 4))
    after = 15 * 3_000 + 8 * 5_000
    assert (
        stage_ps(chip, trace, "blocks.0.attn_out") - stage_ps(make_chip(), trace, "blocks.0.attn_out") == after - before
    )


def test_traffic_of_a_cache_in_dram_is_in_whole_bursts_and_takes_its_bandwidth():
    """Bursts of 96 bits: 2, 3, 4, 6 read and 2 written per token, 10 ns each."""
    trace, chip = make_trace(n_blocks=1), dram_chip({"kv_cache": "dram"})
    assert counts_of(chip, trace, CACHE) == {"dram.read": 15 * 96, "dram.write": 8 * 96}
    before = sum((2 * c + 2) * 2_000 for c in (1, 2, 3, 4))
    extra = stage_ps(chip, trace, "blocks.0.attn_out") - stage_ps(make_chip(), trace, "blocks.0.attn_out")
    assert extra == (15 + 8) * 10_000 - before


def test_a_head_in_dram_is_read_whole_for_each_token():
    """3,072 bits in bursts of 500: 7 for each of 4 tokens."""
    trace = make_trace(n_blocks=1)
    assert counts_of(dram_chip({"head": "dram"}, "500 bit"), trace, "lm_head") == {
        "vector.mac": 4 * 384,
        "dram.read": 4 * 7 * 500,
    }


@pytest.mark.parametrize(("place", "counted"), [("dram", {"dram.read": 8 * 20}), ("sram", {"sram.read": 8})])
def test_each_spike_of_a_query_pays_its_own_bursts_or_words(place, counted):
    """3 tokens of one query that spikes twice; 8 bits of each of c positions, in granules of 20: 1, 1 and 2, twice."""
    trace = with_op(make_trace(n_blocks=1, n_tokens=3), "head", Op("kept", "kv_cache", {"memory.write": (8, 0)}))
    spiking = with_local_stream(trace, (1, 0), {"memory.read": (0, 8)}, np.full((3, 1), 2, np.int16))
    chip = dram_chip({"kv_cache": place}, "20 bit", core__sram=make_sram(word="20 bit"))
    found = counts_of(chip, spiking, "scores")
    assert {name: n for name, n in found.items() if name.split(".")[0] in ("memory", "sram", "dram")} == counted


@pytest.mark.parametrize(
    ("mapping", "more", "line"),
    [
        ("dram", {}, "dram: missing, expected one because mapping.kv_cache is dram"),
        (
            "dram",
            {"dram": make_dram() | {"write": None}},
            "dram.write: missing, expected one because mapping.kv_cache is dram",
        ),
        (
            "sram",
            {"core__sram__read": None},
            "core.sram.read: missing, expected one because mapping.kv_cache is sram",
        ),
        ("auto", {}, "memory.capacity: missing, expected one because mapping.kv_cache is auto"),
    ],
)
def test_a_chip_without_the_memory_that_its_mapping_wants_is_refused(mapping, more, line):
    with pytest.raises(ValueError, match=line):
        make_chip(mapping={"kv_cache": mapping}, **more)


@examples(20)
@given(st.sampled_from(["sram", "dram"]), st.integers(1, 300), st.integers(3, 64))
def test_traffic_covers_the_bits_wanted_and_less_than_a_granule_per_access_more(place, granule, neurons):
    """A granule is a burst, or a word on each home core."""
    trace = make_trace(n_blocks=1)
    limits = {"axons_in": 64, "neurons": neurons}
    more = {"core__sram": make_sram(word=f"{granule} bit"), "core__limits": limits, "chip__max_chips": 90}
    chip = dram_chip({"kv_cache": place}, f"{granule} bit", **more)
    expected = trace.op_by_id[CACHE].work(trace.contexts, 3)
    homes = len(map_trace(trace, chip).placement.of("blocks.0.attn_out"))
    found = counts_of(chip, trace, CACHE)
    for way in ("read", "write"):
        bits = found[f"{place}.{way}"] * (granule if place == "sram" else 1)
        beyond = bits - int(expected[f"memory.{way}"].sum())
        assert 0 <= beyond < trace.n_tokens * granule * (homes if place == "sram" else 1)
        assert bits % granule == 0


@examples(25)
@given(
    capacity=st.integers(1, 900),
    blocks=st.integers(1, 3),
    tokens=st.integers(1, 9),
    neurons=st.sampled_from([5, 16, 64]),
    weights=st.sampled_from(["resident", "streamed"]),
)
def test_auto_fills_no_core_beyond_its_memory_and_refuses_only_what_dram_would_not_help(
    capacity, blocks, tokens, neurons, weights
):
    trace = make_trace(n_blocks=blocks, n_tokens=tokens)
    more = {"memory__capacity": f"{capacity} B", "core__limits": {"axons_in": 64, "neurons": neurons}}

    def placed(place: str) -> tuple[int, int] | None:
        """Bytes on the fullest core, and bits in DRAM; None where it is refused."""
        mapping = {"weights": weights, "kv_cache": place, "head": place}
        chip = dram_chip(mapping, chip__max_chips=90, **more)
        try:
            mapped = map_trace(trace, chip)
        except CapacityError:
            return None
        fullest = max(sum(kinds.values()) for kinds in memory_bytes(mapped.stored, mapped.placement).values())
        return fullest, sum(item.bits for item in mapped.stored if item.store == "dram")

    auto, away = placed("auto"), placed("dram")
    assert (auto is None) == (away is None)
    if auto is not None and away is not None:
        assert auto[0] <= capacity
        assert auto[1] <= away[1]


def test_what_lies_in_dram_comes_over_the_channels_of_all_chips_in_use():
    """A head of 384 bytes is 32 bursts of 96 bits, 10 ns each: 320 ns over one channel, 110 ns over those of 3 chips.

    12 cores on 3 chips of 4; the head's home core is on one of them.
    """
    trace = make_trace(n_blocks=1, n_tokens=1)
    ps = {}
    for tiles_x, chips in ((4, 1), (1, 3)):
        grid = {"chip__tiles_x": tiles_x, "chip__tiles_y": 4, "chip__cores_per_tile": 1, "chip__max_chips": chips}
        mapped = map_trace(trace, dram_chip({"head": "dram"}, **grid, vector__lanes=1000))
        assert mapped.placement.n_chips == chips
        ps[chips] = int(replay(mapped).stages.set_index("stage")["vector_ps"]["head"])
    assert ps == {1: 320_000, 3: 110_000}


def norm_of(bits: int) -> Trace:
    """The toy trace with a norm of so many bits of gains in its first stage."""
    return with_op(make_trace(n_blocks=1), "blocks.0.attn_in", Op("gains", "norm", {"memory.read": (bits, 0)}))


def test_tables_in_dram_are_read_in_whole_bursts_and_what_an_op_makes_stays():
    """256 bits are three bursts of 96, read anew for each of 4 tokens."""
    trace = norm_of(256)
    near, far = (counts_of(dram_chip({"tables": place}), trace, "gains") for place in ("memory", "dram"))
    assert near["memory.read"] == 4 * 256
    assert (far["dram.read"], "memory.read" in far) == (4 * 3 * 96, False)
    assert replay(map_trace(trace, dram_chip({"tables": "dram"}))).uses_dram


def test_tables_go_to_dram_where_a_core_has_no_room_for_them():
    """10,000 B of gains next to the values of the stage, which stay."""
    trace = norm_of(80_000)
    memory = {"memory__capacity": "8 KiB"}
    with pytest.raises(CapacityError, match=r"tables 10000.*set mapping.tables to dram"):
        map_trace(trace, dram_chip({}, **memory))
    found = stored_on(dram_chip({"tables": "auto"}, **memory), trace)
    assert found["gains", "tables"].store == "dram"
    assert {item.store for key, item in found.items() if key[0] != "gains"} == {"memory"}


def test_a_memory_in_the_sram_shares_its_room_with_weights():
    """A home alone on its core has the whole of it; one next to weights has what they leave."""
    trace = norm_of(8 * 3000)
    shared = {"memory__capacity": "4 KiB", "memory__in_sram": True, "core__sram": make_sram("4 KiB")}
    map_trace(trace, make_chip(**shared))
    crowded = shared | {"memory__capacity": "64 KiB"}
    with pytest.raises(CapacityError, match=r"of weights, tables 6000.*its memory is in its SRAM"):
        map_trace(norm_of(8 * 6000), make_chip(**crowded))


def test_how_many_homes_hold_what_one_does_not():
    """A cache of 12 positions of 128 bits next to values of 768: 288 B; memories of 192 B hold them on two cores."""
    trace = make_trace(n_blocks=1, n_tokens=12)
    chip = dram_chip({"kv_cache": "auto", "head": "dram"}, memory__capacity="192 B")
    stored = map_trace(trace, chip).stored
    assert {item.owner for item in stored if item.store == "dram"} == {CACHE, "lm_head"}
    found = fits_at(stored, trace, chip)
    assert found[CACHE] == 2
    assert set(found) == {op.op_id for op in trace.ops if op.kind in ("kv_cache", "qk", "pv")}


@pytest.mark.parametrize(("bits", "homes"), [(799, 2), (800, 2), (801, 3)])
def test_homes_count_what_else_of_their_stage_is_in_memory(bits, homes):
    """100 bytes of values and a cache, in memories of 100 bytes; what other stages hold, and DRAM, does not count."""
    stage = "blocks.0.attn_out"
    stored = [
        Stored(stage, stage, "values", "memory", 800),
        Stored(stage, "x", "tables", "sram", 10_000),
        Stored("blocks.0.mlp_in", "blocks.0.mlp_in", "values", "memory", 10_000),
        Stored(stage, CACHE, "kv_cache", "dram", bits),
    ]
    chip = dram_chip({"kv_cache": "auto"}, memory__capacity="100 B")
    assert fits_at(stored, make_trace(n_blocks=1), chip)[CACHE] == homes
    by_word = dram_chip({"kv_cache": "dram"}, memory__capacity="100 B")
    assert fits_at(stored, make_trace(n_blocks=1), by_word) == {}


def test_auto_needs_room_on_every_home():
    """Two homes with half a cache of 64 bytes each; the second is also that of all other stages."""
    trace = make_trace(n_blocks=1)
    blocks = (
        *(Block(core, "home", "blocks.0.attn_out", 0, 0, 8 * core, 8 * core + 8, 0) for core in (0, 1)),
        *(
            Block(1, "home", stage.stage_id, 0, 0, 0, 16, 0)
            for stage in trace.stages
            if "attn_out" not in stage.stage_id
        ),
    )
    placement = Placement(blocks, 1, 1, 1, Grid(1, 1), np.array([0, 0]))
    mapping = {"kv_cache": "auto", "head": "dram"}

    def store(capacity: str) -> str:
        stored = place_storage(trace, dram_chip(mapping, memory__capacity=capacity), placement)
        return next(item.store for item in stored if item.kind == "kv_cache")

    values = 64 * 24 // 8  # gate and up, the most that core 1 holds at a time
    assert store(f"{values + 32} B") == "memory"
    assert store(f"{values + 31} B") == "dram"


def test_a_buffer_of_counts_grows_with_the_longest_context():
    """16 bits and 4 for each of 4 positions: 32."""
    encode = Op("counts", "encode_heads", {"memory.write": (16, 4)})
    found = stored_on(make_chip(), with_op(make_trace(n_blocks=1), "blocks.0.mlp_in", encode))
    assert found["counts", "spike_counts"].bits == 16 + 4 * 4


def test_a_table_of_angles_has_a_row_for_each_position():
    """Positions 0 to 3, 8 bits each."""
    rotary = Op("rope", "rotary", {"memory.read": (8, 0)})
    assert (
        stored_on(make_chip(), with_op(make_trace(n_blocks=1), "blocks.0.mlp_in", rotary))["rope", "tables"].bits == 32
    )


def test_kinds_are_named_the_largest_first_and_none_that_is_empty():
    assert kinds_line({"values": 96, "kv_cache": 4096, "head": 0}) == "kv_cache 4096, values 96"


@pytest.mark.parametrize(
    ("places", "tables"), [(("dram", "dram"), 1), (("memory", "dram"), 2), (("memory", "memory"), 2)]
)
def test_a_tied_embedding_and_the_head_are_one_table_in_dram(places, tables):
    """16 values x 24 tokens of 8 bits for each; on cores the embedding and the head lie on cores of their own."""
    trace = make_trace(n_blocks=1, n_tokens=1)
    row = Op("embedding", "embedding", {"memory.read": (128, 0)})
    first = replace(trace.stages[0], ops=("embedding", *trace.stages[0].ops))
    trace = replace(trace, ops=(row, *trace.ops), stages=(first, *trace.stages[1:]))
    chip = dram_chip({"embedding": places[0], "head": places[1]})
    for origin, n in ((trace.origin, 2), ({**trace.origin, "tied_embedding": True}, tables)):
        stored = map_trace(replace(trace, origin=origin), chip).stored
        assert sum(item.bits for item in stored if item.kind in ("embedding", "head")) == n * 16 * 24 * 8
        assert [item.store for item in stored if item.kind in ("embedding", "head")] == list(places)
