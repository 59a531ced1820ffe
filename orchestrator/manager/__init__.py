"""The JobManager's process from outside: its settings, its start and its end."""
