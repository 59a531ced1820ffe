"""The gateway as a process: its start, its watch over Ray, its end."""
