from __future__ import annotations

import torch

from actors.copies.snapshot_keeper import HeldSnapshot, SnapshotKeeper
from actors.copies.snapshot_transport import pack, unpack
from actors.core.model.model_spec import mlp
from actors.core.progress.snapshots import Cursor, Mark, StageSnapshot, TrainingState


def snapshot(step: int, start: int = 0, end: int = 2) -> StageSnapshot:
    weights = {
        f"{2 * layer}.weight": torch.full((2, 2), float(step)) for layer in range(start, end)
    }
    kept = {f"momentum.{name}": tensor + 1 for name, tensor in weights.items()}
    return StageSnapshot(start, end, Cursor(0, step), weights, kept)


def test_the_newest_two_are_kept_of_own_and_of_copies() -> None:
    keeper = SnapshotKeeper()
    for step in range(4):
        keeper.take(snapshot(step), Mark.SNAPSHOT)
        keeper.keep_copy(snapshot(step, 2, 3))
    assert keeper.held() == (
        HeldSnapshot(0, 2, (0, 2)),
        HeldSnapshot(0, 2, (0, 3)),
        HeldSnapshot(2, 3, (0, 2)),
        HeldSnapshot(2, 3, (0, 3)),
    )
    assert keeper.get(0, (0, 1)) is None
    found = keeper.get(2, (0, 3))
    assert found is not None and found.end == 3


def test_a_checkpoint_stays_until_the_next_one() -> None:
    keeper = SnapshotKeeper()
    assert keeper.checkpoint_position() is None
    keeper.take(snapshot(1), Mark.CHECKPOINT)
    for step in range(2, 6):
        keeper.take(snapshot(step), Mark.SNAPSHOT)
    assert keeper.checkpoint_position() == (0, 1) and keeper.get(0, (0, 1)) is not None


def test_what_arrives_has_the_same_bits_in_memory_of_its_own() -> None:
    sent = snapshot(7)
    got = unpack(pack(sent))
    assert (got.start, got.end, got.cursor) == (sent.start, sent.end, sent.cursor)
    assert all(torch.equal(got.weights[n], sent.weights[n]) for n in sent.weights)
    assert all(torch.equal(got.optimizer[n], sent.optimizer[n]) for n in sent.optimizer)
    assert got.weights["0.weight"].data_ptr() != sent.weights["0.weight"].data_ptr()


def test_a_state_can_be_cut_anew() -> None:
    state = TrainingState((snapshot(5, 0, 2), snapshot(5, 2, 3)))
    part = state.part(mlp((4, 3, 3, 2)), 1, 3)
    assert set(part.weights) == {"2.weight", "4.weight"}
    assert set(part.optimizer) == {"momentum.2.weight", "momentum.4.weight"}
    assert part.cursor.position == (0, 5)


def test_another_session_starts_with_the_weights_alone() -> None:
    state = TrainingState((snapshot(5),)).as_start()
    assert state.cursor == Cursor() and state.optimizer == {} and "0.weight" in state.weights
