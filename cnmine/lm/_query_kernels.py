"""The records of a model and sequences of ids → log10 probabilities.

``tables`` is (records u4[w], the same memory as f4[w], shape i8[6, N + 1]). The columns of the shape are the orders;
its rows are the place of the first record, the number of rows, the length of a record, and the places of
probability, link and first child in it. The back-off stands behind the probability, the word first.
"""

import numpy as np

from cnmine._jit import kernel, prefetch

BASE, ROWS, STRIDE, PROB, LINK, FIRST = 0, 1, 2, 3, 4, 5
UNKNOWN, END = 0, 1
DONE, DAMAGED = -1, -2
LANES = 64  # sequences that are followed at once, so that their waits for memory overlap
SEARCHED = 8  # children; a shorter range is walked through
COMPARED = 4  # children at most that are all compared, which no processor has to guess the end of


@kernel
def find_child(records, base, stride, start, stop, word):  # u4[w], i8, i8, i8, i8, i8
    """Row of ``word`` between two rows of one order; -1 if it is not there."""
    while stop - start > SEARCHED:
        middle = (start + stop) >> 1
        if np.int64(records[base + middle * stride]) <= word:
            start = middle
        else:
            stop = middle
    while start < stop:
        found = np.int64(records[base + start * stride])
        if found >= word:
            return start if found == word else np.int64(-1)
        start += 1
    return np.int64(-1)


@kernel
def take_jobs(stream, jobs, lanes, job, start_id):  # u4[n], i8[m, 4], lanes, i8[1], i8
    """Give each free lane its next job, and every lane the id it looks for; return how many lanes have one."""
    positions, ends, written, orders, rows, words, _, _ = lanes
    n_busy = 0
    for lane in range(positions.shape[0]):
        while positions[lane] == ends[lane] and job[0] < jobs.shape[0]:
            positions[lane], written[lane] = jobs[job[0], 0], jobs[job[0], 1]
            ends[lane], orders[lane] = jobs[job[0], 2], jobs[job[0], 3]
            rows[lane] = start_id  # <s>, if the job begins a sentence
            job[0] += 1
        if positions[lane] < ends[lane]:
            n_busy += 1
            word = np.int64(stream[positions[lane]])
            words[lane] = word if word < start_id else UNKNOWN
    return n_busy


@kernel
def narrow_children(tables, lanes, wide):  # tables, lanes, i8[L]
    """Write where the id of each lane must be: the first of a few children of its state, and how many.

    False if one is out of bounds. What is looked up for one lane never waits for another, so the processor asks the
    memory for many at once; a lane asks for what it needs when the others have had their turn.
    """
    records, _, shape = tables
    _, _, _, orders, rows, words, starts, sizes = lanes
    base, n_rows, stride, first = shape[BASE], shape[ROWS], shape[STRIDE], shape[FIRST]
    is_sound, n_wide = True, 0
    for lane in range(orders.shape[0]):
        order = orders[lane]
        place = base[order] + rows[lane] * stride[order] + first[order]
        start, stop = np.int64(records[place]), np.int64(records[place + stride[order]])
        order += 1
        if order == 1:
            start = stop = 0
        is_sound &= start <= stop <= n_rows[order]
        size = stop - start
        starts[lane], sizes[lane] = start, size
        wide[n_wide] = lane
        n_wide += size > COMPARED
        half = size >> 1 if size > COMPARED else 0
        prefetch(records, base[order] + (start + half) * stride[order])
        prefetch(records, base[order] + (start + (half if half > 0 else size)) * stride[order] - 1)
    while is_sound and n_wide > 0:
        n_active, n_wide = n_wide, 0
        for i in range(n_active):
            lane = wide[i]
            order = orders[lane] + 1
            start, size = starts[lane], sizes[lane]
            half = size >> 1
            is_behind = np.int64(records[base[order] + (start + half) * stride[order]]) <= words[lane]
            start += half if is_behind else 0
            size -= half
            starts[lane], sizes[lane] = start, size
            wide[n_wide] = lane
            n_wide += size > COMPARED
            half = size >> 1 if size > COMPARED else 0
            prefetch(records, base[order] + (start + half) * stride[order])
            prefetch(records, base[order] + (start + (half if half > 0 else size)) * stride[order] - 1)
    return is_sound


@kernel
def find_among(records, place, step, size, word):  # u4[w], i8, i8, i8, i8
    """Number of the child that is ``word`` among at most COMPARED from a place on; -1 if it is not there."""
    if size == 0:
        return np.int64(-1)
    n = np.int64(0)
    for i in range(1, COMPARED):
        n += (i < size) & (np.int64(records[place + min(i, size - 1) * step]) <= word)
    return n if np.int64(records[place + n * step]) == word else np.int64(-1)


