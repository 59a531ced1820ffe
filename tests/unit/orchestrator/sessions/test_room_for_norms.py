from __future__ import annotations

import torch

from actors.channels.messages import encode
from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.recipe.clipping import gradient_norms
from actors.core.recipe.wire_format import pack
from orchestrator.sessions.edges import norms_bytes
from tests.support.models import CNN, TRANSFORMER


def test_the_norms_of_all_blocks_before_an_edge_have_room_there() -> None:
    for model in (CNN, TRANSFORMER):
        for end in range(1, num_blocks(model)):
            parameters = build_blocks(model, 0, end).parameters()
            norms = gradient_norms([torch.ones_like(p) for p in parameters])
            assert len(norms) > 0
            assert sum(map(len, encode(1, 1, 1, pack(norms)))) <= norms_bytes(model, end)
