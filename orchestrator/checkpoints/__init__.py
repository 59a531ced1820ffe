"""Training states on disk: a file a stage, a manifest written last."""
