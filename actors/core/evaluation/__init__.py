"""What a trained model gets right and wrong of a data set."""
