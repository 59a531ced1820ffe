"""Bodies of requests and answers: what is checked, and what /openapi.json shows."""
