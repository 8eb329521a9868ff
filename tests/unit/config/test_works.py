"""The table of works: what chip files cite, and what a chip file may write of it."""

import pytest

from simulator.config import list_chips, load_chip
from simulator.config.price_tables import DRAM
from simulator.config.works import works
from simulator.errors import ConfigError

MINE = "extends: loihi-like\nname: mine\nsources:\n  {}\n"


@pytest.mark.parametrize(
    ("key", "citation"),
    [
        ("davies2018", "M. Davies et al., Loihi: A Neuromorphic Manycore Processor with On-Chip Learning, IEEE Micro"
         " 38(1):82-99, 2018"),
        ("dramsim2020", "S. Li et al., DRAMsim3: A Cycle-Accurate, Thermal-Capable DRAM Simulator, IEEE CAL 19(2),"
         " 2020"),
        ("frady2020", "E. P. Frady et al., Neuromorphic Nearest Neighbor Search Using Intel's Pohoiki Springs, NICE"
         " 2020"),
        ("vpx2026", "vpx: persistent monitoring by an autoencoder on a Loihi 2 VPX board of 16 chips, arXiv 2608.18341,"
         " 2026"),
        ("intel2024", 'Intel, "Intel Builds World\'s Largest Neuromorphic System to Enable More Sustainable AI", 17'
         " April 2024"),
        ("aif2023", "AiF, 2023"),
    ],
)  # fmt: skip
def test_a_work_in_words(key, citation):
    assert works()[key].citation == citation
    assert works()[key].place(f"{citation}; Table 2") == "Table 2"
    assert works()[key].place("another one") is None


def test_every_source_of_every_shipped_chip_is_a_known_work():
    for name, _ in list_chips():
        for key, citation in load_chip(name).sources.items():
            assert works()[key].place(citation) is not None, (name, key)
    assert all(works()[entry.key].place(entry.citation) for entry in DRAM.values())


def test_a_chip_file_names_a_work_by_its_key(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE.format('park2012: "{work}, Fig. 3"'))
    sources = load_chip(str(path)).sources
    assert sources["park2012"] == f"{works()['park2012'].citation}, Fig. 3"
    path.write_text(MINE.format("own: A. Author, My chip, 2026"))
    assert load_chip(str(path)).sources["own"] == "A. Author, My chip, 2026"


def test_an_unknown_work_is_told_with_the_nearest_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE.format('park2021: "{work}, Fig. 3"'))
    with pytest.raises(
        ConfigError, match=r"mine.yaml:4:13: sources.park2021: found {work}, expected a key of a known work"
    ):
        load_chip(str(path))
