"""``make bench-pipeline``: a pipeline of two stages, ours and torch.distributed.pipelining's."""
