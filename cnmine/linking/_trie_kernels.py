"""A double-array trie: sorted keys into nodes, and every key that occurs in a text out of them.

``nodes`` is ``i4[n, 3]``: base, check, key id. The child of node ``s`` by symbol ``c`` is ``t = base[s] + c``, if
``check[t] == s``. Node 0 is the root. A slot that is free has check -1, a node that ends no key has key id -1,
a node without children has base 0.
"""

import numpy as np

from cnmine._jit import kernel

BASE, CHECK, KEY = 0, 1, 2
NODE, FIRST, STOP, DEPTH = 0, 1, 2, 3  # columns of the queue
DIGIT = 2
FNV_START, FNV_PRIME, LOW_32, ONE = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF), np.uint64(1)
COMMA, DOT = 0x2C, 0x2E
MAX_TRIES = 256  # after more, nodes with several children no longer search the front, where there is no room for them


@kernel
def count_nodes(symbols, offsets):  # u2[s], i8[k + 1]
    """Number of nodes that sorted keys take, the root included."""
    n_nodes = 1
    for key in range(offsets.shape[0] - 1):
        start, stop = offsets[key], offsets[key + 1]
        shared = np.int64(0)
        if key > 0:
            before = offsets[key - 1]
            limit = min(stop - start, start - before)
            while shared < limit and symbols[start + shared] == symbols[before + shared]:
                shared += 1
        n_nodes += stop - start - shared
    return n_nodes


@kernel
def _find_base(nodes, links, children, start):  # i4[n, 3], i4[n, 2], i4[c], i4
    """Base at which the slots of all children are free, -1 if there is none; and how many slots were tried."""
    low, high = children[0], children[0]
    for child in children:
        low, high = min(low, child), max(high, child)
    tries = 0
    slot = start if start != 0 else links[0, 1]
    # The links of a slot that was taken still lead on.
    while slot != 0 and nodes[slot, CHECK] != -1:
        slot = links[slot, 1]
    while slot != 0:
        base = slot - low
        if base > 0 and base + high < nodes.shape[0]:
            is_free = True
            for child in children:
                if nodes[base + child, CHECK] != -1:
                    is_free = False
                    break
            if is_free:
                return base, tries
        tries += 1
        slot = links[slot, 1]
    return np.int32(-1), tries


@kernel
def _list_children(symbols, offsets, job, children, firsts):  # u2[s], i8[k + 1], i4[4], i4[c], i4[c + 1]
    """Write the symbols that follow in the keys of a node, and the first key of each; return how many there are."""
    depth = job[DEPTH]
    key = job[FIRST]
    if offsets[key + 1] - offsets[key] == depth:
        key += 1  # ends here
    n_children = 0
    while key < job[STOP]:
        symbol = symbols[offsets[key] + depth]
        if n_children == 0 or symbol != children[n_children - 1]:
            children[n_children], firsts[n_children] = symbol, key
            n_children += 1
        key += 1
    firsts[n_children] = job[STOP]
    return n_children


@kernel
def build_trie(symbols, offsets, nodes, links, queue):  # u2[s], i8[k + 1], i4[n, 3], i4[n, 2], i4[m, 4]
    """Place sorted keys, of which none is empty, into nodes that are all free; return slots used, -1 if too few.

    Level by level, so that the beginnings of all keys stand together. ``links`` is scratch: the free slots as a ring
    through row 0; so is ``queue``, with a row for every node.
    """
    n_slots = nodes.shape[0]
    for slot in range(n_slots):
        links[slot, 0], links[slot, 1] = (slot - 1) % n_slots, (slot + 1) % n_slots
    children, firsts = np.empty(1 << 16, np.int32), np.empty((1 << 16) + 1, np.int32)
    nodes[0, CHECK] = 0
    queue[0, NODE], queue[0, FIRST], queue[0, STOP], queue[0, DEPTH] = 0, 0, offsets.shape[0] - 1, 0
    n_queued, at, last, far = 1, 0, 0, np.int32(0)
    while at < n_queued and queue[at, FIRST] < queue[at, STOP]:
        node, key, depth = queue[at, NODE], queue[at, FIRST], queue[at, DEPTH]
        if offsets[key + 1] - offsets[key] == depth:
            nodes[node, KEY] = key
        n_children = _list_children(symbols, offsets, queue[at], children, firsts)
        at += 1
        if n_children == 0:
            continue
        start = np.int32(0) if n_children == 1 else far
        base, tries = _find_base(nodes, links, children[:n_children], start)
        if base < 0:
            return np.int64(-1)
        nodes[node, BASE] = base
        for i in range(n_children):
            slot = base + children[i]
            before, behind = links[slot, 0], links[slot, 1]
            links[before, 1], links[behind, 0] = behind, before
            nodes[slot, CHECK] = node
            queue[n_queued, NODE], queue[n_queued, DEPTH] = slot, depth + 1
            queue[n_queued, FIRST], queue[n_queued, STOP] = firsts[i], firsts[i + 1]
            n_queued += 1
            last = max(last, slot)
        if n_children > 1 and tries > MAX_TRIES:
            far = base + children[0]
    return np.int64(last + 1)


