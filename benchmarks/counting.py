"""Counting n-grams into stores: time, memory and disk, beside KenLM, NumPy's sort and the plain ways.

    python benchmarks/counting.py --sizes 10
    python benchmarks/counting.py --sizes 10 100 220 500 1000 --jsonl counting.jsonl \
        --count-ngrams kenlm/build/bin/count_ngrams --lmplz kenlm/build/bin/lmplz

README.md says what is measured and what the columns mean.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import corpora
import counting_floors
import counting_peers
import runs
import store_access
from processes import Usage, launcher, run_apart, run_process

PARTS = ("count", "peers", "merge", "lookup", "kinds")
SHORT_MB, SHORT_REPEATS = 10.0, 3  # the median of several runs of what takes a second
PEER_ORDER = 4
KINDS_ORDERS = (4, 6)
SPILLING_BYTES = 12 * 10**6  # of text that does not fit the smallest budget
HEADER = (
    "task",
    "what",
    "MB",
    "order",
    "threads",
    "memory",
    "wall s",
    "MB/s",
    "CPU s",
    "peak MB",
    "private MB",
    "temp MB",
    "store MB",
    "store/text",
)


@dataclass(frozen=True)
class Text:
    """A text to be counted, in a directory of its own."""

    path: Path
    corpus: str
    generated_share: float

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def folder(self) -> Path:
        return self.path.parent

    def describe(self) -> dict:
        return {"corpus": self.corpus, "generated_share": round(self.generated_share, 4), "n_bytes": self.n_bytes}


def make_text(size_mb: float, folder: Path, data: Path) -> Text:
    """The text of a size, the same in every run."""
    runs.report(f"{size_mb:g} MB: making the text …")
    path = folder / "corpus.txt"
    corpus, share = run_apart(corpora.make_long_corpus, path, int(size_mb * 1e6), data)
    if share:
        runs.report(f"{size_mb:g} MB: {share:.0%} of the text are generated")
    return Text(path, corpus, share)


def run_command(arguments: Sequence[str], folder: Path) -> Usage:
    """A command of cnmine, with an empty directory for temporary files, which must be empty in the end."""
    scratch = folder / "scratch"
    scratch.mkdir()
    usage = run_process([*launcher(), *arguments, "--temp-dir", str(scratch), "-q"], watched=scratch)
    scratch.rmdir()
    return usage


def summarize(usages: Sequence[Usage]) -> dict:
    """Medians of the times, largest of the sizes."""
    return {
        "seconds": round(statistics.median(usage.seconds for usage in usages), 4),
        "cpu_seconds": round(statistics.median(usage.cpu_seconds for usage in usages), 4),
        "peak_bytes": max(usage.peak_bytes for usage in usages),
        "private_bytes": max(usage.private_bytes for usage in usages),
        "temp_bytes": max(usage.temp_bytes for usage in usages),
        "runs": len(usages),
    }


def digest_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def warm_up(folder: Path) -> None:
    """Runs that are thrown away: afterwards all kernels lie compiled in the cache, for few and for many units."""
    runs.report("warming up …")
    few, many = folder / "few.txt", folder / "many.txt"
    run_apart(corpora.make_corpus, few, SPILLING_BYTES, folder)
    with open(few, "rb") as source, open(many, "wb") as out:
        shutil.copyfileobj(source, out)
        out.writelines(b"%x\n" % i for i in range(1 << 17))
    stores = []
    for text in (few, many):
        for memory in ("1K", "4G"):
            stores.append(text.with_suffix(f".{memory}"))
            run_command(["count", str(text), "-o", str(stores[-1]), "--memory", memory], folder)
    for memory in ("1K", "4G"):
        run_command(["merge", *map(str, stores[::2]), "-o", str(folder / "merged"), "--memory", memory], folder)
    run_process([*launcher(), "lookup", str(folder / "merged"), "中国", "的", "-q"])


def measure_counts(text: Text, arguments: argparse.Namespace) -> Iterator[dict]:
    """``cnmine count`` with every order, memory and number of threads; leaves the store of the highest order."""
    repeats = arguments.repeats or (SHORT_REPEATS if text.n_bytes <= SHORT_MB * 1e6 else 1)
    for order in sorted(arguments.orders):
        for budget, memory in (("plenty", arguments.plenty), ("1:1", str(text.n_bytes))):
            for threads in arguments.threads:
                runs.report(f"{text.n_bytes / 1e6:.0f} MB, order {order}, memory {budget}, {threads} threads …")
                options = ["--max-order", str(order), "--memory", memory, "--threads", str(threads)]
                command = ["count", str(text.path), "-o", str(store_of(text)), *options]
                usages = [run_command(command, text.folder) for _ in range(repeats)]
                yield {
                    "task": "count",
                    "method": "cnmine",
                    **text.describe(),
                    "max_order": order,
                    "threads": threads,
                    "memory": budget,
                    **summarize(usages),
                    "store_bytes": store_of(text).stat().st_size,
                    "digest": digest_file(store_of(text)),
                }


def store_of(text: Text) -> Path:
    return text.path.with_suffix(".store")


def measure_peers(text: Text, arguments: argparse.Namespace) -> Iterator[dict]:
    """Other ways to count the same characters, or to sort as many keys."""
    n_tokens = run_apart(store_access.read_settings, store_of(text))["n_tokens"]
    shared = {"task": "peer", **text.describe(), "n_tokens": n_tokens}
    for threads in arguments.threads:
        runs.report(f"{text.n_bytes / 1e6:.0f} MB, np.sort, {threads} threads …")
        for method, (wall, cpu) in run_apart(counting_peers.sort_keys, n_tokens, threads).items():
            times = {"seconds": round(wall, 4), "cpu_seconds": round(cpu, 4)}
            yield shared | {"method": method, "threads": threads} | times
    if text.n_bytes <= counting_peers.PAIR_MAX_MB * 1e6:
        yield from measure_plain_ways(text, shared, max(arguments.threads))
    if text.n_bytes <= arguments.kenlm_max_mb * 1e6 * (1 + corpora.SLACK):
        yield from measure_kenlm(text, shared, arguments)


def measure_plain_ways(text: Text, shared: dict, threads: int) -> Iterator[dict]:
    runs.report("sort | uniq -c, and Python's dictionaries …")
    pairs = text.folder / "pairs"
    run_apart(counting_peers.write_pairs, text.path, pairs)
    if shutil.which("sort") and shutil.which("uniq"):
        usage = counting_peers.sort_pairs(pairs, threads, text.folder)
        yield shared | {"method": "sort | uniq -c", "max_order": 2, "threads": threads} | summarize([usage])
    pairs.unlink()
    wall, cpu, n_types = run_apart(counting_peers.count_with_dictionary, text.path, PEER_ORDER)
    times = {"seconds": round(wall, 4), "cpu_seconds": round(cpu, 4), "n_types": n_types}
    yield shared | {"method": "dictionary", "max_order": PEER_ORDER, "threads": 1} | times


def measure_kenlm(text: Text, shared: dict, arguments: argparse.Namespace) -> Iterator[dict]:
    programs = [program for program in (arguments.count_ngrams, arguments.lmplz) if program]
    if not programs:
        runs.report("KenLM: skipped; name its programs with --count-ngrams and --lmplz")
        return
    spaced = text.folder / "spaced"
    run_apart(counting_peers.space_text, text.path, spaced)
    for program in programs:
        runs.report(f"{text.n_bytes / 1e6:.0f} MB, {Path(program).name} …")
        usage = counting_peers.run_kenlm(program, spaced, PEER_ORDER, arguments.plenty, text.folder)
        method, threads = Path(program).name, os.cpu_count() or 1  # it starts as many as it likes
        yield shared | {"method": method, "max_order": PEER_ORDER, "threads": threads} | summarize([usage])
    spaced.unlink()


def measure_merge(text: Text, arguments: argparse.Namespace) -> Iterator[dict]:
    """Two halves counted and merged; the digest must be that of the whole."""
    halves = [text.folder / f"half{i}" for i in range(2)]
    run_apart(corpora.cut_in_two, text.path, *halves)
    order = str(max(arguments.orders))
    for half in halves:
        runs.report(f"{text.n_bytes / 1e6:.0f} MB, counting a half …")
        options = ["--max-order", order, "--memory", arguments.plenty]
        run_command(["count", str(half), "-o", f"{half}.store", *options], text.folder)
        half.unlink()
    merged = text.folder / "merged"
    for budget, memory in (("plenty", arguments.plenty), ("1:1", str(text.n_bytes))):
        for threads in arguments.threads:
            runs.report(f"{text.n_bytes / 1e6:.0f} MB, merging, memory {budget}, {threads} threads …")
            options = ["--memory", memory, "--threads", str(threads)]
            usage = run_command(
                ["merge", *(f"{half}.store" for half in halves), "-o", str(merged), *options], text.folder
            )
            yield {
                "task": "merge",
                "method": "cnmine",
                **text.describe(),
                "max_order": int(order),
                "threads": threads,
                "memory": budget,
                **summarize([usage]),
                "store_bytes": merged.stat().st_size,
                "digest": digest_file(merged),
            }
    for path in (merged, *(Path(f"{half}.store") for half in halves)):
        path.unlink()


def measure_lookup(text: Text, arguments: argparse.Namespace) -> Iterator[dict]:
    """Opening, and a million words: in the library and through a pipe."""
    store = store_of(text)
    shared = {
        "task": "lookup",
        **text.describe(),
        "max_order": max(arguments.orders),
        "store_bytes": store.stat().st_size,
    }
    runs.report(f"{text.n_bytes / 1e6:.0f} MB, opening and looking up …")
    small = text.folder / "small.store"
    run_command(["count", str(corpora.SAMPLE), "-o", str(small)], text.folder)
    for method, seconds in store_access.measure_opening(store, small).items():
        yield shared | {"method": method, "threads": 1, "seconds": round(seconds, 5)}
    words = text.folder / "words"
    run_apart(store_access.write_words, text.path, words)
    for threads in arguments.threads:
        seconds, n_found = run_apart(store_access.measure_batch, store, words, threads)
        figures = {"seconds": round(seconds, 4), "n_words": store_access.N_WORDS, "n_found": n_found}
        yield shared | {"method": "counts", "threads": threads} | figures
    for method, options in {"pipe": [], "pipe, no neighbours": ["--neighbours", "0"]}.items():
        for threads in arguments.threads:
            command = [*launcher(), "lookup", str(store), "-", "--threads", str(threads), "-q", *options]
            usage = run_process(command, stdin=words, is_piped=True)
            figures = {"n_words": store_access.N_WORDS, "digest": hashlib.sha256(usage.output).hexdigest()}
            yield shared | {"method": method, "threads": threads} | summarize([usage]) | figures
    words.unlink()


def measure_kinds(arguments: argparse.Namespace) -> Iterator[dict]:
    """Size of the stores of news, a novel and short messages."""
    for name, source in corpora.list_kinds(arguments.data).items():
        if not source.is_file():
            runs.report(f"{name}: skipped, {source.name} is not in the folder of --data")
            continue
        for order in KINDS_ORDERS:
            with tempfile.TemporaryDirectory(prefix="cnmine-", dir=arguments.temp_dir) as folder:
                path = Path(folder, "corpus.txt")
                run_apart(corpora.write_plain, source, path)
                text = Text(path, name, 0.0)
                usage = run_command(
                    ["count", str(path), "-o", str(store_of(text)), "--max-order", str(order)], text.folder
                )
                settings = run_apart(store_access.read_settings, store_of(text))
                yield {
                    "task": "kind",
                    "method": name,
                    **text.describe(),
                    "max_order": order,
                    "threads": os.cpu_count(),
                    **summarize([usage]),
                    "store_bytes": store_of(text).stat().st_size,
                    "n_tokens": settings["n_tokens"],
                    "n_windows": settings["n_windows"],
                    "digest": digest_file(store_of(text)),
                }


def run_size(size_mb: float, arguments: argparse.Namespace, recorder: runs.Recorder) -> None:
    """All parts that need the text of a size; it is removed when it has been measured."""
    with tempfile.TemporaryDirectory(prefix="cnmine-", dir=arguments.temp_dir) as folder:
        text = make_text(size_mb, Path(folder), arguments.data)
        # The others need the store that the first part leaves.
        for part, measure in {
            "count": measure_counts,
            "peers": measure_peers,
            "merge": measure_merge,
            "lookup": measure_lookup,
        }.items():
            if part in arguments.parts:
                for record in measure(text, arguments):
                    recorder.add(record)


def row(record: dict) -> tuple:
    def megabytes(name: str) -> float | None:
        return record[name] / 1e6 if record.get(name) else None

    seconds = record.get("seconds")
    is_rate = record["task"] in ("count", "merge", "peer", "kind")
    return (
        record["task"],
        record["method"],
        f"{record['n_bytes'] / 1e6:.1f}",
        record.get("max_order"),
        record["threads"],
        record.get("memory", ""),
        seconds,
        record["n_bytes"] / 1e6 / seconds if is_rate else None,
        record.get("cpu_seconds"),
        *(megabytes(name) for name in ("peak_bytes", "private_bytes", "temp_bytes", "store_bytes")),
        record["store_bytes"] / record["n_bytes"] if "store_bytes" in record else None,
    )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure counting into stores, merging and looking up.")
    runs.add_common_options(parser)
    parser.add_argument(
        "--sizes", nargs="+", type=float, default=[10.0], metavar="MB", help="of the texts (default 10)"
    )
    parser.add_argument("--orders", nargs="+", type=int, default=[4, 6])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="peers, merge and lookup need count")
    parser.add_argument("--plenty", default="8G", metavar="SIZE", help="more memory than a text needs (default 8G)")
    parser.add_argument("--repeats", type=int, help="runs of a count (default 3 up to 10 MB, else 1)")
    parser.add_argument("--kenlm-max-mb", type=float, default=220.0, metavar="MB", help="no KenLM beyond (default 220)")
    parser.add_argument("--count-ngrams", default=os.environ.get("CNMINE_COUNT_NGRAMS"), metavar="PROGRAM")
    parser.add_argument("--lmplz", default=os.environ.get("CNMINE_LMPLZ"), metavar="PROGRAM")
    parser.add_argument("--temp-dir", type=Path, help="where texts and stores are written")
    return parser.parse_args(arguments)


def main() -> None:
    arguments = parse_arguments()
    recorder = runs.Recorder("counting", arguments.jsonl)
    try:
        with tempfile.TemporaryDirectory(prefix="cnmine-", dir=arguments.temp_dir) as folder:
            warm_up(Path(folder))
        for size_mb in arguments.sizes if set(arguments.parts) - {"kinds"} else []:
            run_size(size_mb, arguments, recorder)
        if "kinds" in arguments.parts:
            for record in measure_kinds(arguments):
                recorder.add(record)
    finally:
        runs.print_table(HEADER, map(row, recorder.records))
    print()
    counting_floors.print_floors(recorder.records)
    if differing := counting_floors.find_differences(recorder.records):
        raise SystemExit(f"different stores of the same text: {differing}")


if __name__ == "__main__":
    main()
