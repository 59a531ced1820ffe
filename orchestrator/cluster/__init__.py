"""Ray's own processes: starting a node, keeping it alive, ending it."""
