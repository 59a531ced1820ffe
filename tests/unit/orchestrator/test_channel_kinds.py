from __future__ import annotations

import pytest

from actors.layer_actor import ChannelKind
from orchestrator.sessions.edges import channel_kinds

SHARED, CALLS = ChannelKind.SHARED_MEMORY, ChannelKind.ACTOR_CALLS


def test_devices_of_one_node_share_memory_and_fall_back_to_actor_calls() -> None:
    assert channel_kinds("auto", same_node=True) == [SHARED, CALLS]


def test_devices_of_two_nodes_call_each_other() -> None:
    assert channel_kinds("auto", same_node=False) == [CALLS]


@pytest.mark.parametrize("same_node", [True, False])
@pytest.mark.parametrize("kind", list(ChannelKind))
def test_a_forced_kind_is_the_only_one(kind: ChannelKind, same_node: bool) -> None:
    assert channel_kinds(kind.value, same_node) == [kind]
