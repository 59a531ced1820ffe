"""Copies of a stage's state, kept where the loss of its device leaves them."""
