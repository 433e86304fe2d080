"""Columns of the integer tables that kernels and their callers share, and sizes.

Kernels have few arguments and read everything else from these tables, which also contain addresses.
"""

from __future__ import annotations

LANES = 8  # numbers per vector
MAX_VECTORS = 3  # vectors per row of a tile
PANEL = LANES * MAX_VECTORS  # columns per panel of weights
N_HYPER = 10  # hyper-parameters of an optimizer's step

DTYPES = {"float32": "f", "float64": "d"}

# The head of a network's table.
(
    N_LAYERS, DIRECTIONS, EVERY_STEP, N_DENSE, N_FEATURES, EMBEDDING, EMBEDDING_ROW, DENSE_SIZE, SIZE, GATES, RECORD,
    SLOPES, INPUT_SLOPES, SEPARATE, STEP, STEP_BACK, DROPS, DROPS_STATE, GATHER, SUM_TOKENS, REVERSE, ADD_REVERSED,
    DISTRIBUTE, TOKENS_PER_STEP, N_NUMERIC, NUMERIC, N_CATEGORIES, CATEGORIES, PATCH_SIZE, PATCH_STRIDE, POOL,
    POOL_BACK, BOTTLENECK, REPEAT, REPEAT_BACK, N_HEAD,
) = range(36)  # fmt: skip
# Recurrent layers read patches of PATCH_SIZE time steps, which are the steps of all kernels but those that gather
# them. N_FEATURES: numbers per step, also of an embedded one. PATCH_STRIDE: numbers per time step. EMBEDDING: its
# offset, or -1 without one. DENSE_SIZE: size of the weights before the embedding. GATES, RECORD, SLOPES: numbers per
# unit of a cell's projections, of the record that its forward step stores, and of the gradients of projections, of
# which those of the inputs begin at INPUT_SLOPES. SEPARATE: whether the projection of the state is stored separately.
# STEP, STEP_BACK, from GATHER to DISTRIBUTE, POOL, POOL_BACK, REPEAT and REPEAT_BACK: addresses of kernels, 0 for those
# that the network does not need, which need not be compiled. BOTTLENECK: the last layer of the encoder, whose output a
# dense layer converts to the codes that the next layer reads at every step, or -1 without one. TOKENS_PER_STEP: number
# of token ids, or of codes of categorical features. N_NUMERIC, NUMERIC: number of the other features, if there are
# categorical ones, and address of their columns. CATEGORIES: address of one row for each of the N_CATEGORIES
# categorical features: its column, the number of its codes, and the offset, row length and dimension of its table;
# offsets are relative to EMBEDDING.
COLUMN, N_CODES, TABLE, TABLE_ROW, TABLE_SIZE, N_CATEGORY = range(6)

# One row per layer and direction, then one per dense layer, of which that of a bottleneck comes last.
INPUTS, UNITS, WIDTH, KERNEL, RECURRENT, BIAS, STATE_BIAS, ACTIVATION, ACTIVATION_BACK, N_ROW = range(10)

