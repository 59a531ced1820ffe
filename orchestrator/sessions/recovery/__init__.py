"""Snapshots and checkpoints, and the way back to them after a failure."""
