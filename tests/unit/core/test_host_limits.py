from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from actors.host import host_limits
from actors.host.host_limits import Memory, kernel_kills, usable_cores, usable_memory

GIB, MIB = 2**30, 2**20
HOST = {"proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n"}
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
)
UNLIMITED = "9223372036854771712\n"


def host(root: Path, files: Mapping[str, str]) -> Path:
    """A folder that looks like ``/`` of a host with 8 GiB, half of them available."""
    for name, text in {**HOST, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)), raising=False)


def test_without_groups_a_process_may_use_what_the_host_has(tmp_path: Path) -> None:
    root = host(tmp_path, {})
    assert usable_memory(root) == Memory(8 * GIB, 4 * GIB)
    assert usable_cores(root) == 4


def test_a_container_by_cgroup_v2_has_its_limit_and_what_that_leaves(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": V2_MOUNT,
        "sys/fs/cgroup/memory.max": f"{GIB}\n",
        "sys/fs/cgroup/memory.high": "max\n",
        "sys/fs/cgroup/memory.current": f"{700 * MIB}\n",
        "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {100 * MIB}\nactive_file {50 * MIB}\n",
        "sys/fs/cgroup/cpu.max": "150000 100000\n",
    }
    root = host(tmp_path, files)
    assert usable_memory(root) == Memory(GIB, (1024 - 550) * MIB)
    assert usable_cores(root) == 1


def test_the_least_limit_of_a_group_and_those_above_it_counts(tmp_path: Path) -> None:
    slices = "sys/fs/cgroup/user.slice"
    files = {
        "proc/self/cgroup": "0::/user.slice/run.scope\n",
        "proc/self/mountinfo": V2_MOUNT,
        f"{slices}/memory.max": f"{3 * GIB}\n",
        f"{slices}/memory.current": f"{2 * GIB}\n",
        f"{slices}/cpu.max": "max 100000\n",
        f"{slices}/run.scope/memory.max": "max\n",
        f"{slices}/run.scope/memory.high": f"{6 * GIB}\n",
        f"{slices}/run.scope/memory.current": "0\n",
        f"{slices}/run.scope/cpu.max": "200000 100000\n",
    }
    root = host(tmp_path, files)
    assert usable_memory(root) == Memory(3 * GIB, GIB)
    assert usable_cores(root) == 2


def test_groups_of_cgroup_v1_count_with_their_children(tmp_path: Path) -> None:
    memory, cpu = "sys/fs/cgroup/memory/job", "sys/fs/cgroup/cpu/job"
    files = {
        "proc/self/cgroup": "9:name=systemd:/\n4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n",
        "proc/self/mountinfo": V1_MOUNTS,
        "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
        f"{memory}/memory.limit_in_bytes": f"{2 * GIB}\n",
        f"{memory}/memory.usage_in_bytes": f"{GIB}\n",
        f"{memory}/memory.stat": f"inactive_file 5\ntotal_inactive_file {256 * MIB}\n",
        f"{cpu}/cpu.cfs_quota_us": "50000\n",
        f"{cpu}/cpu.cfs_period_us": "100000\n",
    }
    root = host(tmp_path, files)
    assert usable_memory(root) == Memory(2 * GIB, GIB + 256 * MIB)
    assert usable_cores(root) == 1


@pytest.mark.parametrize("own", ["/docker/abc", "/", "/elsewhere", "/../../other"])
def test_a_container_that_sees_its_group_only_finds_it_however_the_group_is_called(
    tmp_path: Path, own: str
) -> None:
    mounted = "30 23 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    files = {
        "proc/self/cgroup": f"4:memory:{own}\n",
        "proc/self/mountinfo": V1_MOUNTS + mounted,
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "0\n",
    }
    assert usable_memory(host(tmp_path, files)).total_bytes == GIB


def test_a_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": V2_MOUNT,
        "sys/fs/cgroup/memory.high": f"{GIB}\n",
        "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
    }
    assert usable_memory(host(tmp_path, files)) == Memory(GIB, 0)


@pytest.mark.parametrize("quota", ["-1\n", "0\n", "a word\n"])
def test_no_quota_leaves_all_cores(tmp_path: Path, quota: str) -> None:
    files = {
        "proc/self/cgroup": "3:cpu,cpuacct:/\n",
        "proc/self/mountinfo": V1_MOUNTS,
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert usable_cores(host(tmp_path, files)) == 4


def test_a_limit_of_the_process_itself_counts() -> None:
    script = "from actors.host.host_limits import usable_memory; print(usable_memory())"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 * GIB, 3 * GIB))

    command = [sys.executable, "-c", script]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=60)
    assert f"total_bytes={3 * GIB}" in done.stdout, done.stderr


def test_where_there_is_no_such_table_psutil_is_asked(tmp_path: Path) -> None:
    found = usable_memory(tmp_path)
    assert found.total_bytes is not None and found.available_bytes is not None
    assert 0 < found.available_bytes <= found.total_bytes


def test_without_psutil_the_system_is_asked_and_what_it_does_not_know_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    known = {"SC_PHYS_PAGES": 100, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", lambda name: known[name] if name in known else int(name))
    assert usable_memory(tmp_path) == Memory(100 * 4096, None)


def test_where_affinity_is_unknown_the_host_s_cores_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores(tmp_path) == (os.cpu_count() or 1)


def test_nothing_else_asks_the_host_for_its_memory_or_its_cores() -> None:
    """Other code would see what a container, a control group or ``taskset`` does not leave it."""
    root = Path(host_limits.__file__).parents[2]
    names = ("virtual_memory", "cpu_count", "sched_getaffinity", "SC_PHYS_PAGES", "meminfo")
    sources = (
        p
        for floor in ("actors", "orchestrator", "http_gateway")
        for p in (root / floor).rglob("*.py")
    )
    asking = [p.name for p in sources if any(name in p.read_text() for name in names)]
    assert asking == ["host_limits.py"]


def test_what_the_kernel_has_ended_is_counted_for_the_group_and_the_host(tmp_path: Path) -> None:
    events = "low 0\nhigh 3\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n"
    files = {
        "proc/self/mountinfo": V2_MOUNT,
        "proc/self/cgroup": "0::/jobs/own\n",
        "proc/vmstat": "nr_free_pages 12\noom_kill 5\n",
        "sys/fs/cgroup/jobs/own/memory.events": events.replace("oom_kill 2", "oom_kill 1"),
        "sys/fs/cgroup/jobs/memory.events": events,
    }
    assert kernel_kills(host(tmp_path, files)) == (2, 5)


def test_kills_are_counted_by_cgroup_v1_too(tmp_path: Path) -> None:
    control = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    files = {
        "proc/self/mountinfo": V1_MOUNTS,
        "proc/self/cgroup": "4:memory:/jobs/own\n",
        "sys/fs/cgroup/memory/jobs/own/memory.oom_control": control,
        "sys/fs/cgroup/memory/memory.oom_control": control.replace("3", "1"),
    }
    assert kernel_kills(host(tmp_path, files)) == (3, None)


def test_a_system_that_counts_no_kills_tells_none(tmp_path: Path) -> None:
    assert kernel_kills(host(tmp_path, {"proc/vmstat": "nr_free_pages 12\n"})) == (None, None)