# The data of a call: addresses and sizes.
(
    STOP, SYNC, VALUES, VALUES_KIND, ROW_STRIDE, COLUMN_STRIDE, STARTS, LENGTHS, STRIDE, ORDER, POSITIONS, N_SAMPLES,
    BATCHES, N_BATCHES, TARGETS, TARGET_COLUMNS, WEIGHTS, TARGET_STARTS, OUTPUTS, OUTPUT_STARTS, N_OUTPUTS, LOSS,
    WRT_LOGITS, LOSS_PARAMETERS, LOSSES, GRADIENTS, SLOTS, OPTIMIZER, HYPER, PIECES, N_PIECES, CLIPPING,
    SQUARES, DIVISORS, DROPOUT_KEY, EMBEDDING_GRADIENT, TOKENS, TOKEN_GRADIENTS, TOKENS_PER_SHARD, NUMBERS,
    PASS, FIRST_BATCH, OUTPUT_GRADIENTS, SHARD_MEMORIES, HALF_OF_SHARD, SHIFTS, SCALES, N_SCALED, IS_WIDE, N_TIMESTEPS,
    N_JOB,
) = range(51)  # fmt: skip
# LENGTHS, N_TIMESTEPS: number of steps of each sequence, which are patches, and of time steps.
# PASS: which pass a call makes over N_BATCHES batches from FIRST_BATCH on, one of the values below. Forward and
# backward passes are separate calls for a loss without a kernel, which needs the outputs of a whole batch: each shard
# then has its own memory, whose addresses are in a row of SHARD_MEMORIES, and HALF_OF_SHARD is the address of the
# kernel. BATCHES: one row per batch, with its first sample, its end, and its number of shards. NUMBERS: float64, see
# below. IS_WIDE: whether the tables with one number per sample (STARTS, LENGTHS, ORDER, POSITIONS, TARGET_STARTS,
# OUTPUT_STARTS) contain int64 instead of int32. POSITIONS: 0 if they are those of the rows. SCALES: 0 if all are 1.
# TARGETS: 0 if the targets are the inputs; WEIGHTS then contains one weight per sample.
FIRST, LAST, SHARDS, N_BATCH = range(4)
CLIP, DROPOUT, STATE_DROPOUT, REPLACEMENT, N_NUMBERS = range(5)
PIECE_START, PIECE_SIZE, PIECE_VARIABLE, N_PIECE = range(4)

# Values of VALUES_KIND and of CLIPPING.
SINGLE, DOUBLE, INT32, INT64 = range(4)
NOT_CLIPPED, BY_VALUE, BY_NORM, BY_GLOBAL_NORM = range(4)
WHOLE, FORWARD, BACKWARD = range(3)
STEPS_ADDRESS, OFFSETS_ADDRESS, MEMORY_ADDRESS, N_SHARD_MEMORY = range(4)

# Counters of a batch, by which threads take work. They fill a cache line.
(
    SHARDS_TAKEN, SHARDS_DONE, TOKENS_TAKEN, TOKENS_DONE, SUMS_TAKEN, SUMS_DONE, PARTS_TAKEN, PARTS_DONE, N_COUNTS,
) = range(9)  # fmt: skip

TOKEN_PARTS = 16  # parts of the embedding whose gradients are summed in parallel
PIECE_LENGTH = 4096  # number of weights that a thread updates at a time
PROJECTED_AT_ONCE = 2**15  # size of the projected inputs computed at a time, which fits the cache
PREDICTED_AT_ONCE = 16  # number of sequences


# Offsets in the memory of a thread: those of the shard, of each layer, of each direction of a layer, and of each dense
# layer. READ: the inputs as the first layer reads them, an encoder in reverse.
INPUT_OFFSET, READ, SCRATCH, TARGET_OFFSET, WEIGHT_OFFSET, REPEATED, REPEATED_GRADIENT, N_OFFSETS = range(8)
OUT, OUT_ROW, OUT_GRADIENT, N_LAYER_OFFSETS = range(4)
STATES, RECORDS, STATE_GRADIENT, KEPT, BACKWARDS, BACKWARDS_GRADIENT, KERNEL_T, RECURRENT_T, N_DIRECTION_OFFSETS = (
    range(9)
)
BEFORE, AFTER, GRADIENT, DENSE_T, N_DENSE_OFFSETS = range(5)

N_STREAMS = 4  # random streams per layer: for dropout of its outputs, and of the states of each direction
REPLACEMENT_STREAM = 3  # the fourth stream of the first layer: for codes that are replaced by the unknown one


def padded(n: int) -> int:
    """Return a length rounded up to whole vectors."""
    return -(-n // LANES) * LANES


def n_offsets(n_layers: int, directions: int, n_dense: int) -> int:
    """Return the length of the table of offsets."""
    return N_OFFSETS + n_layers * (N_LAYER_OFFSETS + directions * N_DIRECTION_OFFSETS) + n_dense * N_DENSE_OFFSETS
