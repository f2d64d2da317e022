"""Records of counting in, the figures that have to be reached and those that were out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import runs

HEADER = ("what", "measured on", "floor", "measured", "reached")
SORT_RATE = 160e6  # keys a second of np.sort on one thread where the floor of the rate holds unscaled
COUNT_RATE, KENLM_RATIO, GROWTH, STORE_RATIO = 40.0, 8.0, 1.4, 1.5
FLOOR_BYTES = 220e6  # of text for the floors of the rate
PEAK_BYTES, OPEN_SECONDS, BATCH_RATE, PIPE_RATE = 1.1e9, 0.020, 1e6, 1e5
Records = Sequence[dict]
Floor = tuple[str, str, float | None, float, str]


def print_floors(records: Records) -> None:
    """A row for each floor that these records can tell of."""
    runs.print_table(HEADER, find_floors(records))
    stores = {key: digests for key, digests in _digests(records).items() if len(digests) >= 1}
    n_runs = sum(record["task"] in ("count", "merge") for record in records)
    if n_runs and not find_differences(records):
        print(
            f"\n{n_runs} runs of {len(stores)} texts and orders: equal bytes for any memory and threads, and of merges"
        )


def find_differences(records: Records) -> list[tuple]:
    """Texts and orders whose stores are not all the same."""
    return [key for key, digests in _digests(records).items() if len(digests) > 1]


def find_floors(records: Records) -> Iterator[Floor]:
    for n_bytes in sorted({record["n_bytes"] for record in records if record["task"] == "count"}):
        yield from _speed_floors([record for record in records if record["n_bytes"] == n_bytes], n_bytes)
    yield from _memory_floors(_choose(records, task="count", memory="1:1"))
    for record in records:
        if record["task"] == "kind":
            ratio = record["store_bytes"] / record["n_bytes"]
            floor = STORE_RATIO if record["max_order"] == 6 else None
            yield _at_most(f"store/text, order {record['max_order']}", record["method"], floor, ratio)
        if record["task"] == "lookup":
            yield from _lookup_floors(record)


def _speed_floors(records: Records, n_bytes: int) -> Iterator[Floor]:
    where = f"{n_bytes / 1e6:.0f} MB"
    threads = max(record["threads"] for record in records if record["task"] == "count")
    counts = _choose(records, task="count", max_order=4, memory="plenty", threads=threads)
    if not counts:
        return
    seconds = counts[0]["seconds"]
    sorts = _choose(records, task="peer", method="np.sort", threads=1)
    scale = min(1.0, sorts[0]["n_tokens"] / sorts[0]["seconds"] / SORT_RATE) if sorts else 1.0
    is_meant = abs(n_bytes / FLOOR_BYTES - 1) < 0.1
    floor = COUNT_RATE * scale if is_meant else None
    yield _at_least(f"MB/s, order 4, {threads} threads", where, floor, n_bytes / 1e6 / seconds)
    for method in ("count_ngrams", "lmplz", "dictionary", "sort | uniq -c", "np.sort in cache", "np.sort"):
        for peer in _choose(records, task="peer", method=method):
            floor = KENLM_RATIO if method == "count_ngrams" and is_meant else None
            yield _at_least(
                f"seconds of {method}, {peer['threads']} threads / ours", where, floor, peer["seconds"] / seconds
            )
    for merge in _choose(records, task="merge", memory="plenty", threads=threads):
        whole = _choose(records, task="count", memory="plenty", threads=threads, max_order=merge["max_order"])
        ratio = merge["seconds"] / whole[0]["seconds"]
        yield _at_most(f"seconds of merging halves / counting, order {merge['max_order']}", where, None, ratio)


def _memory_floors(counts: Records) -> Iterator[Floor]:
    """Of runs with as much memory as there is text."""
    for record in counts:
        where = f"{record['n_bytes'] / 1e6:.0f} MB, order {record['max_order']}, {record['threads']} threads"
        if record["n_bytes"] < 0.9e9:
            continue
        yield _at_most(
            "peak GB, memory 1:1", where, PEAK_BYTES / 1e9 * record["n_bytes"] / 1e9, record["peak_bytes"] / 1e9
        )
        for other in _choose(counts, max_order=record["max_order"], threads=record["threads"]):
            if 0.9e8 < other["n_bytes"] < 1.1e8:
                growth = record["seconds"] / record["n_bytes"] / (other["seconds"] / other["n_bytes"])
                yield _at_most("seconds/GB over those of 100 MB, 1:1", where, GROWTH, growth)


def _lookup_floors(record: dict) -> Iterator[Floor]:
    where = f"store of {record['store_bytes'] / 1e6:.0f} MB, {record['threads']} threads"
    if record["method"].startswith("open"):
        floor = None if record["method"] == "open, first of all" else OPEN_SECONDS * 1e3
        yield _at_most(f"ms, {record['method']}", where, floor, record["seconds"] * 1e3)
    else:
        rate, floor_rate = (
            record["n_words"] / record["seconds"],
            BATCH_RATE if record["method"] == "counts" else PIPE_RATE,
        )
        yield _at_least(f"thousand words/s, {record['method']}", where, floor_rate / 1e3, rate / 1e3)


def _choose(records: Records, **wanted: object) -> list[dict]:
    return [record for record in records if all(record.get(name) == value for name, value in wanted.items())]


def _digests(records: Records) -> dict[tuple, set[str]]:
    found: dict[tuple, set[str]] = {}
    for record in records:
        if record["task"] in ("count", "merge"):
            key = record["corpus"], record["n_bytes"], record["max_order"]
            found.setdefault(key, set()).add(record["digest"])
    return found


def _at_least(what: str, where: str, floor: float | None, measured: float) -> Floor:
    return what, where, floor, measured, "" if floor is None else "yes" if measured >= floor else "NO"


def _at_most(what: str, where: str, floor: float | None, measured: float) -> Floor:
    return what, where, floor, measured, "" if floor is None else "yes" if measured <= floor else "NO"
