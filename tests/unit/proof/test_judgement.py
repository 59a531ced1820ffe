"""The result of a verification, from a replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from actors.core.model.model_spec import mlp
from actors.core.progress.snapshots import Tensors
from actors.core.stages.replay import Replayed
from actors.core.stages.specs import SessionSpec
from http_gateway.schemas.proof import Verified
from orchestrator.proof.bit_equality import ComputedFrom, ComputedLayers, given_up
from orchestrator.proof.judgement import Evidence, Place, judge
from orchestrator.proof.recorded import Claim, Kept, RecordedSession
from orchestrator.store.log.entries import LoggedStep
from tests.support.sources import views

HOST = {"tandem": "1.0", "torch": "2.13.0+cpu", "cpu": "Some CPU, AVX2"}
OTHER = {**HOST, "cpu": "Other CPU, DEFAULT"}
NETWORK = mlp((4, 3, 2))
SPEC = SessionSpec(1, 4, 4, 4, 10, 4, views())
LOSSES = (2.5, 2.25, 2.0, 1.5)
STEPS = tuple(LoggedStep(1 + i // 3, 1 + i % 3, loss) for i, loss in enumerate(LOSSES))
NOTED = (ComputedFrom(0, (ComputedLayers(0, 2, 1, HOST),)),)


def weights(value: float = 1.0) -> Tensors:
    return {"0.weight": torch.ones(3, 4), "2.bias": torch.tensor([value, 0.0])}


def evidence(
    losses: tuple[float, ...] = LOSSES,
    own: Tensors | None = None,
    kept: Kept | None = Kept(4, "step-4"),  # noqa: B008
    host: dict[str, str] = HOST,
    session: RecordedSession = RecordedSession(1, SPEC, NOTED),  # noqa: B008
    **changes: Any,
) -> Evidence:
    claim = Claim("7", NETWORK, (session,), (4,), STEPS, kept)
    found = Replayed(losses, weights() if own is None and kept else own)
    usual = Evidence(claim, found, weights() if kept else None, None, Place("device 1", host, 0.5))
    return replace(usual, **changes)


def judged(given: Evidence) -> dict[str, Any]:
    answer = judge(given)
    Verified(**answer)
    return answer


def test_equal_losses_and_weights_are_equal() -> None:
    told = judged(evidence())
    assert told["equal"] and told["steps"] == 4 and told["reason"] == []
    assert told["largest_loss_difference"] == 0.0 and told["first_difference"] is None
    assert told["weights"]["compared_at_step"] == 4 and told["weights"]["equal"]
    assert told["message"] == (
        "The first 4 steps, trained again by a plain PyTorch loop on device 1, gave the same "
        "losses, bit for bit. The weights after step 4 are the same, bit for bit."
    )


def test_another_loss_is_named_with_its_step_and_the_largest_difference() -> None:
    told = judged(evidence((2.5, 2.25, 2.0625, 1.25)))
    assert not told["equal"] and told["largest_loss_difference"] == 0.25
    assert told["first_difference"] == {"epoch": 1, "step": 3, "loss": 2.0, "replayed_loss": 2.0625}
    assert "other losses from step 3 of epoch 1 on: 2.0 is on record" in told["message"]
    (reason,) = told["reason"]
    assert reason.startswith("none is known") and "GET /api/jobs/7/events" in reason


def test_a_single_bit_of_a_weight_is_found() -> None:
    off = weights()
    off["2.bias"].view(torch.int32)[0] += 1
    told = judged(evidence(own=off))
    assert not told["equal"] and told["first_difference"] is None
    assert told["weights"]["parameter"] == "2.bias"
    assert told["weights"]["largest_difference"] == 2**-23
    signed = weights()
    signed["2.bias"][1] = -0.0
    told = judged(evidence(own=signed))
    assert not told["equal"] and told["weights"]["largest_difference"] == 0.0


def test_another_kind_of_host_is_the_reason_but_only_where_bits_differ() -> None:
    assert judged(evidence(host=OTHER))["reason"] == []
    told = judged(evidence((2.5, 2.25, 2.0, 1.0), host=OTHER))
    assert told["reason"] == [
        "CPU: layers [0, 2) were trained on Some CPU, AVX2, and replayed on Other CPU, DEFAULT"
    ]


def test_a_host_that_came_after_the_first_difference_is_no_reason() -> None:
    later = (*NOTED, ComputedFrom(3, (ComputedLayers(0, 2, 1, OTHER),)))
    session = RecordedSession(1, SPEC, later)
    assert "none is known" in judged(evidence((1.0, *LOSSES[1:]), session=session))["reason"][0]
    told = judged(evidence((*LOSSES[:3], 1.0), session=session))
    assert told["reason"] == [
        "CPU: layers [0, 2) were trained on Other CPU, DEFAULT, and replayed on Some CPU, AVX2"
    ]


def test_what_was_rounded_between_devices_is_the_reason() -> None:
    (reason,) = given_up("bf16", 2)
    several = RecordedSession(1, SPEC, NOTED, given_up=(reason,))
    told = judged(evidence((1.0, *LOSSES[1:]), session=several))
    assert told["reason"] == [reason]
    assert not told["equality_expected"]
    assert told["message"].startswith(f"Equal bits were not to be expected, {reason}. The first")
    alone = judged(evidence((1.0, *LOSSES[1:]), session=replace(several, given_up=())))
    assert "none is known" in alone["reason"][0] and alone["equality_expected"]


def test_the_distance_is_told_for_losses_and_for_whole_parameters() -> None:
    own = {"0.weight": torch.full((3, 4), 1.25), "2.bias": torch.tensor([1.0, 0.0])}
    told = judged(evidence((2.5, 2.25, 1.6, 1.5), own=own))
    assert told["relative_loss_difference"]["largest"] == pytest.approx(0.25)
    assert told["relative_loss_difference"]["mean"] == pytest.approx(0.25 / 4)
    assert told["weights"]["relative_difference"]["largest"] == pytest.approx(0.2)
    assert told["weights"]["relative_difference"]["mean"] == pytest.approx(0.1)
    assert "0.25 of its size at most, 0.062 in the mean" in told["message"]
    zero = judged(evidence())
    assert zero["relative_loss_difference"] == {"largest": 0.0, "mean": 0.0}


def test_threads_that_nobody_noted_may_be_the_reason() -> None:
    told = judged(evidence((1.0, *LOSSES[1:]), session=RecordedSession(1, SPEC)))
    assert "threads of each layer in session 1" in told["reason"][0]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"kept": None}, "no weights of this or an earlier step are kept"),
        ({"kept": Kept(4, "x"), "replayed": Replayed(LOSSES[:2], None)}, "not enough time"),
        ({"unreadable": "it is damaged"}, "the weights of step 4 can't be read: it is damaged"),
    ],
)
def test_weights_that_were_not_compared_are_said_not_to_be(
    changes: dict[str, Any], note: str
) -> None:
    given = evidence(kept=changes.pop("kept", Kept(4, "x")))
    if "unreadable" in changes:
        changes["kept"] = None
    told = judged(replace(given, **changes))
    assert told["equal"] and told["weights"]["equal"] is None and note in told["weights"]["note"]
    assert f"Weights were not compared: {told['weights']['note']}." in told["message"]


def test_the_next_kept_weights_are_named() -> None:
    claim = Claim("7", NETWORK, (RecordedSession(1, SPEC, NOTED),), (4,), STEPS, None, 230)
    told = judged(evidence(kept=None, claim=claim))
    assert told["weights"]["note"].endswith("the next are those of step 230")


def test_steps_that_the_time_did_not_suffice_for_are_told() -> None:
    told = judged(evidence(replayed=Replayed(LOSSES[:3], None)))
    assert told["steps"] == 3 and "After 0 s it stopped, 1 steps short." in told["message"]


def test_what_is_no_number_is_null() -> None:
    told = judged(evidence((2.5, float("nan"), 2.0, 1.5), own=weights(float("inf"))))
    assert told["largest_loss_difference"] is None
    assert told["relative_loss_difference"] is None
    assert told["weights"]["relative_difference"] is None
    assert told["first_difference"]["replayed_loss"] is None
    assert told["weights"]["largest_difference"] is None and not told["weights"]["equal"]
