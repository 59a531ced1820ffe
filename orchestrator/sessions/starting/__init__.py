"""Starts LayerActors on the chosen devices and gives them their layers and data."""
