"""``make bench-network``: a pipeline of two devices over links as homes have them."""
