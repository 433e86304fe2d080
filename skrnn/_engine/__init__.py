"""What trains and predicts: native kernels, or Keras's own loop where those cannot."""
