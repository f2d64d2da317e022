"""Text that does not fit the memory → its windows, in parts on disk of which each fits, in sorted order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, TypeVar

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine.dtypes import COUNT
from cnmine.errors import ResourceError
from cnmine.io.output import OutputFile
from cnmine.sorting import _part_kernels as kernels

T = TypeVar("T")

KEY_BITS = 64
MAX_PARTS = 512
MIN_BLOCK_POSITIONS = 1 << 12
SLICE_POSITIONS = 1 << 21  # of one call of a kernel
BLOCKS_PER_RELEASE = 2
SAMPLE_STRETCHES, SAMPLE_POSITIONS = 1 << 10, 1 << 7


@dataclass(frozen=True)
class Layout:
    """How windows are written.

    Attributes
    ----------
    n_positions
        Length of the text.
    max_order, id_bits
        As for `cnmine.sorting.windows.sort_windows`.
    pointer_dtype
        Type of a position.
    """

    n_positions: int
    max_order: int
    id_bits: int
    pointer_dtype: type[np.unsignedinteger]

    @property
    def id_dtype(self) -> type[np.unsignedinteger]:
        """Type of a symbol."""
        return np.uint16 if self.id_bits <= 16 else np.uint32

    @property
    def count_dtype(self) -> type[np.integer]:
        """Type of a number of positions."""
        return COUNT if self.pointer_dtype == np.uint64 else np.uint32

    @property
    def width(self) -> int:
        """Symbols of a window: what stands to the left, and ``max_order + 1`` of its own."""
        return self.max_order + 2

    @property
    def n_bytes(self) -> int:
        """Bytes of a window with its pointer."""
        return self.width * self.id_dtype().nbytes + self.pointer_dtype().nbytes


@dataclass(frozen=True)
class Part:
    """All windows of a range of the sorted order, in the order of the text.

    Attributes
    ----------
    records
        ``uint16[n * width]`` or ``uint32[n * width]``, in memory or mapped; ``width`` ids for each window: left, units.
    pointers
        ``[n]``; where each stands.
    """

    records: np.ndarray
    pointers: np.ndarray


def n_scans(layout: Layout, budget_bytes: int) -> int:
    """How many times `scan_windows` reads a text, if a part takes half of the budget."""
    return max(1, 2 * layout.n_positions * layout.n_bytes // max(1, budget_bytes))


def scan_windows(text: Any, layout: Layout, *, budget_bytes: int, threads: int) -> Iterator[Part]:
    """Read the whole text anew for every part of its windows: nothing goes to disk, and a few parts are read faster.

    Parameters are those of `split_windows`. A part that the sample did not foresee may exceed the budget.
    """
    splitters = _choose_splitters(text, layout, n_scans(layout, budget_bytes))
    n_symbols, id_bits = _n_symbols(layout), layout.id_bits
    blocks = range(1, len(text) - 1, SLICE_POSITIONS)

    def decode(start: int) -> tuple[np.ndarray, int]:
        stop = min(start + SLICE_POSITIONS, len(text) - 1)
        return _decode(text, start - 1, min(stop + layout.width, len(text))), stop - start

    def count(start: int) -> np.ndarray:
        local, n = decode(start)
        sizes = np.zeros(len(splitters) + 1, COUNT)
        kernels.find_parts(local, (1, n + 1, n_symbols, id_bits), splitters, np.empty(n, np.uint16), sizes)
        return sizes

    sizes = np.array(list(_releasing(text, map_ordered(count, blocks, threads=threads))))
    firsts = [0, *splitters.tolist(), 1 << KEY_BITS]
    for part, (first, following) in enumerate(pairwise(firsts)):
        offsets = np.append(0, np.cumsum(sizes[:, part]))
        records = np.empty((int(offsets[-1]), layout.width), layout.id_dtype)
        pointers = np.empty(len(records), layout.pointer_dtype)
        words = (np.uint64(first), np.uint64(following - 1))

        def write(
            block: int,
            words: tuple[np.uint64, np.uint64] = words,
            offsets: np.ndarray = offsets,
            records: np.ndarray = records,
            pointers: np.ndarray = pointers,
        ) -> None:
            mine = slice(int(offsets[block]), int(offsets[block + 1]))
            if mine.stop > mine.start:
                local, n = decode(blocks[block])
                numbers = (1, n + 1, layout.max_order, blocks[block] - 1, n_symbols, id_bits)
                kernels.write_range(local, numbers, words, records[mine], pointers[mine])

        for _ in _releasing(text, map_ordered(write, range(len(blocks)), threads=threads)):
            pass
        if len(pointers):
            yield Part(records.reshape(-1), pointers)


def _releasing(text: Any, results: Iterator[T]) -> Iterator[T]:
    """Hand results on; every few blocks, let go of the pages of a mapped text, which count as memory."""
    for i, result in enumerate(results):
        if i % BLOCKS_PER_RELEASE == BLOCKS_PER_RELEASE - 1:
            release_pages(text)
        yield result
    release_pages(text)


def split_windows(text: Any, layout: Layout, *, budget_bytes: int, temp_dir: str, threads: int) -> Iterator[Part]:
    """Write all windows of a text to disk, and read them back in parts.

    Parameters
    ----------
    text
        An array or a `cnmine.store.packing.Packed`; begins and ends with a boundary. Read once, and a sample of it.
    layout
        What is written of it.
    budget_bytes
        A part takes a third of it if the sample does not mislead, and is mapped instead of read if it takes more.
    temp_dir
        Directory for three files, which are gone at the end.
    threads
        Worker threads; the parts do not depend on them.

    Raises
    ------
    ResourceError
        If the disk is full.
    """
    splitters = _choose_splitters(text, layout, 3 * layout.n_positions * layout.n_bytes // max(1, budget_bytes))
    paths = [os.path.join(temp_dir, f"windows-{name}") for name in ("records", "pointers", "part")]
    with ExitStack() as stack:
        for path in paths:
            stack.callback(_remove, path)
        # Unbuffered: what is written comes in large pieces.
        files = [stack.enter_context(open(path, "w+b", buffering=0)) for path in paths[:2]]
        outputs = [OutputFile(file, path, ResourceError) for file, path in zip(files, paths, strict=False)]
        block = max(MIN_BLOCK_POSITIONS, budget_bytes // (2 * (threads + 1) * (layout.n_bytes + 8)))
        sizes = []
        blocks = range(1, len(text) - 1, block)

        def distribute(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            return _distribute(text, layout, splitters, start, min(start + block, len(text) - 1))

        for records, pointers, block_sizes in map_ordered(distribute, blocks, threads=threads, ahead=1):
            for output, array in zip(outputs, (records, pointers), strict=True):
                output.write(_bytes(array))
            sizes.append(block_sizes)
            release_pages(text)
        offsets = np.append(0, np.cumsum(np.array(sizes))).astype(COUNT)
        n_parts = len(splitters) + 1
        for part in range(n_parts):
            pieces = [(int(offsets[i]), int(offsets[i + 1])) for i in range(part, len(offsets) - 1, n_parts)]
            n = sum(stop - start for start, stop in pieces)
            if n:
                pointers = _read(files[1], pieces, layout.pointer_dtype, 1)
                if n * layout.n_bytes <= budget_bytes // 2:
                    yield Part(_read(files[0], pieces, layout.id_dtype, layout.width), pointers)
                else:
                    yield Part(_copy(files[0], pieces, layout, paths[2]), pointers)


def _decode(text: Any, start: int, stop: int) -> np.ndarray:
    return np.asarray(text[start:stop]) if isinstance(text, np.ndarray) else text.decode(start, stop)


def _choose_splitters(text: Any, layout: Layout, n_parts: int) -> np.ndarray:
    """``uint64``; first symbols of windows that cut the sorted order into parts of about equal size."""
    n_symbols = _n_symbols(layout)
    step = max(SAMPLE_POSITIONS, len(text) // SAMPLE_STRETCHES)
    words = [np.zeros(0, np.uint64)]
    # Every few, since the system may map much more than what is read.
    for start in _releasing(text, iter(range(1, len(text) - 1, step))):
        stop = min(start + SAMPLE_POSITIONS, len(text) - 1)
        local = _decode(text, start, min(stop + layout.width, len(text)))
        found = np.empty(stop - start, np.uint64)
        n = kernels.sample_words(local, (0, stop - start, n_symbols, layout.id_bits), found)
        words.append(found[:n])
    sample = np.sort(np.concatenate(words))
    n_parts = min(max(1, n_parts), MAX_PARTS, len(sample))
    return np.unique(sample[[len(sample) * i // n_parts for i in range(1, n_parts)]])


def _n_symbols(layout: Layout) -> int:
    return min(KEY_BITS // layout.id_bits, layout.max_order + 1)


def _distribute(
    text: Any, layout: Layout, splitters: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records and pointers of the windows of a stretch, part after part, and how many each part has."""
    local = _decode(text, start - 1, min(stop + layout.width, len(text)))
    n = stop - start
    parts = np.empty(n, np.uint16)
    sizes = np.zeros(len(splitters) + 1, COUNT)
    slices = [(i, min(i + SLICE_POSITIONS, n)) for i in range(0, n, SLICE_POSITIONS)]
    for first, end in slices:
        numbers = (first + 1, end + 1, _n_symbols(layout), layout.id_bits)
        kernels.find_parts(local, numbers, splitters, parts[first:end], sizes)
    records = np.empty((int(sizes.sum()), layout.width), layout.id_dtype)
    pointers = np.empty(len(records), layout.pointer_dtype)
    cursors = np.cumsum(sizes) - sizes
    for first, end in slices:
        numbers = (first + 1, end + 1, layout.max_order, start - 1)
        kernels.write_records(local, numbers, parts[first:end], cursors, records, pointers)
    return records, pointers, sizes


