"""Decides who may use the gateway, and names its addresses."""
