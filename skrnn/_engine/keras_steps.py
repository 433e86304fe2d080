"""Patches of time steps, pooling over steps, and codes at each step, as stock Keras layers and operations."""

from __future__ import annotations

import numpy as np

# Value of masked time steps in the input of ``model_``, which never occurs in data. It is a float32 number also in
# float64, because Keras's masking layer compares in float32.
MASK_VALUE = float(np.finfo(np.float32).min)


def valid_steps(inputs, hidden, spec):
    """Return which time steps are valid, given the inputs of the network and of its recurrent layers: (n, steps, 1)."""
    import keras

    if spec.embedding is not None:
        return keras.ops.expand_dims(keras.ops.not_equal(inputs, 0), -1)
    return keras.ops.any(keras.ops.not_equal(hidden, MASK_VALUE), axis=-1, keepdims=True)


def patched(hidden, is_valid, spec, n_timesteps):
    """Return patches of time steps, the last of which ends at the last time step, and which of them are valid.

    Parameters
    ----------
    hidden : KerasTensor of shape (n_samples, n_timesteps, n_features)
    is_valid : KerasTensor of bool, shape (n_samples, n_timesteps, 1), or None
        None if all time steps are valid.
    spec : NetworkSpec
    n_timesteps : int or None
        Static length of the time axis.

    Returns
    -------
    patches : KerasTensor of shape (n_samples, n_patches, patch_size * n_features)
        Missing and masked time steps of a patch are zero. Patches without a valid time step are masked.
    is_valid : KerasTensor of bool, shape (n_samples, n_patches, 1), or None
    """
    import keras

    n_features = spec.n_inputs_per_time_step
    if is_valid is None:
        return _cut(hidden, n_features, spec, n_timesteps, "patches"), None
    features = _cut(keras.ops.where(is_valid, hidden, 0.0), n_features, spec, n_timesteps, "patches")
    flags = _cut(keras.ops.cast(is_valid, spec.dtype), 1, spec, n_timesteps, "valid_in_patches")
    has_valid = keras.ops.any(keras.ops.not_equal(flags, 0.0), axis=-1, keepdims=True)
    return keras.ops.where(has_valid, features, MASK_VALUE), has_valid


def _cut(steps, n_features, spec, n_timesteps, name):
    """Return the patches of time steps, with zeros at the start of the first."""
    from keras import layers, ops

    size = spec.patch_size
    options = {"dtype": spec.dtype, "name": f"{name}_padding"}
    if n_timesteps is not None:
        if n_timesteps % size:
            steps = layers.ZeroPadding1D((-n_timesteps % size, 0), **options)(steps)
    else:
        # The number of missing steps is not known here: pad by the largest one. Patches are cut from the last time step
        # back, and steps that do not fill a patch are left out.
        steps = layers.ZeroPadding1D((size - 1, 0), **options)(steps)
        steps = ops.transpose(ops.flip(steps, axis=1), (0, 2, 1))
        steps = ops.extract_sequences(steps, size, size)  # (n_samples, n_features, n_patches, patch_size)
        steps = ops.flip(ops.flip(steps, axis=2), axis=3)  # Keras 3.6 flips one axis at a time
        steps = ops.transpose(steps, (0, 2, 3, 1))
    return layers.Reshape((-1, size * n_features), dtype=spec.dtype, name=name)(steps)


def pooled(hidden, is_valid, spec):
    """Return the mean or the maximum of the outputs of a recurrent layer over its valid steps.

    Parameters
    ----------
    hidden : KerasTensor of shape (n_samples, n_steps, n_outputs)
        With a mask, if there is one.
    is_valid : KerasTensor of bool, shape (n_samples, n_steps, 1), or None
        Needed for the maximum, for which Keras has no layer with a mask. None if all steps are valid.
    spec : NetworkSpec

    Returns
    -------
    KerasTensor of shape (n_samples, n_outputs)
    """
    import keras

    if spec.pooling == "mean":
        return keras.layers.GlobalAveragePooling1D(dtype=spec.dtype, name="pooling")(hidden)
    if is_valid is not None:
        hidden = keras.ops.where(is_valid, hidden, MASK_VALUE)
    return keras.layers.GlobalMaxPooling1D(dtype=spec.dtype, name="pooling")(hidden)


def reversed_steps(hidden, is_valid):
    """Return the valid time steps in reverse, followed by the padded ones.

    Parameters
    ----------
    hidden : KerasTensor of shape (n_samples, n_timesteps, n_features)
    is_valid : KerasTensor of bool, shape (n_samples, n_timesteps, 1), or None
        None if all time steps are valid.
    """
    from keras import ops

    if is_valid is None:
        return ops.flip(hidden, axis=1)
    is_valid = ops.cast(is_valid, "int32")
    step = ops.cumsum(ops.ones_like(is_valid), axis=1) - 1
    last = ops.sum(is_valid, axis=1, keepdims=True) - 1
    source = ops.where(ops.cast(is_valid, "bool"), last - step, step)
    return ops.take_along_axis(hidden, source, axis=1)


def repeated(codes, inputs, is_valid, spec, n_timesteps):
    """Return codes of sequences, repeated at each time step.

    Parameters
    ----------
    codes : KerasTensor of shape (n_samples, n_components)
    inputs : KerasTensor of shape (n_samples, n_timesteps, n_features)
        Input of the network, which has the number of time steps if `n_timesteps` is None.
    is_valid : KerasTensor of bool, shape (n_samples, n_timesteps, 1), or None
        None if all time steps are valid.
    spec : NetworkSpec
    n_timesteps : int or None
        Static length of the time axis.

    Returns
    -------
    KerasTensor of shape (n_samples, n_timesteps, n_components)
        Padded time steps are masked.
    """
    from keras import layers, ops

    if is_valid is None and n_timesteps is not None:
        return layers.RepeatVector(n_timesteps, dtype=spec.dtype, name="repeat")(codes)
    codes = ops.expand_dims(codes, 1)
    if is_valid is None:
        return codes + ops.zeros_like(ops.take(inputs, [0], axis=-1))  # `RepeatVector` needs the length
    return layers.Masking(mask_value=MASK_VALUE, dtype=spec.dtype, name="masking_of_codes")(
        ops.where(is_valid, codes, MASK_VALUE)
    )
