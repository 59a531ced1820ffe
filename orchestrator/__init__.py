"""Owns jobs: decides what runs where, and drives it."""
