"""Problems of a single host, alone or compared with the gateway's."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cluster.ray_start import LITTLE_STORE_BYTES
from orchestrator.doctor import remedies
from orchestrator.doctor.facts import ClusterFacts, FolderFacts, HostFacts
from orchestrator.doctor.finding import GIB, MIB, Finding, Level, size_text, strangers_text

# Nothing in Tandem or Ray compares the clocks of two hosts, so a wrong one never ends a training
# and is no error, however wrong. Beyond a second, the logs of two devices can't be laid together.
MAX_CLOCK_OFFSET_S = 1.0
# A stage's worker process with torch has some 400 MB before it holds a single layer.
MIN_MEMORY_BYTES = 512 * MIB
LITTLE_MEMORY_BYTES = 1 * GIB
# Once a disk is 95 % full, Ray makes no object there that does not fit its store; below half a GiB
# its logs may fill the rest during a long training.
MAX_DISK_SHARE = 0.95
MIN_FREE_DISK_BYTES = 512 * MIB
# Ray itself refuses other minor versions of Python and other releases of Ray; with another torch it
# trains, but not to the same bits.
COMPARED: tuple[tuple[str, Level], ...] = (
    ("python", "error"),
    ("ray", "error"),
    ("torch", "warning"),
)
NEEDED = ("ray", "torch", "numpy")


def versions(facts: ClusterFacts) -> Iterator[Finding]:
    """Packages that are missing on a node, or differ from those on the gateway's host."""
    for name, host in facts.hosts():
        yield from packages(host, name, facts.host)
        for package, level in COMPARED:
            own = _comparable(package, facts.host.versions.get(package))
            there = _comparable(package, host.versions.get(package))
            if own is not None and there is not None and own != there:
                text = f"{name} has {package} {there}, but the gateway's host {own}"
                remedy = remedies.install(package, facts.host.versions)
                yield Finding(level, "versions", name, text, remedy)


def packages(host: HostFacts, node: str | None, model: HostFacts) -> Iterator[Finding]:
    """Packages that Tandem needs and that are not installed; ``model`` has the versions to
    install."""
    for package in NEEDED:
        if host.versions.get(package) is None:
            text = f"{node or 'This host'} has no {package} in its Python environment"
            remedy = remedies.install(package, model.versions)
            yield Finding("error", "versions", node, text, remedy)


def accelerators(facts: ClusterFacts) -> Iterator[Finding]:
    """Nodes with a GPU that torch can't use; ``versions`` reports a missing torch."""
    for node in facts.nodes:
        counted = node.checked.node.num_gpus
        torch = node.host.versions.get("torch") if node.host else None
        if counted and torch is not None and node.accelerators == ():
            gpus = f"{counted:g} GPU{'' if counted == 1 else 's'}"
            text = (
                f"Ray counts {gpus} on {node.name}, but torch {torch} there sees none: it computes "
                "on the CPU"
            )
            yield Finding("warning", "accelerators", node.name, text, remedies.find_gpu(torch))


def _comparable(package: str, version: str | None) -> str | None:
    """Python's minor version; of others what is before ``+cpu`` and the like."""
    if version is None:
        return None
    return ".".join(version.split(".")[:2]) if package == "python" else version.split("+")[0]


def clocks(facts: ClusterFacts) -> Iterator[Finding]:
    """Those that are wrong even if the reading was as much off as it could be."""
    for node in facts.nodes:
        clock = node.clock
        if clock is not None and abs(clock.ahead_s) - clock.within_s > MAX_CLOCK_OFFSET_S:
            side = "ahead of" if clock.ahead_s > 0 else "behind"
            text = (
                f"The clock of {node.name} is {abs(clock.ahead_s):.1f} s {side} that of the "
                f"gateway's host, more than {MAX_CLOCK_OFFSET_S:.0f} s: their logs can't be "
                "compared"
            )
            yield Finding("warning", "clock", node.name, text, remedies.set_clock(node.host))


