"""What a person asks a trained model, and the samples that it becomes. The gateway makes these
objects and imports no PyTorch; they become samples in the process that predicts."""
