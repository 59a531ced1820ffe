"""From chosen devices to LayerActors that have their layers and their data."""
