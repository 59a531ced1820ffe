"""A job's log: what happened to it, in order; history, steps, events and TFLOPs are views of it."""
