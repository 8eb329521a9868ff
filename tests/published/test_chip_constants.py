"""The shipped chip files hold what was published; where a number was derived, the arithmetic is done again here."""

import pytest

from simulator.config import load_chip


@pytest.fixture(scope="module")
def loihi():
    return load_chip("loihi-like")


@pytest.fixture(scope="module")
def truenorth():
    return load_chip("truenorth-like")


@pytest.fixture(scope="module")
def asic():
    return load_chip("sdllm-asic-45nm")


def stillmaker_baas(node, v):
    """Relative energy of a gate: a V^2 + b V + c, Stillmaker and Baas, Integration 58, 2017."""
    a, b, c = {45: (1.103, -0.362, 0.2767), 14: (0.2363, -0.09675, 0.02239)}[node]
    return a * v * v + b * v + c


# --- Loihi -----------------------------------------------------------------------------------------------------------


def test_davies_2018_table_2_synaptic_operation(loihi):
    synop = loihi.core.synapse.synop
    assert (synop.energy.value, synop.latency.value) == (23.6, 3_500)
    assert synop.energy.grade == "pre-silicon"
    # the published figure holds fetch and accumulation: neither may be billed again
    assert loihi.core.synapse.word_read.energy.included_in == "synapse.synop"
    assert loihi.core.dendrite.accumulate.energy.included_in == "synapse.synop"


def test_davies_2018_table_2_neuron_update_active_and_inactive(loihi):
    soma = loihi.core.soma
    assert (soma.update.energy.value, soma.update.latency.value) == (81.0, 8_400)
    assert (soma.update_idle.energy.value, soma.update_idle.latency.value) == (52.0, 5_300)
    assert soma.every == "timestep"


def test_davies_2018_table_2_hop_energies(loihi):
    assert (loihi.noc.hop_x.value, loihi.noc.hop_y.value, loihi.noc.local.value) == (3.0, 4.0, 1.7)
    assert loihi.noc.flit_bits == 32  # a spike message, Davies 2021


def test_davies_2018_table_2_hop_latencies_within_4_percent(loihi):
    cycle = loihi.noc.cycle.value
    east_west = (3 + loihi.noc.extra_cycles_x) * cycle
    north_south = (3 + loihi.noc.extra_cycles_y) * cycle
    assert (east_west, north_south) == (4_050, 6_750)
    assert east_west / 4_100 == pytest.approx(1 - 0.012, abs=0.001)
    assert north_south / 6_500 == pytest.approx(1 + 0.038, abs=0.001)


def test_davies_2018_geometry_and_limits(loihi):
    assert (loihi.chip.n_tiles, loihi.chip.n_cores) == (32, 128)
    assert loihi.chip.n_cores * loihi.core.limits.neurons == 131_072
    assert loihi.chip.n_cores * loihi.core.sram.capacity == 16 * 2**20
    assert (loihi.core.limits.axons_in, loihi.core.sram.word, loihi.core.synapse.weight_bits) == (4096, 64, 9)
    assert loihi.core.sram.capacity * 8 // loihi.core.sram.word == 16_384  # synapse words
    assert (loihi.technology.node_nm, loihi.technology.voltage) == (14, 0.75)


def test_davies_2018_and_frady_2020_barriers(loihi):
    points = {point.tiles: point.value for point in loihi.sync.barrier.latency}
    assert (points[1], points[32]) == (113_000, 465_000)  # Davies 2018, Table 2
    assert points[4 * 64 * 32] == 14_300_000  # Frady 2020: a column of 4 x 64 chips
    assert points[12 * 64 * 32] == 16_200_000  # Frady 2020: 12 x 64 chips


def test_frady_2020_static_power_per_chip(loihi):
    assert loihi.chip.static_power.value == pytest.approx(3.34 / 32, rel=0.004)
    assert loihi.chip.static_power.grade == "measured"


