from __future__ import annotations

import pytest

from orchestrator.devices.device_table import DeviceTable
from orchestrator.errors import DeviceBusy
from orchestrator.jobs.job import Device, PlannedStage
from orchestrator.jobs.job_lifecycle import Status
from tests.support.job_records import make_job

ONE, TWO = Device(1, "10.0.0.2", 5001), Device(2, "10.0.0.3", 5001)
THREE = Device(3, "10.0.0.4", 5001)


@pytest.fixture
def table() -> DeviceTable:
    return DeviceTable()


def test_a_held_device_is_refused_to_others_with_holder_and_remedies(table: DeviceTable) -> None:
    table.hold("1", [ONE])
    with pytest.raises(DeviceBusy) as caught:
        table.hold("2", [ONE])
    text = str(caught.value)
    assert "10.0.0.2:5001 is held by job 1" in text
    assert "DELETE /api/jobs/1 " in text and text.endswith("DELETE /api/devices/5001?job_id=1")


def test_the_holder_may_hold_again_and_more(table: DeviceTable) -> None:
    table.hold("1", [ONE])
    table.hold("1", [ONE, TWO])
    with pytest.raises(DeviceBusy):
        table.hold("2", [TWO])


def test_a_refused_job_holds_none_of_its_devices(table: DeviceTable) -> None:
    table.hold("1", [TWO])
    with pytest.raises(DeviceBusy, match=r"10\.0\.0\.3:5001"):
        table.hold("2", [ONE, TWO])
    table.hold("3", [ONE])


def test_the_same_device_has_another_id_in_another_job(table: DeviceTable) -> None:
    table.hold("1", [ONE])
    with pytest.raises(DeviceBusy):
        table.hold("2", [Device(7, ONE.ip, ONE.port)])


@pytest.mark.parametrize("other", [Device(1, "10.0.0.2", 5002), Device(1, "10.0.0.3", 5001)])
def test_another_port_or_another_ip_is_another_device(table: DeviceTable, other: Device) -> None:
    table.hold("1", [ONE])
    table.hold("2", [other])


def test_a_release_frees_what_the_job_holds_and_nothing_else(table: DeviceTable) -> None:
    table.hold("1", [ONE])
    table.hold("2", [TWO])
    table.release("1")
    table.hold("3", [ONE])
    with pytest.raises(DeviceBusy, match="held by job 2"):
        table.hold("3", [TWO])


def test_the_holders_are_told_and_can_not_be_changed_from_outside(table: DeviceTable) -> None:
    assert table.holders() == {}
    table.hold("1", [ONE, TWO])
    table.holders().clear()
    assert table.holders() == {("10.0.0.2", 5001): "1", ("10.0.0.3", 5001): "1"}


def test_a_job_that_holds_nothing_may_be_released(table: DeviceTable) -> None:
    table.hold("1", iter([ONE]))
    table.release("2")
    with pytest.raises(DeviceBusy):
        table.hold("2", [ONE])


def test_jobs_of_an_earlier_job_manager_hold_what_has_their_layers(table: DeviceTable) -> None:
    trains, waits, ended = make_job("1", ONE, TWO), make_job("2", TWO), make_job("3", THREE)
    trains.stages = (PlannedStage(ONE.device_id, 0, 3),)
    trains.status, waits.status, ended.status = Status.TRAINING, Status.INITIALIZED, Status.STOPPED
    table.hold_again([trains, waits, ended])
    assert table.holders() == {("10.0.0.2", 5001): "1", ("10.0.0.3", 5001): "2"}
