"""Requests with an Idempotency-Key: which are under way, and what was answered."""
