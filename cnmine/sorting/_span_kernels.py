"""Cut long spans, deal spans out to shards, and sort them."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

CLOSING, OPENING = 1, 2  # bits of a boundary, see cnmine.io.units
ONE = np.uint64(1)


@kernel
def long_span(text, max_span):  # u2[n] or u4[n], i8
    """The boundary in front of the first span of more than ``max_span`` units, -1 if there is none."""
    here = 0
    while here + max_span + 1 < text.shape[0]:
        i = here + max_span + 1
        while text[i] >= N_BOUNDARIES:
            i -= 1
        if i == here:
            return here
        here = i
    return -1


@kernel
def cut_long_spans(text, start, stop, max_span, out, state):  # u2[n], i8, i8, i8, u2[m], i8[2]
    """Copy ``text[start:stop]`` with a plain boundary behind every ``max_span`` units that go on.

    ``state`` holds how much is written, and how many units the span has so far.
    """
    written, n_units = state
    for i in range(start, stop):
        if text[i] < N_BOUNDARIES:
            n_units = 0
        else:
            if n_units == max_span:
                out[written] = 0
                written += 1
                n_units = 0
            n_units += 1
        out[written] = text[i]
        written += 1
    state[0], state[1] = written, n_units


@kernel
def next_boundary(text, i):  # u2[n], i8
    """The first boundary at ``i`` or behind it; there is one."""
    while text[i] >= N_BOUNDARIES:
        i += 1
    return i


@kernel
def prefix_key(text, i, id_bits, n_symbols):  # u2[n], i8, i8, i8
    """The first units of the span at ``i`` in one integer; zeros behind its end."""
    width = np.uint64(id_bits)
    key = np.uint64(0)
    is_open = ONE
    last = text.shape[0] - 1
    for d in range(n_symbols):
        unit = text[min(i + d, last)]
        # No branch: where a span ends is hard to guess.
        is_open &= np.uint64(unit >= N_BOUNDARIES)
        key = (key << width) | (np.uint64(unit) * is_open)
    return key


@kernel
def sample_keys(text, step, id_bits, n_symbols, keys):  # u2[n], i8, i8, i8, u8[m]
    """Write the key of the first span that begins in each stretch of ``step``; return how many have one."""
    n_keys = 0
    for j in range(keys.shape[0]):
        i = j * step
        stop = min(i + step, text.shape[0] - 1)
        while i < stop and text[i] >= N_BOUNDARIES:
            i += 1
        if i < stop:
            keys[n_keys] = prefix_key(text, i + 1, id_bits, n_symbols)
            n_keys += 1
    return n_keys


@kernel
def shard_of_span(text, i, plan):  # u2[n], i8, (i4[V + 1], u8[s - 1], i8, i8)
    """Number of splitters that are not above the span at ``i``."""
    first_shards, splitters, id_bits, n_symbols = plan
    low, high = first_shards[text[i]], first_shards[text[i] + 1]
    if low == high:
        return low
    key = prefix_key(text, i, id_bits, n_symbols)
    while low < high:
        middle = (low + high) // 2
        if splitters[middle] <= key:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def count_boundaries(text):  # u2[n]
    """How many boundaries there are."""
    n_boundaries = 0
    for i in range(text.shape[0]):
        n_boundaries += text[i] < N_BOUNDARIES
    return n_boundaries


@kernel
def choose_shards(text, start, stop, plan, shards, sizes):  # u2[n], i8, i8, plan, u2[m], i8[s, 2]
    """Write the shard of every span; add its slots and 1 to ``sizes``; return the place of two boundaries in a row.

    The spans are those behind the boundaries ``start:stop``; a slot is a unit, or the one boundary of a span.
    """
    i = start
    n_spans = 0
    while i < stop:
        first = i + 1
        if text[first] < N_BOUNDARIES:
            return i
        shard = shard_of_span(text, first, plan)
        i = next_boundary(text, first + 1)
        shards[n_spans] = shard
        sizes[shard, 0] += i - first + 1
        sizes[shard, 1] += 1
        n_spans += 1
    return -1


@kernel
def scatter_spans(text, start, shards, cursors, out):  # u2[n], i8, u2[m], i8[s], u2[n]
    """Copy every span to its shard, behind one boundary with both its flags; leave out shards with cursor -1."""
    i = start
    for j in range(shards.shape[0]):
        cursor = cursors[shards[j]]
        if cursor < 0:
            i = next_boundary(text, i + 1)
            continue
        head = cursor
        opening = text[i] & OPENING
        i += 1
        cursor += 1
        while text[i] >= N_BOUNDARIES:
            out[cursor] = text[i]
            cursor += 1
            i += 1
        out[head] = opening | (text[i] & CLOSING)
        cursors[shards[j]] = cursor


@kernel
def collect_spans(text, start, shards, shard, starts):  # u2[n], i8, u2[m], i8, u4[k]
    """Write where the spans of one shard begin; return how many there are."""
    n_spans = 0
    i = start
    for j in range(shards.shape[0]):
        if shards[j] == shard:
            starts[n_spans] = i + 1
            n_spans += 1
        i = next_boundary(text, i + 1)
    return n_spans


@kernel
def list_spans(text, starts):  # u2[n], u4[m]
    """Write where the spans of a text begin that ends with a boundary."""
    n_spans = 0
    for i in range(text.shape[0] - 1):
        if text[i] < N_BOUNDARIES:
            starts[n_spans] = i + 1
            n_spans += 1


@kernel
def terminator(spans, start, stop):  # (u2[n], i8, i8), i8, i8
    """What stands for the end of a span in a comparison: below every unit; CLOSING weighs more than OPENING."""
    source, front_mask, back_mask = spans
    flags = (source[start - 1] & front_mask) | (source[stop] & back_mask)
    return ((flags & CLOSING) << 1) | (flags >> 1)


@kernel
def write_span_keys(spans, order, groups, layout, members, keys):  # spans, u4[n], (u4[a], i8[g + 1], i8), …
    """Write the keys (group, symbols from ``depth`` on, place in the batch), and keep where the spans begin.

    ``groups`` is (slots, bounds of the groups in them, where the batch begins).
    """
    source = spans[0]
    slots, bounds, base = groups
    depth, n_symbols, id_bits, index_bits = layout
    width = np.uint64(id_bits)
    for group in range(bounds.shape[0] - 1):
        for j in range(bounds[group], bounds[group + 1]):
            start = np.int64(order[slots[j]])
            members[j - base] = start
            i = start + depth
            key = np.uint64(group)
            is_open = True
            for _ in range(n_symbols):
                key <<= width
                if is_open:
                    is_open = source[i] >= N_BOUNDARIES
                    key |= np.uint64(source[i]) if is_open else np.uint64(terminator(spans, start, i))
                    i += 1
            keys[j - base] = (key << np.uint64(index_bits)) | np.uint64(j - base)


@kernel
def place_spans(keys, batch, order, layout, going_on):  # u8[m] sorted, (u4[a], i8, u4[m]), u4[n], …
    """Put the spans of a batch into the order of their keys; keep the groups that are not told apart yet.

    ``going_on`` is (slots, bounds, sizes): slots and ends of these groups, and how many there are so far. The
    slots may be those of the batch: they are read before they are written.
    """
    slots, base, members = batch
    _, _, id_bits, index_bits = layout
    kept_slots, kept_bounds, sizes = going_on
    shift = np.uint64(index_bits)
    index_mask = (ONE << shift) - ONE
    id_mask = (ONE << np.uint64(id_bits)) - ONE
    n_kept, n_groups = sizes
    stop = 0
    while stop < keys.shape[0]:
        start = stop
        head = keys[start] >> shift
        while stop < keys.shape[0] and keys[stop] >> shift == head:
            order[slots[base + stop]] = members[keys[stop] & index_mask]
            stop += 1
        if stop - start > 1 and head & id_mask >= N_BOUNDARIES:
            for j in range(start, stop):
                kept_slots[n_kept] = slots[base + j]
                n_kept += 1
            n_groups += 1
            kept_bounds[n_groups] = n_kept
    sizes[0], sizes[1] = n_kept, n_groups


@kernel
def symbol_at(spans, start, depth):  # (u2[n], i8, i8), i8, i8
    """A unit of a span, or its terminator."""
    i = start + depth
    unit = np.int64(spans[0][i])
    return unit if unit >= N_BOUNDARIES else np.int64(terminator(spans, start, i))


@kernel
def pick_pivot(spans, order, low, high, depth):  # spans, u4[n], i8, i8, i8
    """Median of three symbols from places that do not follow a simple pattern."""
    size = high - low
    a = symbol_at(spans, np.int64(order[low + (depth * 7919) % size]), depth)
    b = symbol_at(spans, np.int64(order[low + size // 2]), depth)
    c = symbol_at(spans, np.int64(order[low + (depth * 104729 + size * 31 + 17) % size]), depth)
    return max(min(a, b), min(max(a, b), c))


@kernel
def split_by_symbol(spans, order, low, high, depth, pivot):  # spans, u4[n], i8, i8, i8, i8
    """Part a group by the symbol at ``depth``: below, equal, above the pivot; return where the equal ones stand."""
    i = low
    while i < high:
        symbol = symbol_at(spans, np.int64(order[i]), depth)
        if symbol < pivot:
            order[i], order[low] = order[low], order[i]
            low += 1
            i += 1
        elif symbol > pivot:
            high -= 1
            order[i], order[high] = order[high], order[i]
        else:
            i += 1
    return low, high


@kernel
def sort_groups(spans, order, stack, n_steps):  # spans, u4[n], i8[k, 3] with the height in the last row, i8
    """Sort groups (low, high, depth) from the stack by all their symbols, about ``n_steps`` steps; return its height.

    Quicksort by one symbol at a time (Bentley & Sedgewick 1997): linear in the symbols of equal spans.
    """
    height = stack[stack.shape[0] - 1, 0]
    while height > 0 and n_steps > 0:
        height -= 1
        low, high, depth = stack[height, 0], stack[height, 1], stack[height, 2]
        while high - low > 1:
            if n_steps <= 0:
                stack[height, 0], stack[height, 1], stack[height, 2] = low, high, depth
                height += 1
                break
            pivot = pick_pivot(spans, order, low, high, depth)
            first, last = split_by_symbol(spans, order, low, high, depth, pivot)
            n_steps -= high - low + 4
            if first - low > 1:
                stack[height, 0], stack[height, 1], stack[height, 2] = low, first, depth
                height += 1
            if high - last > 1:
                stack[height, 0], stack[height, 1], stack[height, 2] = last, high, depth
                height += 1
            if pivot < N_BOUNDARIES:
                break
            low, high, depth = first, last, depth + 1
    stack[stack.shape[0] - 1, 0] = height
    return height


@kernel
def write_spans(spans, order, out, state):  # spans, u4[n], u2[m], i8[2]
    """Write spans one behind the other, each behind its boundary.

    ``state`` holds how much is written, and the flag that the last span leaves for the boundary behind it.
    """
    source, front_mask, back_mask = spans
    written, closing = state
    for j in range(order.shape[0]):
        i = np.int64(order[j])
        front = source[i - 1]
        head = written
        written += 1
        while source[i] >= N_BOUNDARIES:
            out[written] = source[i]
            written += 1
            i += 1
        flags = (front & front_mask) | (source[i] & back_mask)
        out[head] = closing | (flags & OPENING)
        closing = flags & CLOSING
    state[0], state[1] = written, closing
