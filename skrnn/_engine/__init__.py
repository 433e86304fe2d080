"""Training and prediction: the network, native kernels for the CPU, and Keras's built-in training loop as a fallback.

Imports `_data` and `_common`; imported by `_estimators` and above.

A fit runs through `training` (which engine trains), `native_loop` or `keras_loop` (the epochs), `native_training` (the
batches of an epoch), `native_pass` (one call of the kernels) and `native` (the kernels). A prediction starts in
`prediction`, or in `keras_prediction` where Keras computes it.
"""
