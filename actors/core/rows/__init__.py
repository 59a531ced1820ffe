"""Rows that are read when they are needed. Nothing here needs PyTorch, so that a task that reads
starts sooner and takes less."""
