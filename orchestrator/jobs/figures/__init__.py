"""Figures of a job that are drawn and compared: its curves, and what its devices did."""
