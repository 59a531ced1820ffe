"""What a device's host is, and what it allows."""
