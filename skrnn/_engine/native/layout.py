"""Sizes, and the columns of tables of integers that kernels and their callers agree on.

Tables hold addresses, too: kernels take few arguments, and reach everything else through these.
"""

from __future__ import annotations

LANES = 8  # numbers in a vector
MAX_VECTORS = 3  # vectors in a row of a tile
PANEL = LANES * MAX_VECTORS  # columns of a panel of weights
N_HYPER = 10  # hyper-parameters of a step of an optimizer

DTYPES = {"float32": "f", "float64": "d"}

# The head of a network's table.
(
    N_LAYERS, DIRECTIONS, EVERY_STEP, N_DENSE, N_FEATURES, EMBEDDING, EMBEDDING_ROW, DENSE_SIZE, SIZE, GATES, RECORD,
    SLOPES, INPUT_SLOPES, SEPARATE, STEP, STEP_BACK, DROPS, DROPS_STATE, GATHER, SUM_TOKENS, REVERSE, ADD_REVERSED,
    DISTRIBUTE, N_HEAD,
) = range(24)  # fmt: skip
# N_FEATURES: numbers in a step, of an embedded one too. EMBEDDING: where it lies, -1 without one. DENSE_SIZE: weights
# before the embedding. GATES, RECORD, SLOPES: vectors for each unit, of a cell's products, of what its forward step
# keeps, and of gradients of products, of which those of the inputs begin at INPUT_SLOPES. SEPARATE: whether the product
# of the state is a row of its own. STEP, STEP_BACK, and those from GATHER on: addresses of kernels, 0 of those that the
# network has no use for, and which need not be compiled.

# A row for each layer and direction, then one for each dense layer.
INPUTS, UNITS, WIDTH, KERNEL, RECURRENT, BIAS, STATE_BIAS, ACTIVATION, ACTIVATION_BACK, N_ROW = range(10)

# What a call works on: addresses, and numbers of things.
(
    STOP, SYNC, VALUES, VALUES_KIND, ROW_STRIDE, COLUMN_STRIDE, STARTS, LENGTHS, STRIDE, ORDER, POSITIONS, N_SAMPLES,
    BATCHES, N_BATCHES, TARGETS, TARGET_COLUMNS, WEIGHTS, TARGET_STARTS, OUTPUTS, OUTPUT_STARTS, N_OUTPUTS, LOSS,
    WRT_LOGITS, LOSS_PARAMETERS, LOSSES, GRADIENTS, SLOTS, OPTIMIZER, HYPER, PIECES, N_PIECES, CLIPPING,
    SQUARES, DIVISORS, DROPOUT_KEY, EMBEDDING_GRADIENT, TOKENS, TOKEN_GRADIENTS, TOKENS_A_SHARD, NUMBERS,
    PASS, FIRST_BATCH, OUTPUT_GRADIENTS, SHARD_MEMORIES, HALF_OF_SHARD, N_JOB,
) = range(46)  # fmt: skip
# PASS: what a call does with N_BATCHES batches from FIRST_BATCH on, of the values below. Forward and back are calls of
# their own for a loss that has no kernel and wants the outputs of a whole batch: each shard then keeps what it needs in
# memory of its own, whose addresses stand in a row of SHARD_MEMORIES, and HALF_OF_SHARD is the kernel's.
# BATCHES: a row for each batch, of its first sample, the one after its last, and its shards. NUMBERS: float64, below.
FIRST, LAST, SHARDS, N_BATCH = range(4)
CLIP, DROPOUT, STATE_DROPOUT, N_NUMBERS = range(4)
PIECE_START, PIECE_SIZE, PIECE_VARIABLE, N_PIECE = range(4)

# Values of VALUES_KIND and of CLIPPING.
SINGLE, DOUBLE, INT32, INT64 = range(4)
NOT_CLIPPED, BY_VALUE, BY_NORM, BY_GLOBAL_NORM = range(4)
WHOLE, FORWARD, BACKWARD = range(3)
STEPS_ADDRESS, PLACES_ADDRESS, MEMORY_ADDRESS, N_SHARD_MEMORY = range(4)

# Counters of a batch: threads take work by adding to them. A cache line.
(
    SHARDS_TAKEN, SHARDS_DONE, TOKENS_TAKEN, TOKENS_DONE, SUMS_TAKEN, SUMS_DONE, PARTS_TAKEN, PARTS_DONE, N_COUNTS,
) = range(9)  # fmt: skip

TOKEN_PARTS = 16  # parts of the tokens of a batch whose gradients are summed at once
NUMBERS_A_PIECE = 4096  # weights that one thread updates at a time
NUMBERS_AT_ONCE = 2**15  # numbers of the inputs' products that are made at a time, while they are in cache
PREDICTED_AT_ONCE = 16  # sequences


# Where the parts of a shard lie in the memory of a thread. Its own ones, those of each layer, of each direction of a
# layer, and of each dense layer.
INPUT_PLACE, SCRATCH, TARGET_PLACE, WEIGHT_PLACE, N_PLACES = range(5)
OUT, OUT_ROW, OUT_GRADIENT, N_LAYER_PLACES = range(4)
STATES, RECORDS, STATE_GRADIENT, KEPT, BACKWARDS, BACKWARDS_GRADIENT, KERNEL_T, RECURRENT_T, N_DIRECTION_PLACES = range(
    9
)
BEFORE, AFTER, GRADIENT, DENSE_T, N_DENSE_PLACES = range(5)

N_STREAMS = 4  # of dropout in a layer: of the outputs, and of the states of each direction


def padded(n: int) -> int:
    """Return a length filled up to whole vectors."""
    return -(-n // LANES) * LANES


def n_places(n_layers: int, directions: int, n_dense: int) -> int:
    """Return the length of the table of places."""
    return N_PLACES + n_layers * (N_LAYER_PLACES + directions * N_DIRECTION_PLACES) + n_dense * N_DENSE_PLACES
