"""Commands about a job: train, watch, plan, verify."""