def test_frady_2020_chip_crossing_is_the_same_from_both_barriers(loihi):
    column, all_chips = 14_300 / (2 * (3 + 63)), 16_200 / (2 * (11 + 63))  # ns per crossing, to the far corner and back
    assert column == pytest.approx(all_chips, rel=0.02)
    on_chip = 28.0
    link = loihi.noc.chip_link
    assert link.extra_cycles * loihi.noc.cycle.value / 1000 == pytest.approx(column - on_chip, rel=0.01)


@pytest.mark.parametrize(("input_spikes", "above_measured"), [(667, 0.089), (750, 0.202)])
def test_frady_2020_nearest_neighbour_search_of_1_33_mj_measured(loihi, input_spikes, above_measured):
    # each input spike reaches 76 800 patterns; 60 timesteps x 76 800 neurons = 4.6 million updates, nearly all idle
    synops_pj = input_spikes * 76_800 * loihi.core.synapse.synop.energy.value
    updates_pj = 60 * 76_800 * loihi.core.soma.update_idle.energy.value
    assert (synops_pj + updates_pj) * 1e-9 / 1.33 - 1 == pytest.approx(above_measured, abs=0.002)


def test_horowitz_2014_scaled_by_stillmaker_baas_2017_to_14_nm(loihi):
    factor = stillmaker_baas(14, 0.75) / stillmaker_baas(45, 0.9)
    assert factor == pytest.approx(0.098, abs=0.0002)
    pj_45nm = {"add": 0.4, "mul": 1.1, "mac": 1.5, "compare": 0.05}
    pj_45nm |= {"exp": 1.1 + 0.4 + 4 * 1.5 + 0.05, "div": 4 * 1.5 + 1.1}
    for name, pj in pj_45nm.items():
        assert getattr(loihi.vector, name).energy.low == pytest.approx(pj * factor, rel=0.01), name
    of_1_mib = load_chip("loihi-like", ["memory.capacity=1 MiB", "chip.static_fixed=true"]).memory.read
    assert of_1_mib.value == pytest.approx(100 / 64 * factor, rel=0.01)
    assert loihi.memory.read.value < of_1_mib.value


# --- TrueNorth -------------------------------------------------------------------------------------------------------

NEURONS = 2**20  # 4096 cores x 256
SYNAPSES = 128  # per neuron, in the characterization networks
HOPS = 2 * 21.3  # of an average spike in them, Merolla 2014 S7


def power_mw(chip, rate_hz, tick_hz=1000):
    """Power of the characterization network by the prices of the chip file."""
    per_spike_pj = SYNAPSES * chip.core.synapse.synop.energy.value + HOPS * chip.noc.hop_x.value
    per_tick_pj = NEURONS * chip.core.soma.update_idle.energy.value
    dynamic_mw = (NEURONS * rate_hz * per_spike_pj + tick_hz * per_tick_pj) * 1e-9
    return chip.chip.static_power.value * 1000 + dynamic_mw


@pytest.mark.parametrize(("rate_hz", "published_mw"), [(11.58, 68), (20.07, 71), (95.93, 94)])
def test_akopyan_2015_figure_17_power_at_0_8_volt_within_0_6_percent(truenorth, rate_hz, published_mw):
    assert power_mw(truenorth, rate_hz) == pytest.approx(published_mw, rel=0.006)


def test_akopyan_2015_affine_model_is_64_43_mw_and_2_297_pj_per_event(truenorth):
    assert power_mw(truenorth, 0) == pytest.approx(64.43, abs=0.01)
    slope_pj = (power_mw(truenorth, 100) - power_mw(truenorth, 0)) / (100 * NEURONS * SYNAPSES) * 1e9
    assert slope_pj == pytest.approx(2.297, abs=0.001)


def test_akopyan_2015_nothing_that_grows_with_activity_is_billed_twice(truenorth):
    core = truenorth.core
    for price in (
        core.axon_in.lookup.energy,
        core.synapse.word_read.energy,
        core.dendrite.accumulate.energy,
        core.soma.fire.energy,
        core.axon_out.packet.energy,
        truenorth.noc.local,
    ):
        assert price.included_in == "synapse.synop"
    assert truenorth.sync.barrier.energy.included_in == "static.power"


