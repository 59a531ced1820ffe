"""Tools elsewhere that are told what happens to jobs: each at its own pace, from the jobs' log."""