def shared_memory(facts: ClusterFacts) -> Iterator[Finding]:
    """Object stores that are small, or larger than the memory that they should lie in."""
    for node in facts.nodes:
        store = node.checked.object_store_bytes
        shared = node.host.shared_memory_bytes if node.host else None
        if shared is not None and shared < store:
            text = (
                f"/dev/shm of {node.name} has {size_text(shared)}, but Ray's object store there "
                f"takes {size_text(store)}: the rest lies on the disk, which is slow"
            )
            remedy = remedies.enlarge_shared_memory(store)
            yield Finding("warning", "shared_memory", node.name, text, remedy)
        if store < LITTLE_STORE_BYTES:
            text = (
                f"Ray's object store of {node.name} has {size_text(store)}, less than "
                f"{size_text(LITTLE_STORE_BYTES)}: a data set may not fit"
            )
            remedy = remedies.restart(node.checked, facts.address, facts.gateway_ip)
            yield Finding("warning", "shared_memory", node.name, text, remedy)


def memories(facts: ClusterFacts) -> Iterator[Finding]:
    """Nodes with little memory available."""
    for name, host in facts.hosts():
        yield from memory(host, name)


def memory(host: HostFacts, node: str | None) -> Iterator[Finding]:
    """The memory of one host."""
    free = host.available_memory_bytes
    if free is not None and free < LITTLE_MEMORY_BYTES:
        low = free < MIN_MEMORY_BYTES
        limit = size_text(MIN_MEMORY_BYTES if low else LITTLE_MEMORY_BYTES)
        text = f"{node or 'This host'} has {size_text(free)} of memory available, less than {limit}"
        level: Level = "error" if low else "warning"
        yield Finding(level, "memory", node, text, remedies.SHOW_MEMORY_USE)


def disks(facts: ClusterFacts) -> Iterator[Finding]:
    """Nodes where Ray's temporary folder has little room."""
    for node in facts.nodes:
        if node.host is not None:
            yield from disk(node.host, node.name, node.checked.temp_dir)


def disk(host: HostFacts, node: str | None, folder: str) -> Iterator[Finding]:
    """The disk of one host."""
    total, free = host.disk_bytes, host.free_disk_bytes
    if not total or free is None:
        return
    share = 1 - free / total
    if free >= MIN_FREE_DISK_BYTES and share <= MAX_DISK_SHARE:
        return
    level: Level = "error" if free < MIN_FREE_DISK_BYTES else "warning"
    text = (
        f"The disk of Ray's folder {folder} on {node or 'this host'} has {size_text(free)} left "
        f"and is {share:.0%} full: {size_text(MIN_FREE_DISK_BYTES)} must be free, and it should "
        f"be at most {MAX_DISK_SHARE:.0%} full"
    )
    yield Finding(level, "disk", node, text, remedies.show_disk_use(folder))


def token_modes(facts: ClusterFacts) -> Iterator[Finding]:
    """Unset means disabled, as it does to Ray."""
    own = facts.host.auth_mode or "disabled"
    for name, host in facts.hosts():
        there = host.auth_mode or "disabled"
        if there != own:
            text = (
                f"RAY_AUTH_MODE is {there} on {name}, but {own} on the gateway's host: Ray may "
                "refuse what is started there"
            )
            yield Finding("warning", "token_mode", name, text, remedies.set_token_mode(own))


def folders(facts: ClusterFacts) -> Iterator[Finding]:
    """The gateway's own, that it can't write to or that are nearly full; and what lies there
    unused."""
    for each in facts.folders:
        yield from folder(each)
    if facts.strangers:
        yield Finding(
            "warning",
            "storage",
            None,
            f"{strangers_text(facts.strangers)}. They are left alone: delete them if you don't "
            "need them",
            remedies.show_folders(facts.strangers),
        )


def folder(checked: FolderFacts) -> Iterator[Finding]:
    """One folder. A data_dir may be read-only, as long as nothing has to be downloaded."""
    where = f"{checked.setting} {checked.path} on the gateway's host"
    if checked.error is not None:
        level: Level = "warning" if checked.setting == "data_dir" else "error"
        text = f"The {where} can't be written ({checked.error})"
        yield Finding(level, "storage", None, text, remedies.make_writable(checked))
    elif checked.free_bytes is not None and checked.free_bytes < MIN_FREE_DISK_BYTES:
        text = (
            f"The {where} has {size_text(checked.free_bytes)} left, less than "
            f"{size_text(MIN_FREE_DISK_BYTES)}"
        )
        yield Finding("warning", "storage", None, text, remedies.show_disk_use(checked.path))
    if checked.setting == "storage_path" and checked.network is not None:
        text = (
            f"The {where} lies on a network file system ({checked.network}): locks may fail there, "
            "and a slow link holds up every write"
        )
        yield Finding("warning", "storage", None, text, remedies.STORE_ELSEWHERE)