def test_merolla_2014_hop_is_72_fj_per_bit_of_a_32_bit_packet(truenorth):
    assert truenorth.noc.flit_bits == 32
    assert truenorth.noc.hop_x.value == truenorth.noc.hop_y.value == pytest.approx(0.072 * 32, rel=0.002)


def test_merolla_2014_chip_to_chip_is_26_pj_per_bit(truenorth, loihi, asic):
    for chip in (truenorth, loihi, asic):
        assert chip.noc.chip_link.hop.value == 26 * chip.noc.flit_bits


def test_merolla_2014_chip_to_chip_rate_is_160_million_spikes_per_second(truenorth):
    link_ps = truenorth.noc.chip_link.cycles_per_flit * truenorth.noc.cycle.value
    edge_links = 2 * (truenorth.chip.tiles_x + truenorth.chip.tiles_y)
    assert 2 * edge_links / (link_ps * 1e-12) == pytest.approx(160e6, rel=0.001)


def test_merolla_2014_row_read_is_47_fj_per_bit_of_410(truenorth):
    assert truenorth.core.soma.update_idle.energy.value == pytest.approx(0.047 * 410, abs=0.04)


def test_merolla_2014_geometry(truenorth):
    assert (truenorth.chip.n_cores, truenorth.core.limits.axons_in, truenorth.core.limits.neurons) == (4096, 256, 256)
    assert truenorth.core.sram.capacity * 8 == 256 * 256
    assert (truenorth.core.synapse.weight_bits, truenorth.core.dendrite.accumulator_bits) == (1, 20)


def test_akopyan_2015_fastest_tick_is_47_6_us_for_an_empty_timestep(truenorth):
    scan_ps = 256 * truenorth.core.soma.update_idle.latency.value
    (point,) = truenorth.sync.barrier.latency
    assert scan_ps + point.value == pytest.approx(1e9 / 21, rel=0.001)


# --- 45 nm chips -----------------------------------------------------------------------------------------------------


def test_horowitz_2014_operations_at_45_nm(asic):
    dense = load_chip("dense-int8-45nm")
    int8_add, int32_add, int8_mult = 0.03, 0.1, 0.2
    accumulate, mac = asic.core.dendrite.accumulate.energy, dense.core.dendrite.accumulate.energy
    assert (accumulate.low, accumulate.value) == (int8_add, int32_add)
    assert (mac.low, mac.value) == pytest.approx((int8_mult + int8_add, int8_mult + int32_add))
    vector = asic.vector
    assert (vector.add.energy.value, vector.mul.energy.value, vector.mac.energy.value) == (0.4, 1.1, 1.5)
    assert asic.memory.read.value == 100 / 64  # 1 MB SRAM, 64-bit access
    assert (asic.technology.node_nm, asic.technology.voltage) == (45, 0.9)


def test_cacti_7_row_read_of_512_bits(asic):
    price = asic.core.synapse.word_read.energy
    ports = asic.core.sram.word // 64
    assert price.value == pytest.approx(ports * 9.97, rel=0.001)  # 8 banks of 32 KiB, LSTP
    assert price.low == pytest.approx(ports * 5.22, rel=0.001)  # the same in LOP cells
    assert price.high == price.value  # HP cells take less, 8.42 pJ
    assert ports * 32 * 1024 == asic.core.sram.capacity


def test_park_2012_flit_hop(asic):
    at_1_1_volt = 531.4 / 892 * asic.noc.flit_bits  # mW / (Gb/s) = pJ per bit
    to_0_9_volt = stillmaker_baas(45, 0.9) / stillmaker_baas(45, 1.1)
    assert asic.noc.hop_x.value == pytest.approx(at_1_1_volt * to_0_9_volt, rel=0.005)
    assert asic.noc.hop_x.low == pytest.approx(at_1_1_volt * to_0_9_volt / 2.67, rel=0.01)
    assert asic.noc.hop_x.high == pytest.approx(22.7 + 2.24 + 0.91 + 64 * 1.2 * 0.264 / 2, rel=0.01)
