"""Time steps with categorical features: numeric features, followed by the embedding of each categorical one.

Each embedding is a table with one row per code, after a first row for unknown codes. In training, some codes are
replaced by the unknown one, so that its row is trained.
"""

from __future__ import annotations

import numpy as np

from skrnn._engine.native.compiling import kernel
from skrnn._engine.native.dropout import is_drawn, key_of_row
from skrnn._engine.native.epoch import shard_of
from skrnn._engine.native.gather import fill_step, length_of, n_filled_of, sample_number, sample_of, scaled_value
from skrnn._engine.native.memory_layout import padded_size
from skrnn._engine.native.pointers import at, doubles_at, floats_at, ints_at, singles_at
from skrnn._engine.native.recurrent import offset_at
from skrnn._engine.native.tables import (
    CATEGORIES,
    COLUMN,
    COLUMN_STRIDE,
    DROPOUT_KEY,
    EMBEDDING,
    EMBEDDING_GRADIENT,
    N_CATEGORIES,
    N_CATEGORY,
    N_CODES,
    N_FEATURES,
    N_NUMERIC,
    N_SCALED,
    NUMBERS,
    NUMERIC,
    PATCH_SIZE,
    PATCH_STRIDE,
    REPLACEMENT,
    REPLACEMENT_STREAM,
    ROW_STRIDE,
    SHARDS,
    SINGLE,
    STARTS,
    STRIDE,
    TABLE,
    TABLE_ROW,
    TABLE_SIZE,
    TOKEN_GRADIENTS,
    TOKEN_PARTS,
    TOKENS,
    TOKENS_PER_SHARD,
    TOKENS_PER_STEP,
    VALUES,
    VALUES_KIND,
)


@kernel("FNNNIFN")
def gather_categories(w, net, job, steps, first, x, tokens):
    """Copy the time steps for rows of the order to packed rows, and the offsets of their table rows to ``tokens``.

    The offset is -1 for missing time steps of the first patch.
    """
    stride, f = job[STRIDE], net[PATCH_STRIDE]
    column_stride, is_single = job[COLUMN_STRIDE], job[VALUES_KIND] == SINGLE
    singles, doubles = singles_at(job[VALUES]), doubles_at(job[VALUES])
    n_numeric, numeric = net[N_NUMERIC], ints_at(net[NUMERIC])
    n_categories, categories = net[N_CATEGORIES], ints_at(net[CATEGORIES])
    n_scaled, tables, rate = job[N_SCALED], at(w, net[EMBEDDING]), doubles_at(job[NUMBERS])[REPLACEMENT]
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        start = sample_number(job, STARTS, sample)
        n_filled = n_filled_of(net, job, sample)
        for position in range(length_of(job, sample) * net[PATCH_SIZE]):
            t, patch = position - n_filled, position // net[PATCH_SIZE]
            in_patch = position - patch * net[PATCH_SIZE]
            row = offset_at(steps, patch) + i
            to = at(x, row * net[N_FEATURES] + in_patch * f)
            of_step = at(tokens, (row * net[PATCH_SIZE] + in_patch) * n_categories)
            if t < 0:
                fill_step(to, f)
                for k in range(n_categories):
                    of_step[k] = -1
                continue
            source = (start + stride * t) * job[ROW_STRIDE]
            for k in range(n_numeric):
                index = source + numeric[k] * column_stride
                to[k] = singles[index] if is_single else doubles[index]
            if n_scaled > 0:
                for k in range(n_numeric):
                    if numeric[k] < n_scaled:
                        index = source + numeric[k] * column_stride
                        value = np.float64(singles[index]) if is_single else doubles[index]
                        to[k] = scaled_value(job, value, sample * n_scaled + numeric[k])
            to = at(to, n_numeric)
            of_row = key_of_row(job[DROPOUT_KEY], sample, REPLACEMENT_STREAM, t)
            for k in range(n_categories):
                category = at(categories, k * N_CATEGORY)
                index = source + category[COLUMN] * column_stride
                code = singles[index] if is_single else doubles[index]
                token = category[TABLE]
                if 0 <= code < category[N_CODES] and not is_drawn(of_row, k, rate):
                    token += (int(code) + 1) * category[TABLE_ROW]
                of_step[k] = token
                vector = at(tables, token)
                for j in range(category[TABLE_SIZE]):
                    to[j] = vector[j]
                to = at(to, category[TABLE_SIZE])


@kernel("FNNNI")
def sum_category_gradients(w, net, job, batch, part):
    """Sum the gradients of a part of the tables over a batch, in the order of the rows."""
    row, most, total = padded_size(net[N_FEATURES]), job[TOKENS_PER_SHARD], floats_at(w, job[EMBEDDING_GRADIENT])
    n_categories, categories, patch_size = net[N_CATEGORIES], ints_at(net[CATEGORIES]), net[PATCH_SIZE]
    for s in range(batch[SHARDS]):
        first, m = shard_of(batch, s)
        tokens = at(ints_at(job[TOKENS]), s * most * net[TOKENS_PER_STEP])
        gradients = at(floats_at(w, job[TOKEN_GRADIENTS]), s * most * row)
        n_packed = 0
        for i in range(m):
            n_packed += length_of(job, sample_of(job, first + i))
        begin = net[N_NUMERIC]
        for k in range(n_categories):
            category = at(categories, k * N_CATEGORY)
            n, table, table_row = category[TABLE_SIZE], category[TABLE], category[TABLE_ROW]
            for r in range(n_packed):
                for position in range(patch_size):
                    token = tokens[(r * patch_size + position) * n_categories + k]
                    if token >= 0 and ((token - table) // table_row + k) % TOKEN_PARTS == part:
                        to, source = at(total, token), at(gradients, r * row + position * net[PATCH_STRIDE] + begin)
                        for j in range(n):
                            to[j] += source[j]
            begin += n
