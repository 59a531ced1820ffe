"""Files of trained models that other programs take: programs, ONNX, bundles."""
