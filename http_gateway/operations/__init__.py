"""The API, declared once: each operation is an entry of ``table``, and all else follows from it.

``routes`` makes the route with its checks and its part of /openapi.json, ``client`` the method of
``TandemClient``, ``ray_job_client`` the call of the JobManager's method of the same name.
"""