def _read(file: BinaryIO, pieces: list[tuple[int, int]], dtype: type, width: int) -> np.ndarray:
    """Some stretches of a file of items of ``width`` numbers, one behind the other."""
    size = width * np.dtype(dtype).itemsize
    items: np.ndarray = np.empty(sum(stop - start for start, stop in pieces) * width, dtype)
    view, done = _bytes(items), 0
    for start, stop in pieces:
        file.seek(start * size)
        end = done + (stop - start) * size
        while done < end:
            n = file.readinto(view[done:end])  # type: ignore[attr-defined]
            if not n:
                raise ResourceError(f"{file.name}: cut short by another process while it was in use; run again")
            done += n
    return items


def _copy(file: BinaryIO, pieces: list[tuple[int, int]], layout: Layout, path: str) -> np.ndarray:
    """Likewise the records of a part too large for the memory, in a file of their own, mapped."""
    with open(path, "wb", buffering=0) as copy:
        output = OutputFile(copy, path, ResourceError)
        for piece in pieces:
            output.write(_bytes(_read(file, [piece], layout.id_dtype, layout.width)))
    return np.memmap(path, layout.id_dtype, "r")


def _bytes(array: np.ndarray) -> Any:
    """An array as a buffer of bytes, which may be empty."""
    return array.reshape(-1).view(np.uint8).data


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
