"""Which layers go to which device, how long a step takes, and whether that pays. Pure."""
