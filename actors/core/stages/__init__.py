"""One stage and what it is told: its blocks on a device, forward, backward and update."""
