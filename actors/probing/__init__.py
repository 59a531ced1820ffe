"""A LayerActor's measurements of its device and its links."""
