"""The gateway's page for Prometheus."""