@kernel
def _is_inside(codes, classes, i):  # u4[n], u1[c], i8
    """Whether place ``i``, which has characters on both sides, is inside a word of letters or a number."""
    n_classes = classes.shape[0]
    before, code = codes[i - 1], codes[i]
    kind = classes[code] if code < n_classes else 0
    kind_before = classes[before] if before < n_classes else 0
    if kind != 0 and kind_before != 0:
        return True
    if kind == DIGIT and i >= 2 and (before == DOT or before == COMMA):
        return codes[i - 2] < n_classes and classes[codes[i - 2]] == DIGIT
    if kind_before == DIGIT and i + 1 < codes.shape[0] and (code == DOT or code == COMMA):
        return codes[i + 1] < n_classes and classes[codes[i + 1]] == DIGIT
    return False


@kernel
def match_keys(codes, tables, starts, lengths, keys):  # u4[n], (u2[m], u1[c], i4[s, 3]), i8[k], i4[k], i4[k]
    """Write every key that occurs, by start, then length; return how many, or -1 - (place reached) if too many."""
    symbols, classes, nodes = tables
    n, n_symbols, n_slots, n_classes = codes.shape[0], symbols.shape[0], nodes.shape[0], classes.shape[0]
    room, found = starts.shape[0], 0
    root = nodes[0, BASE]
    for i in range(n):
        code = codes[i]
        if i > 0 and code < n_classes and _is_inside(codes, classes, i):
            continue
        symbol = np.int64(symbols[code]) if code < n_symbols else np.int64(0)
        node, base, j = np.int64(0), np.int64(root), i
        while symbol != 0:
            child = base + symbol
            if child < 0 or child >= n_slots or nodes[child, CHECK] != node:
                break
            node, base, key = child, np.int64(nodes[child, BASE]), nodes[child, KEY]
            j += 1
            if key >= 0 and (j == n or codes[j] >= n_classes or not _is_inside(codes, classes, j)):
                if found == room:
                    return -1 - i
                starts[found], lengths[found], keys[found] = i, j - i, key
                found += 1
            if j == n or base == 0:
                break
            code = codes[j]
            symbol = np.int64(symbols[code]) if code < n_symbols else np.int64(0)
    return found


@kernel
def find_key(codes, tables):  # u4[n], (u2[m], u1[c], i4[s, 3])
    """The key that these code points are; -1 if there is none."""
    symbols, _, nodes = tables
    node = np.int64(0)
    for code in codes:
        symbol = np.int64(symbols[code]) if code < symbols.shape[0] else np.int64(0)
        child = nodes[node, BASE] + symbol
        if symbol == 0 or child < 0 or child >= nodes.shape[0] or nodes[child, CHECK] != node:
            return np.int64(-1)
        node = child
    return np.int64(nodes[node, KEY])


@kernel
def find_keys(codes, offsets, tables, out):  # u4[n], i8[k + 1], (u2[m], u1[c], i4[s, 3]), i4[k]
    """For stretches of text the key that each is; where there is none, the complement of a hash of 31 bits."""
    for i in range(offsets.shape[0] - 1):
        stretch = codes[offsets[i] : offsets[i + 1]]
        key = find_key(stretch, tables)
        out[i] = key if key >= 0 else -1 - hash_codes(stretch)


@kernel
def hash_codes(codes):  # u4[n]
    """FNV-1a of code points, 31 bits."""
    value = FNV_START
    for code in codes:
        value = (value ^ np.uint64(code)) * FNV_PRIME & LOW_32
    return np.int64(value >> ONE)
