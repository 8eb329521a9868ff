"""Where the groups of a sweep are computed: in this process, in local processes, or on a Dask cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from simulator.engine.machine_memory import default_limit_bytes
from simulator.engine.warmup import warm_up
from simulator.errors import SpikewattError
from simulator.orphans import end_with
from simulator.sweep.compute import Group, compute_group
from simulator.sweep.store import Store

Outcome = tuple[int, int]  # points of a group, and how many of them failed
RESTARTS = 3  # of the local processes after one of them was killed


def local_outcomes(groups: Sequence[Group], store: Store, jobs: int) -> Iterator[Outcome]:
    """The outcome of each group as it is done, in any order, from ``jobs`` processes of this machine.

    When a process is killed, the groups that were not done are taken up by new processes, up to `RESTARTS` times.

    Raises
    ------
    SpikewattError
        When processes keep being killed.
    """
    if jobs == 1 or len(groups) < 2:
        yield from (compute_group(group, store, Path.cwd()) for group in groups)
        return
    for group in groups:  # compiled once here, loaded by the workers
        for point in group:
            warm_up(point.chip)
    open_groups = dict(enumerate(groups))
    absolute = Store(store.folder.absolute())  # workers outlive a change of the working directory
    for _ in range(1 + RESTARTS):
        try:
            for i, outcome in _parallel(open_groups, absolute, jobs):
                del open_groups[i]
                yield outcome
            return
        except TerminatedWorkerError:
            continue
    raise SpikewattError(
        f"{len(open_groups)} groups of points are not done: a process was killed {1 + RESTARTS} times,"
        " perhaps for lack of memory; what is done is kept, try again with fewer --jobs"
    )


def _parallel(groups: dict[int, Group], store: Store, jobs: int) -> Iterator[tuple[int, Outcome]]:
    """(number, outcome) of each group as it is done; the processes share the memory of the machine."""
    limit = default_limit_bytes()
    share = None if limit is None else limit // jobs
    here = os.getpid()
    work = (delayed(_numbered)(i, group, store, Path.cwd(), share, here) for i, group in list(groups.items()))
    outcomes = Parallel(n_jobs=jobs, backend="loky", batch_size=1, return_as="generator_unordered")(work)
    try:
        for outcome in outcomes:  # noqa: UP028 - `yield from` would close it before the warning is silenced
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's advice on tasks that Ctrl-C has cancelled
            outcomes.close()


def _numbered(
    i: int, group: Group, store: Store, root: Path, memory_limit_bytes: int | None, parent: int
) -> tuple[int, Outcome]:
    end_with(parent)
    return i, compute_group(group, store, root, memory_limit_bytes)


def dask_outcomes(groups: Sequence[Group], store: Store, address: str) -> Iterator[Outcome]:
    """The outcome of each group as it is done, from the workers of the Dask scheduler at ``address``.

    The workers must see the same files at the same paths. Dask gives the group of a worker that dies to another one; a
    group whose worker died too often is left out, and the next call computes it.

    Raises
    ------
    SpikewattError
        When the extra ``cluster`` is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise SpikewattError("--dask needs the extra cluster: pip install 'spikewatt[cluster]'") from None
    try:
        client = Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SpikewattError(f"--dask {address}: no scheduler answers there: {error}") from None
    absolute = Store(store.folder.absolute())
    with client:
        work = [client.submit(compute_group, group, absolute, Path.cwd(), pure=False) for group in groups]
        for done in as_completed(work, loop=client.loop):  # type: ignore[no-untyped-call]
            yield done.result() if done.status == "finished" else (0, 0)
