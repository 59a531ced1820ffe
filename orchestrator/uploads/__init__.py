"""Uploaded data sets: how a body becomes files, and where these lie. Nothing here needs PyTorch."""
