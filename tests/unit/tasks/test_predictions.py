from __future__ import annotations

import torch

from actors.core.tasks.registry import TASKS


def test_each_task_answers_by_names_of_its_own() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, -1.0, 0.5]])
    found = TASKS["classification"].predictions(logits)
    assert found["classes"].tolist() == [1, 0]
    assert torch.equal(found["probabilities"], logits.softmax(dim=1))
    assert TASKS["regression"].predictions(logits)["values"].tolist() == logits.tolist()
    found = TASKS["multilabel"].predictions(logits)
    assert found["labels"].tolist() == [[0, 1, 1], [1, 0, 1]]
    assert torch.equal(found["probabilities"], logits.sigmoid())
    found = TASKS["binary"].predictions(logits[:, :1])
    assert found["classes"].tolist() == [0, 1]
    assert torch.equal(found["probabilities"], logits[:, 0].sigmoid())


def test_of_a_text_the_token_after_the_last_one_is_told() -> None:
    outputs = torch.zeros(2, 3, 4)
    outputs[0, 2, 1] = outputs[1, 2, 3] = 5.0
    outputs[:, 0, 2] = 9.0
    found = TASKS["next_token"].predictions(outputs)
    assert found["tokens"].tolist() == [1, 3]
    assert torch.equal(found["probabilities"], outputs[:, -1].softmax(dim=1))


def test_what_is_told_is_what_a_validation_counts_however_close_it_is() -> None:
    """Probabilities are rounded: here they are equal."""
    logits = torch.tensor([[0.0, 1e-9]])
    assert torch.equal(*logits.softmax(dim=1)[0])
    for kind, name, outputs in (
        ("classification", "classes", logits),
        ("next_token", "tokens", logits[:, None]),
    ):
        task = TASKS[kind]
        targets = torch.zeros(1, dtype=torch.int64).view(outputs.shape[:-1])
        predicted = task.score(outputs, targets)[2]
        assert task.predictions(outputs)[name].tolist() == predicted.tolist() == [1]