@kernel
def advance(tables, lanes, sums, out):  # tables, lanes, f8[L], f4[n]
    """Move every lane to its next id, or to a shorter context; False if a row is out of bounds.

    Either way a record is read, which gives a value and maybe the next state: that of the child, or the own one. Few
    branches: a wrong guess of the processor takes as long as half of this.
    """
    records, values, shape = tables
    positions, ends, written, orders, rows, words, starts, sizes = lanes
    base, n_rows, stride, prob, link = shape[BASE], shape[ROWS], shape[STRIDE], shape[PROB], shape[LINK]
    highest = base.shape[0] - 1
    is_sound = True
    for lane in range(positions.shape[0]):
        position, order, word = positions[lane], orders[lane], words[lane]
        if position == ends[lane]:
            continue
        child = find_among(
            records, base[order + 1] + starts[lane] * stride[order + 1], stride[order + 1], sizes[lane], word
        )
        is_found = (child >= 0) | (order == 0)
        row = (word if order == 0 else starts[lane] + child) if is_found else rows[lane]
        order += is_found
        place = base[order] + row * stride[order]
        value = sums[lane] + values[place + prob[order] + (not is_found)]
        if is_found and position >= written[lane]:
            out[position] = value
        sums[lane] = 0.0 if is_found else value
        linked = np.int64(records[place + link[order]]) if order > 1 else np.int64(0)
        is_shorter = (not is_found) | (order == highest)
        row, order = linked if is_shorter else row, order - is_shorter
        is_sound &= row < n_rows[max(order, 1)]
        positions[lane], orders[lane], rows[lane] = position + is_found, order, row
        place = base[order] + row * stride[order]
        prefetch(records, place)
        prefetch(records, place + 2 * stride[order] - 1)
    return is_sound


@kernel
def score_jobs(tables, stream, jobs, out):  # tables, u4[n], i8[m, 4], f4[n]
    """Write the log10 probability of every id of the stream that a job covers; return DONE or DAMAGED.

    A job is where it begins, the first id that it writes, where it ends, and the order of its first state: 1 for
    <s>, 0 for none. Ids from the number of units on are unknown.
    """
    n_lanes = min(LANES, jobs.shape[0])
    space = np.zeros((8, n_lanes), np.int64)
    # Position, end, first to write, order and row of the state, id, first child and number of children of the state.
    lanes = (space[0], space[1], space[2], space[3], space[4], space[5], space[6], space[7])
    wide, sums = np.zeros(n_lanes + 1, np.int64), np.zeros(n_lanes, np.float64)
    job = np.zeros(1, np.int64)
    start_id = tables[2][ROWS, 1] - 1
    while take_jobs(stream, jobs, lanes, job, start_id) > 0:
        if not narrow_children(tables, lanes, wide) or not advance(tables, lanes, sums, out):
            return DAMAGED
    return DONE


@kernel
def find_conditionals(tables, ids, bounds, out):  # tables, u4[n], (i8, i8), f4[n, N]
    """Write log10 p(id | the h ids before it) for every h, of the sequence between two bounds; DONE or DAMAGED."""
    records, values, shape = tables
    highest, start_id = shape.shape[1] - 1, shape[ROWS, 1] - 1
    rows = np.zeros(highest + 1, np.int64)  # of the contexts by their length
    found = np.zeros(highest + 1, np.int64)
    longest = 0
    for position in range(bounds[0], bounds[1]):
        word = np.int64(ids[position])
        if word >= start_id:
            word = UNKNOWN
        length, child = longest, np.int64(-1)
        while length > 0 and child < 0:
            place = shape[BASE, length] + rows[length] * shape[STRIDE, length] + shape[FIRST, length]
            start, stop = np.int64(records[place]), np.int64(records[place + shape[STRIDE, length]])
            if start > stop or stop > shape[ROWS, length + 1]:
                return DAMAGED
            child = find_child(records, shape[BASE, length + 1], shape[STRIDE, length + 1], start, stop, word)
            length -= child < 0
        found[length + 1] = child if length > 0 else word
        for order in range(length + 1, 0, -1):
            place = shape[BASE, order] + found[order] * shape[STRIDE, order]
            out[position, order - 1] = values[place + shape[PROB, order]]
            if order > 1:
                found[order - 1] = records[place + shape[LINK, order]] if order > 2 else word
                if found[order - 1] >= shape[ROWS, order - 1]:
                    return DAMAGED
        for context in range(length + 1, highest):
            value = out[position, context - 1]
            if context <= longest:
                place = shape[BASE, context] + rows[context] * shape[STRIDE, context]
                value += values[place + shape[PROB, context] + 1]
            out[position, context] = value
        longest = min(length + 1, highest - 1)
        for order in range(1, longest + 1):
            rows[order] = found[order]
    return DONE
