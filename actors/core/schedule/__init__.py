"""Pipeline schedules: made, checked, simulated and drawn."""
