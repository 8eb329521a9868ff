"""`spikewatt sweep` and `spikewatt rerun`, as a user calls them."""

from contextlib import chdir
from pathlib import Path

import pytest
from program import run_program

SWEEP = """\
name: small
summary: Lanes against the price of a hop
base: sdllm-asic-45nm
trace: {trace}
axes:
  core.synapse.lanes: [8, 64]
  noc.hop_x: [1 pJ, 2 pJ]
objectives: [energy.per_token_pj, latency.per_token_ps]
tolerance: 0%
"""


@pytest.fixture
def file(work: Path, trace_file: Path) -> Path:
    path = work / "small.yaml"
    path.write_text(SWEEP.format(trace=trace_file))
    return path


def test_a_sweep_is_computed_once_and_its_points_again_on_request(file: Path) -> None:
    done = run_program("sweep", file, "--quiet")
    assert (done.code, done.out.splitlines()[-1]) == (
        0, "computed 4, reused 0, failed 0: reports/sweeps/small/sweep.html",
    )  # fmt: skip
    assert run_program("sweep", file, "--quiet").out.splitlines()[-1].startswith("computed 0, reused 4, failed 0")
    for point in Path("reports/sweeps/small/points").iterdir():
        done = run_program("rerun", point.name)
        assert (done.code, done.out) == (0, f"{point}/result.json: the same bytes\n")
    page = Path("reports/sweeps/small/sweep.html").read_text()
    assert "2 of 4 points are on the Pareto front" in page or "1 of 4 points" in page
    assert 'aria-label="Parallel coordinates' in page


def test_rerun_from_another_folder(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A sweep names its trace relative to the folder in which it ran."""
    trace = Path("here.npz")
    assert run_program("synthesize", "--sizes", "6,5", "--tokens", "2", "--out", trace).code == 0
    file.write_text(SWEEP.format(trace=trace).replace("[8, 64]", "[8]"))
    assert run_program("sweep", file, "--quiet").code == 0
    point = next(Path("reports/sweeps/small/points").iterdir()).absolute()
    with chdir(tmp_path_factory.mktemp("elsewhere")):
        done = run_program("rerun", point)
    assert (done.code, done.out) == (0, f"{point}/result.json: the same bytes\n")


def test_rerun_says_what_differs(file: Path) -> None:
    run_program("sweep", file, "--quiet")
    result = next(Path("reports/sweeps/small/points").glob("*/result.json"))
    result.write_text(result.read_text().replace('"tokens": 2', '"tokens": 3'))
    done = run_program("rerun", result.parent)
    assert (done.code, done.out) == (1, f"{result}: differs\n  trace.tokens: 3, now 2\n")


def test_a_part_that_is_none(file: Path, refused) -> None:
    assert refused(run_program("sweep", file, "--shard", "3/2")).startswith("--shard: found '3/2', expected i/N")
