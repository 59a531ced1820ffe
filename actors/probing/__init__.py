"""What a LayerActor measures of its device and of its links."""
