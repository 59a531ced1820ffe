"""``make bench-combining``: whether devices are worth combining, and whether the planner knows."""
