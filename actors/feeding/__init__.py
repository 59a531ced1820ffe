"""Rows that are read while a session trains."""
