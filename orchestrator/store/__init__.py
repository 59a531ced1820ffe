"""What survives a restart: jobs, devices, sessions, results, in SQLite."""
