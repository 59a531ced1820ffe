"""Decides which devices take part: those that answer, newcomers, and those that are left out."""
