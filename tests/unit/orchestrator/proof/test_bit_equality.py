from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import torch

from actors.core.version import __version__
from actors.host.host_kind import HostKind, this_host
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.proof.bit_equality import (
    ComputedFrom,
    ComputedLayers,
    differences,
    given_up,
    given_up_before,
    note_generation,
)

KIND = HostKind("0.1.0", "2.13.0", "A, AVX2")


OTHER = HostKind("0.1.0", "2.13.1", "B, AVX512")


def by_devices(*devices: tuple[int, HostKind, int]) -> list[ComputedLayers]:
    """Id, host and threads of each, with a layer each."""
    return [
        ComputedLayers(i, i + 1, threads, asdict(host), (device,))
        for i, (device, host, threads) in enumerate(devices)
    ]


def read_back(computed: Sequence[ComputedFrom]) -> list[ComputedFrom]:
    """Stored and read again."""
    return [from_stored(ComputedFrom, to_stored(known)) for known in computed]


def test_devices_that_are_alike_differ_in_nothing() -> None:
    assert differences(note_generation([], 0, by_devices((1, KIND, 1), (2, KIND, 1)))) == []


def test_each_difference_names_every_device() -> None:
    found = differences(note_generation([], 0, by_devices((1, KIND, 1), (3, OTHER, 2))))
    assert found == [
        "the devices differ in CPU: device 1 has A, AVX2; device 3 has B, AVX512",
        "the devices differ in PyTorch: device 1 has 2.13.0; device 3 has 2.13.1",
        "the devices differ in threads: device 1 has 1; device 3 has 2",
    ]


def test_devices_of_another_generation_differ_as_well() -> None:
    first = note_generation([], 0, by_devices((1, KIND, 1), (2, KIND, 1)))
    again = note_generation(first, 5, by_devices((4, KIND, 1), (5, KIND, 1)))
    assert [known.first_step for known in again] == [0]
    later = read_back(note_generation(again, 9, by_devices((3, OTHER, 1))))
    (in_cpu, in_torch) = differences(later)
    assert all(f"device {i} has A" in in_cpu for i in (1, 2, 4, 5))
    assert "device 3 has B" in in_cpu and "differ in PyTorch" in in_torch
    redone = note_generation(later, 0, by_devices((3, OTHER, 1)))
    assert differences(redone) == []  # all of it, on one kind


def test_devices_that_an_earlier_version_did_not_note_are_counted() -> None:
    layers = [{"start": 0, "end": 1, "threads": 1, "host": asdict(KIND)}]
    old = from_stored(ComputedFrom, {"first_step": 0, "layers": layers})
    found = differences(note_generation([old], 5, by_devices((3, KIND, 2))))
    assert found == ["the devices differ in threads: device 3 has 2; an earlier device has 1"]


def test_an_accelerator_is_told_of_also_where_all_devices_have_it() -> None:
    gpu = HostKind("0.1.0", "2.13.0", "A, AVX2", "NVIDIA B")
    (told,) = differences(note_generation([], 0, by_devices((1, gpu, 1), (2, gpu, 1))))
    assert told.endswith("CPU: device 1 on NVIDIA B; device 2 on NVIDIA B")


def test_this_host_names_its_versions_and_its_cpu_with_what_torch_uses_of_it() -> None:
    host = this_host()
    assert (host.tandem, host.torch) == (__version__, torch.__version__)
    assert host.device == "CPU"
    assert host.cpu.endswith(f", {torch.backends.cpu.get_cpu_capability()}")


def layers(*threads: int, host: str = "a") -> list[ComputedLayers]:
    """One layer each."""
    return [ComputedLayers(i, i + 1, count, {"cpu": host}) for i, count in enumerate(threads)]


def test_layers_that_are_computed_alike_are_noted_as_one() -> None:
    (noted,) = note_generation([], 0, layers(2, 2, 1))
    assert [(own.start, own.end, own.threads) for own in noted.layers] == [(0, 2, 2), (2, 3, 1)]


def test_a_generation_that_computes_as_the_one_before_adds_nothing() -> None:
    first = note_generation([], 0, layers(1, 1, 1))
    moved = [ComputedLayers(0, 2, 1, {"cpu": "a"}), ComputedLayers(2, 3, 1, {"cpu": "a"})]
    assert note_generation(first, 7, moved) == first
    other = note_generation(first, 7, layers(1, 1, 1, host="b"))
    assert [known.first_step for known in other] == [0, 7]


def test_steps_that_are_done_again_count_as_computed_by_the_later_generation() -> None:
    noted = note_generation([], 0, layers(1))
    noted = note_generation(noted, 9, layers(2))
    assert note_generation(noted, 5, layers(1)) == noted[:1]
    redone = note_generation(noted, 5, layers(3))
    assert [(k.first_step, k.layers[0].threads) for k in redone] == [(0, 1), (5, 3)]
    assert [k.layers[0].threads for k in note_generation(noted, 0, layers(4))] == [4]


def test_a_lossy_wire_gives_up_bits_where_there_is_a_cut_and_that_is_not_forgotten() -> None:
    assert given_up("fp32", 3) == given_up("int8", 1) == []
    (sentence,) = given_up("int8", 2)
    assert sentence.startswith("wire int8: what crosses from one device to the next is rounded")
    assert given_up_before("int8", ["the devices differ in CPU", sentence]) == [sentence]
    assert given_up_before("bf16", [sentence]) == given_up_before("int8", []) == []
    rounded_at_cuts = "precision bf16: what crosses from one device to the next is rounded"
    assert given_up_before("fp32", [rounded_at_cuts, sentence]) == [rounded_at_cuts]
