from __future__ import annotations

import pytest

from actors.channels.edge_ends import ChannelKind
from orchestrator.sessions.edges import channel_kinds

SHARED, GLOO, CALLS = ChannelKind.SHARED_MEMORY, ChannelKind.GLOO, ChannelKind.ACTOR_CALLS


def test_devices_of_one_node_share_memory_and_fall_back() -> None:
    assert channel_kinds("auto", same_node=True) == [SHARED, GLOO, CALLS]


def test_devices_of_two_nodes_connect_or_call_each_other() -> None:
    assert channel_kinds("auto", same_node=False) == [GLOO, CALLS]


@pytest.mark.parametrize(("same_node", "kind"), [(True, SHARED), (False, CALLS)])
def test_the_object_store_alone_is_one_kind_of_rays(same_node: bool, kind: ChannelKind) -> None:
    assert channel_kinds("object_store", same_node) == [kind]


@pytest.mark.parametrize("same_node", [True, False])
@pytest.mark.parametrize("kind", list(ChannelKind))
def test_a_forced_kind_is_the_only_one(kind: ChannelKind, same_node: bool) -> None:
    assert channel_kinds(kind.value, same_node) == [kind]
