"""The page at ``/``: its files, and the session of the browser that shows it."""
