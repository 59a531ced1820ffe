"""Proof on request: what a verification tells."""

from __future__ import annotations

from pydantic import BaseModel, Field


class FirstDifference(BaseModel):
    """The first step whose loss is another one; null stands for what is no number."""

    epoch: int
    step: int
    loss: float | None = Field(description="as recorded when it was trained")
    replayed_loss: float | None


class RelativeDifference(BaseModel):
    """Over the size of what the plain loop gave: of each step's loss, or of each parameter by its
    2-norm."""

    largest: float
    mean: float


class VerifiedWeights(BaseModel):
    """Of every parameter of the network."""

    compared_at_step: int | None = Field(
        description="steps since the weights were drawn; null: they were not compared"
    )
    equal: bool | None = Field(description="bit for bit")
    largest_difference: float | None = Field(
        description="of any number; null also where one is no number"
    )
    relative_difference: RelativeDifference | None = Field(
        description="of whole parameters; null also where one is no number"
    )
    parameter: str | None = Field(description="in which the largest difference is")
    note: str | None = Field(description="why they were not compared")


class Verified(BaseModel):
    """POST /api/jobs/<job_id>/verify."""

    job_id: str
    equal: bool = Field(description="all that was compared is equal, bit for bit")
    equality_expected: bool = Field(
        description="false where a lossy wire gave up the bits: then the distance is the answer"
    )
    steps: int = Field(description="whose losses were compared")
    largest_loss_difference: float | None = Field(description="null where one is no number")
    relative_loss_difference: RelativeDifference | None = Field(
        description="of the steps' losses; null where one is no number"
    )
    first_difference: FirstDifference | None
    weights: VerifiedWeights
    reason: list[str] = Field(
        description="why bits differ: kind of CPU, build of PyTorch, threads, …; empty when equal"
    )
    device: str = Field(description="where it was trained again")
    host: dict[str, str] = Field(description="its kind: CPU, versions")
    seconds: float = Field(description="that the replay took")
    message: str
