"""What the user's own tools are told of jobs: timelines and figures."""
