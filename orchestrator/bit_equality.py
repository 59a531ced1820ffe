"""Whether a session's devices are alike enough for the bits of a plain loop to be promised."""

from __future__ import annotations

from collections.abc import Mapping

from actors.host_kind import HostKind


def differences(hosts: Mapping[int, HostKind], threads: Mapping[int, int]) -> list[str]:
    """What differs between the devices (by id), a sentence each; none where all are alike.

    ``docs/numerics.md`` has why each of these matters.
    """
    compared = {
        "CPU": {device: host.cpu for device, host in hosts.items()},
        "PyTorch": {device: host.torch for device, host in hosts.items()},
        "threads": {device: str(count) for device, count in threads.items()},
    }
    return [
        f"the devices differ in {what}: {_listed(values)}"
        for what, values in compared.items()
        if len(set(values.values())) > 1
    ]


def _listed(values: Mapping[int, str]) -> str:
    return "; ".join(f"device {device} has {value}" for device, value in sorted(values.items()))
