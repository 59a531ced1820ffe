from __future__ import annotations

import time

import torch

from actors.core.compute_device import CPU
from actors.core.profiles import (
    DeviceProfile,
    LayerKey,
    device_profile_json,
    layer_keys,
    parse_device_profile,
    stretched,
)
from actors.core.specs import NetworkSpec
from actors.stage_probe import (
    MAX_SHAPES,
    MAX_WEIGHTS,
    ProbeRequest,
    Timings,
    Watch,
    host_facts,
    probe,
)
from orchestrator.planning.layer_costs import layer_costs

SMALL = NetworkSpec((64, 32, 32, 32, 10))


def request(
    network: NetworkSpec, rows: tuple[int, ...] = (16, 4), budget_s: float = 0.2
) -> ProbeRequest:
    return ProbeRequest(network, 32, rows, torch.get_num_threads(), budget_s)


def test_each_kind_of_layer_is_measured_once_and_for_all_rows() -> None:
    found = probe(request(SMALL, budget_s=60.0))
    assert {layer.key for layer in found.layers} == {
        LayerKey(64, 32, is_first=True),
        LayerKey(32, 32),
        LayerKey(32, 10, is_last=True),
    }
    for layer in found.layers:
        assert [point.rows for point in layer.points] == [4, 16]
        for point in layer.points:
            assert min(vars(point.times).values()) > 0
        assert layer.update_s > 0
    assert found.matmul_flops_per_s > 1e6 and found.load_per_row_s > 0


def test_a_network_of_one_layer_is_first_and_last() -> None:
    found = probe(request(NetworkSpec((64, 10))))
    assert [layer.key for layer in found.layers] == [LayerKey(64, 10, True, True)]


def test_very_many_kinds_of_layers_are_measured_by_some_of_them() -> None:
    network = NetworkSpec(tuple(range(20, 80)))
    found = probe(request(network, rows=(4,)))
    assert len(found.layers) == MAX_SHAPES
    assert len(layer_costs(found, network, 4).forward_s) == network.num_layers


def test_a_huge_layer_is_measured_smaller_and_its_time_stretched() -> None:
    network = NetworkSpec((8, 5000, 5000, 10))
    found = probe(request(network, rows=(1,), budget_s=0.01))
    assert max(layer.key.num_weights for layer in found.layers) <= MAX_WEIGHTS
    middle = next(layer for layer in found.layers if not (layer.key.is_first or layer.key.is_last))
    costs = layer_costs(found, network, 1)
    stretched = costs.forward_s[1] / middle.points[0].times.forward_s
    assert abs(stretched - 25e6 / middle.key.num_weights) < 1e-6


def test_without_time_the_first_rows_are_measured_all_the_same() -> None:
    found = probe(request(SMALL, budget_s=0.0))
    assert all([point.rows for point in layer.points] == [16] for layer in found.layers)


def test_a_profile_survives_the_store() -> None:
    found = DeviceProfile(4, 2**33, None, probe(request(SMALL, rows=(4,))))
    assert parse_device_profile(device_profile_json(found)) == found


def test_the_memory_of_this_host_is_known() -> None:
    memory = host_facts().memory_bytes
    assert memory is not None and memory > 2**27


def test_the_keys_of_a_network_are_those_of_its_layers() -> None:
    assert len(layer_keys(SMALL)) == 4 and layer_keys(SMALL)[1] == layer_keys(SMALL)[2]


def test_a_core_that_is_shared_stretches_what_it_works_at() -> None:
    watch = Watch(CPU, 1)
    times: Timings = {}

    def work() -> None:
        end_s = time.thread_time() + 0.02
        while time.thread_time() < end_s:
            pass

    watch.time(times, "working", work)
    alone = watch.stretch
    watch.time(times, "waiting", lambda: time.sleep(0.02 * alone))
    assert watch.stretch > 1.9
    assert times["working"][0] >= 0.02 > times["waiting"][0]


def test_a_stretched_profile_takes_longer_at_everything_but_its_best() -> None:
    found = probe(request(SMALL, rows=(4,)))
    twice = stretched(found, 2.0)
    assert twice.matmul_flops_per_s == found.matmul_flops_per_s
    assert (
        twice.load_s == 2 * found.load_s and twice.overhead.update_s == 2 * found.overhead.update_s
    )
    before, after = found.layers[0], twice.layers[0]
    assert after.update_s == 2 * before.update_s
    assert after.points[0].times.weight_grad_s == 2 * before.points[0].times.weight_grad_s
