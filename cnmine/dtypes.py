"""The element types of the arrays that pass between packages, each named once."""

import numpy as np

CODEPOINT = np.uint32  # Unicode code point, or code of a run of letters and digits
UNIT = np.uint16  # unit id: ids below N_BOUNDARIES are boundaries
COUNT = np.int64
OFFSET = np.int64  # byte offset, or row pointer of a ragged table

N_BOUNDARIES = 4  # unit ids 0..3 are boundaries; see cnmine.io.units
RUN_BASE = 0x110000  # code of the first run of letters and digits: one above the last code point
N_NEIGHBOUR_TALLIES = 4  # columns of NgramTable.left and .right; see cnmine.counting.table
