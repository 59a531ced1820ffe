"""The HTTP server: connections, their time and their errors."""
