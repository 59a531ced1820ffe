"""Devices as jobs name them, the Ray nodes behind them, and who uses them."""
