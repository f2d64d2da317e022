"""What it takes to build a knowledge base of a dump as Wikidata publishes it: time, memory, disk.

A dump is made up, always the same, and compressed: an array of items, one a line, each with labels and aliases in
many languages of which one item in three has Chinese ones, descriptions, claims with qualifiers that name other items,
and sitelinks. It is read as a stream, so memory must grow with the names that are kept, and not with the dump.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import launcher, run_process
from runs import Recorder, add_common_options, print_table

LANGUAGES = ("en", "de", "fr", "ru", "es", "it", "pl", "pt", "nl", "sv", "uk", "ar", "fa", "vi", "tr", "ja", "ko")
CHINESE = ("zh", "zh-hans", "zh-hant", "zh-cn", "zh-tw", "zh-hk")
KINDS = ("Q5", "Q515", "Q11424", "Q7889", "Q4830453", "Q16521", "Q571", "Q3305213")
PROPERTIES = ("P106", "P27", "P19", "P69", "P50", "P57", "P495", "P17", "P131", "P136")
HEADER = ("items", "claims", "s", "CPU s", "dump MB", "compressed MB", "peak MB", "private MB", "temp MB", "store MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--items", type=int, nargs="+", default=[50_000, 200_000], help="of each dump")
    options = parser.parse_args()
    recorder, rows = Recorder("linking_build", options.jsonl), []
    with tempfile.TemporaryDirectory() as place:
        for n_items in options.items:
            dump, kb, scratch = (Path(place) / name for name in ("dump.json.gz", "kb", "scratch"))
            scratch.mkdir(exist_ok=True)
            n_bytes = write_dump(dump, n_items)
            for claims in ([], ["--claim", "P31=Q5"]):
                command = [*launcher(), "kb", "build", str(dump), "-o", str(kb), "--temp-dir", str(scratch), *claims]
                usage = run_process([*command, "--quiet"], watched=scratch)
                sizes = [n_bytes, dump.stat().st_size, usage.peak_bytes, usage.private_bytes, usage.temp_bytes]
                megabytes = [size / 1e6 for size in (*sizes, kb.stat().st_size)]
                row = (n_items, " ".join(claims[1:]) or "all", usage.seconds, usage.cpu_seconds, *megabytes)
                recorder.add(dict(zip(HEADER, row, strict=True)))
                rows.append(row)
    print_table(HEADER, rows)


def write_dump(path: Path, n_items: int) -> int:
    """Write a dump; return its size before it is compressed."""
    n_bytes = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        n_bytes += file.write("[\n")
        for i, item in enumerate(make_items(n_items)):
            n_bytes += file.write((",\n" if i else "") + json.dumps(item, separators=(",", ":")))
        n_bytes += file.write("\n]\n")
    return n_bytes


def make_items(n_items: int) -> Iterator[dict[str, Any]]:
    """Items, and before them the kinds and properties that they name; ASCII once they are JSON."""
    source = random.Random(11)
    for name in (*KINDS, *PROPERTIES):
        kind = "item" if name[0] == "Q" else "property"
        yield {"type": kind, "id": name, "labels": {"zh": term("zh", chinese(source, 2)), "en": term("en", name)}}
    for i in range(n_items):
        languages = source.sample(LANGUAGES, source.randint(3, len(LANGUAGES)))
        labels = {name: term(name, latin(source)) for name in languages}
        aliases = {name: [term(name, latin(source))] for name in languages[:3]}
        descriptions = {name: term(name, f"{latin(source)} {latin(source)}") for name in languages[:8]}
        if i % 3 == 0:
            name = chinese(source, source.randint(2, 4))
            for language in source.sample(CHINESE, 3):
                labels[language] = term(language, name)
                descriptions[language] = term(language, chinese(source, 12))
            aliases["zh"] = [term("zh", chinese(source, 3)) for _ in range(source.randint(0, 2))]
        claims = {"P31": [claim("P31", source.choice(KINDS))]}
        for name in source.sample(PROPERTIES, 4):
            claims[name] = [claim(name, f"Q{1000 + source.randrange(n_items)}")]
        links = {f"{name}wiki": {"site": f"{name}wiki", "title": latin(source), "badges": []} for name in languages[:6]}
        yield {
            "type": "item",
            "id": f"Q{1000 + i}",
            "labels": labels,
            "descriptions": descriptions,
            "aliases": aliases,
            "claims": claims,
            "sitelinks": links,
        }


def term(language: str, value: str) -> dict[str, str]:
    """A label, an alias or a description."""
    return {"language": language, "value": value}


def claim(name: str, target: str) -> dict[str, Any]:
    """A statement that names an item."""
    value = {"entity-type": "item", "numeric-id": int(target[1:]), "id": target}
    snak = {"snaktype": "value", "property": name, "datavalue": {"value": value, "type": "wikibase-entityid"}}
    return {"mainsnak": snak, "type": "statement", "id": f"{target}$0", "rank": "normal", "references": []}


def chinese(source: random.Random, size: int) -> str:
    """Characters, common ones most often."""
    return "".join(chr(0x4E00 + int(20_000 * source.random() ** 3)) for _ in range(size))


def latin(source: random.Random) -> str:
    """A word of letters."""
    return "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=9)).title()


if __name__ == "__main__":
    main()
