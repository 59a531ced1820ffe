from __future__ import annotations

import torch

from actors.core.version import __version__
from actors.host_kind import HostKind, this_host
from orchestrator.bit_equality import differences

KIND = HostKind("0.1.0", "2.13.0", "A, AVX2")


def test_devices_that_are_alike_differ_in_nothing() -> None:
    assert differences({1: KIND, 2: KIND}, {1: 1, 2: 1}) == []


def test_each_difference_names_every_device() -> None:
    other = HostKind("0.1.0", "2.13.1", "B, AVX512")
    found = differences({1: KIND, 3: other}, {1: 1, 3: 2})
    assert found == [
        "the devices differ in CPU: device 1 has A, AVX2; device 3 has B, AVX512",
        "the devices differ in PyTorch: device 1 has 2.13.0; device 3 has 2.13.1",
        "the devices differ in threads: device 1 has 1; device 3 has 2",
    ]


def test_this_host_names_its_versions_and_its_cpu_with_what_torch_uses_of_it() -> None:
    host = this_host()
    assert (host.tandem, host.torch) == (__version__, torch.__version__)
    assert host.cpu.endswith(f", {torch.backends.cpu.get_cpu_capability()}")
