"""Proof on request: a job trained once more without a pipeline, and compared."""
