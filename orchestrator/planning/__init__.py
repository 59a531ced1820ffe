"""Decides which layers go to which device, predicts a step's time, and says whether that pays.
Pure."""
