"""What a process uses of its device, as Linux tells it, or nothing where it doesn't."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.host.use_meter import UseMeter


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Gpu(ComputeDevice):
    """One that says what it has and draws."""

    accelerator = "Some GPU"

    def used_memory_bytes(self) -> int | None:
        return 7 * 2**30

    def power_w(self) -> float | None:
        return 250.5


@pytest.fixture
def clock() -> Clock:
    return Clock()


def package(root: Path, number: int, name: str = "package") -> Path:
    zone = root / "sys/class/powercap" / f"intel-rapl:{number}"
    zone.mkdir(parents=True)
    (zone / "name").write_text(f"{name}-{number}\n")
    return zone


def used(zone: Path, joules: float) -> None:
    (zone / "energy_uj").write_text(f"{joules * 1e6:.0f}\n")


def test_power_is_the_energy_of_all_packages_over_the_time(tmp_path: Path, clock: Clock) -> None:
    zones = [package(tmp_path, 0), package(tmp_path, 1)]
    used(package(tmp_path, 2, "psys"), 9e9)  # it has the others in it
    for zone in zones:
        used(zone, 1000.0)
    meter = UseMeter(CPU, tmp_path, clock)
    assert meter.power_w() is None
    clock.now += 0.2
    assert meter.power_w() is None
    clock.now += 1.8
    used(zones[0], 1030.0)
    used(zones[1], 1010.0)
    assert meter.power_w() == pytest.approx(20.0)
    clock.now += 0.1
    assert meter.power_w() == pytest.approx(20.0)


def test_a_counter_that_begins_anew_changes_nothing(tmp_path: Path, clock: Clock) -> None:
    zone = package(tmp_path, 0)
    used(zone, 1000.0)
    meter = UseMeter(CPU, tmp_path, clock)
    for joules, watts in ((1010.0, 5.0), (3.0, 5.0), (23.0, 10.0)):
        clock.now += 2.0
        used(zone, joules)
        assert meter.power_w() == pytest.approx(watts)


def test_where_nobody_tells_power_there_is_none(tmp_path: Path, clock: Clock) -> None:
    assert UseMeter(CPU, tmp_path, clock).power_w() is None
    package(tmp_path, 0)  # whose counter only root may read
    meter = UseMeter(CPU, tmp_path, clock)
    clock.now += 5.0
    assert meter.power_w() is None


def test_memory_is_what_the_process_shares_with_none(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/statm").write_text("5000 900 300 1 0 2000 0\n")
    assert UseMeter(CPU, tmp_path).memory_bytes() == 600 * os.sysconf("SC_PAGE_SIZE")
    assert (UseMeter(CPU).memory_bytes() or 0) > 10_000_000


def test_an_accelerator_tells_its_own(tmp_path: Path) -> None:
    meter = UseMeter(Gpu(), tmp_path)
    assert (meter.memory_bytes(), meter.power_w()) == (7 * 2**30, 250.5)
