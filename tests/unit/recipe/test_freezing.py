"""Frozen parameters: the patterns that choose them, and what is saved."""

from __future__ import annotations

import re

import pytest

from actors.channels.channel import Receiver, Sender
from actors.core.errors import ChannelTimeout, InvalidRequest
from actors.core.model.facts import PerRow, model_facts
from actors.core.model.freezing import facts_with_frozen, learning_of
from actors.core.model.model_spec import mlp
from actors.loop.run_ahead import RunAhead
from actors.loop.stage_io import StageLinks
from tests.support.mailbox import Mailbox
from tests.support.models import CNN

MLP = mlp((8, 6, 4, 2))


def test_patterns_are_blocks_modules_or_parameters() -> None:
    assert learning_of(MLP, ("1",)).frozen == {"2.weight", "2.bias"}
    assert learning_of(MLP, ("2.weight",)).frozen == {"2.weight"}
    assert learning_of(MLP, ("*.bias",)).frozen == {"0.bias", "2.bias", "4.bias"}
    assert learning_of(CNN, ("5.0",)).frozen == {"5.0.weight", "5.0.bias"}
    assert learning_of(MLP, ()).frozen == frozenset()


def test_gradients_end_at_the_first_block_with_something_to_train() -> None:
    for patterns, first in (((), 0), (("0",), 1), (("0", "1"), 2), (("1", "2"), 0), (("0.b*",), 0)):
        learning = learning_of(MLP, patterns)
        assert learning.first == first
        assert [learning.computes_gradients(end) for end in (1, 2, 3)] == [
            end > first for end in (1, 2, 3)
        ]
        assert [learning.passes_back(start) for start in (0, 1, 2)] == [
            start > first for start in (0, 1, 2)
        ]


@pytest.mark.parametrize(
    ("patterns", "said"),
    [(("9",), "'9'"), (("head.*",), "'head.*'"), (("*",), "no parameter to train")],
)
def test_what_is_not_there_and_all_at_once_are_refused(
    patterns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        learning_of(MLP, patterns)


def test_what_is_frozen_costs_no_gradient_and_no_state() -> None:
    plain, frozen = model_facts(MLP), facts_with_frozen(MLP, ("0", "2"))
    nothing = PerRow()
    assert [block.parameter_bytes for block in frozen] == [0, plain[1].parameter_bytes, 0]
    for before, after in zip(plain, frozen, strict=True):
        state = before.parameter_bytes + before.buffer_bytes
        assert after.parameter_bytes + after.buffer_bytes == state
        assert after.forward == before.forward
    assert frozen[0].weight_grad == frozen[0].input_grad == frozen[0].saved == nothing
    assert frozen[1].weight_grad == plain[1].weight_grad and frozen[1].input_grad == nothing
    assert frozen[2].weight_grad == nothing and frozen[2].input_grad == plain[2].input_grad
    assert facts_with_frozen(MLP, ()) == plain


def test_a_stage_without_gradients_is_no_more_than_a_step_ahead() -> None:
    box = Mailbox(2, "backward")
    feeding = RunAhead(StageLinks(backward_in=Receiver(box, 1, 0.05)), False, True)
    fed = RunAhead(StageLinks(backward_out=Sender(box, 1, 0.05)), True, False)
    feeding.wait()  # nothing is sent yet
    feeding.sent(0)
    with pytest.raises(ChannelTimeout):
        feeding.wait()
    feeding.sent(0)
    fed.received(0)
    feeding.wait()
    feeding.wait()  # once told, it need not be told again


def test_a_stage_that_is_fed_and_feeds_tells_of_all_behind_it() -> None:
    """A snapshot counts on every stage having begun its step."""
    boxes = [Mailbox(2, f"backward {i}") for i in range(2)]
    ins, outs = ([end(box, 1, 0.05) for box in boxes] for end in (Receiver, Sender))
    first = RunAhead(StageLinks(backward_in=ins[0]), False, True)
    middle = RunAhead(StageLinks(backward_in=ins[1], backward_out=outs[0]), True, True)
    last = RunAhead(StageLinks(backward_out=outs[1]), True, False)
    first.sent(0)
    middle.received(0)
    middle.sent(0)
    with pytest.raises(ChannelTimeout):
        first.wait()  # the last one has nothing of the step yet
    last.received(0)
    middle.wait()
    first.sent(0)
    first.wait()


def test_a_number_is_a_block_and_nothing_else() -> None:
    with pytest.raises(InvalidRequest, match=r'blocks count from 0 to 2.*"9\.\*"'):
        learning_of(MLP, ("9",))
