"""Turns the user's own files into arrays; shared by the kinds that are formats."""
