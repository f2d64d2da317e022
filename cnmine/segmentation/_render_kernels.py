"""Characters and where tokens begin → characters of the output."""

from cnmine._jit import kernel

WHITE = 2  # mark of white space
TAB, LINE_END = 9, 10
TAGS = (66, 77, 69, 83)  # B M E S


@kernel
def count_separators(marks, is_open):  # u1[n], b1
    """How many tokens begin right behind another one; ``is_open`` tells whether one ends in front of the text."""
    n = 0
    for i in range(marks.shape[0]):
        if marks[i] == 1 and (marks[i - 1] != WHITE if i > 0 else is_open):
            n += 1
    return n


@kernel
def insert_separators(codes, marks, is_open, separator, out):  # u4[n], u1[n], b1, u4[k], u4[m]
    """Write the text with a separator between tokens that have nothing between them."""
    m = 0
    for i in range(marks.shape[0]):
        if marks[i] == 1 and (marks[i - 1] != WHITE if i > 0 else is_open):
            for j in range(separator.shape[0]):
                out[m] = separator[j]
                m += 1
        out[m] = codes[i]
        m += 1
    return m


@kernel
def write_tags(codes, marks, after, out):  # u4[n], u1[n], u1, u4[4 * n]
    """Write a line with character, tab and tag for every character but white space, and an empty one at line ends.

    ``after`` is the mark behind the text; 1 at its end.
    """
    m = 0
    n = marks.shape[0]
    for i in range(n):
        if marks[i] == WHITE:
            if codes[i] == LINE_END:
                out[m] = LINE_END
                m += 1
            continue
        begins = marks[i] == 1
        ends = (marks[i + 1] if i + 1 < n else after) != 0
        out[m] = codes[i]
        out[m + 1] = TAB
        out[m + 2] = (TAGS[3] if ends else TAGS[0]) if begins else (TAGS[2] if ends else TAGS[1])
        out[m + 3] = LINE_END
        m += 4
    return m
