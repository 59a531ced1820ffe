"""Commands about devices: head, join, doctor."""
