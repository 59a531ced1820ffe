"""Folders and files: where a job's state may lie, and how values are written."""
