#!/usr/bin/env python3
"""Validate the sample knowledge base and its labelled texts, and count the traps.

Usage: ``python3 check.py [DIR]`` (default: the directory of this file). Exit status 1 and one line
per fault if anything is wrong; ``--traps`` prints the trap table of TRAPS.md afresh.

Offsets are code points of ``text``; all three files are small, everything is held in memory.
"""

import collections
import json
import pathlib
import re
import sys
import unicodedata

PAIRS = (
    "蘋苹長长漢汉紅红樓楼夢梦華华張张國国榮荣別别東东藝艺謀谋奧奥運运"
    "會会為为揚扬遊游記记孫孙蘇苏臺台灣湾黃黄寧宁聯联諸诸萬万馬马慶庆"
)
TRAD = dict(zip(PAIRS[::2], PAIRS[1::2], strict=True))
MANUAL = ("common", "inside")  # told apart by hand in TRAPS.md; here only verified
DESCRIBE = {
    "nested_names": "a KB name inside a longer name: only the longer one is marked",
    "nested_gold": "both names are marked: the maker inside the name of its product",
    "title": "mention exactly between 《 and 》",
    "title_nil": "title outside the KB between 《 and 》",
    "common": "a KB name used as a common word: not marked",
    "inside": "a KB name inside an unrelated word or name, or across a word border: not marked",
    "twice": "the same surface twice in one text",
    "twice_differs": "the same surface twice, two different answers",
    "start": "mention at offset 0",
    "end": "mention ends the text",
    "latin_run": "a Latin or numeric KB name inside a longer run of letters or digits: not marked",
    "latin": "mention written with Latin letters or digits",
    "spelling": "mention differs from the KB name by letter case or by the middle dot",
    "traditional": "mention in traditional characters",
    "full_width": "mention in full-width letters",
    "astral": "character above U+FFFF before a mention: offsets count code points",
    "long": "at least 80 characters and 4 mentions",
    "single_char": "mention of one character",
    "co_mention": "homonym; only the right candidate's record names another entity linked in the text",
    "attribute": "homonym; an attribute value that only the right candidate has (and not in its 摘要) is in the text",
    "popularity": "homonym; another entity has more training links for this surface",
    "nil_homonym": "surface is a KB name, but what is meant is not in the KB",
    "nil_longer": "NIL name that contains a KB name (roads, institutions, products)",
    "nil_place": "other NIL: country, province or city outside the KB, or another name",
    "unseen_entity": "entity without any training link (test only)",
    "unseen_pair": "surface and entity known, but this pair is not in the training set (test only)",
}


def norm(s):
    """Case, width, middle dots and traditional characters folded one to one (as far as needed here)."""
    out = []
    for c in s:
        d = unicodedata.normalize("NFKC", c)
        c = d if len(d) == 1 else c
        c = c.lower()
        out.append("·" if c in "•・‧∙" else TRAD.get(c, c))
    return "".join(out)


def load(path, faults):
    """Rows of a JSON Lines file; broken lines are added to `faults`."""
    rows = []
    raw = path.read_bytes()
    if raw.startswith(b"\xef\xbb\xbf") or b"\r" in raw:
        faults.append(f"{path.name}: byte order mark or CR")
    if not raw.endswith(b"\n"):
        faults.append(f"{path.name}: no line end at the end of the file")
    for n, line in enumerate(raw.decode("utf-8").removesuffix("\n").split("\n"), 1):
        try:
            rows.append(json.loads(line))
        except ValueError as e:
            faults.append(f"{path.name}:{n}: {e}")
    return rows


def inside_run(text, a, b):
    """Whether text[a:b] starts or ends inside a run of Latin letters and digits."""

    def w(c):
        c = unicodedata.normalize("NFKC", c)
        return c.isascii() and c.isalnum()

    return (a > 0 and w(text[a - 1]) and w(text[a])) or (b < len(text) and w(text[b]) and w(text[b - 1]))


def free(text, names, spans):
    """Occurrences (name, in_run) of KB names of >= 2 characters that touch no marked span."""
    t = norm(text)
    for a in range(len(t)):
        for n in range(2, min(16, len(t) - a) + 1):
            s = t[a : a + n]
            if s in names and not any(x < a + n and a < y for x, y in spans):
                yield s, inside_run(text, a, a + n)


def main(argv):
    args = [a for a in argv if not a.startswith("-")]
    base = pathlib.Path(args[0] if args else __file__).resolve()
    base = base if base.is_dir() else base.parent
    faults = []
    kb = load(base / "sample_kb.jsonl", faults)
    sets = {s: load(base / f"sample_{s}.jsonl", faults) for s in ("train", "test")}

    ents, names = {}, collections.defaultdict(set)
    for r in kb:
        i = r.get("subject_id")
        if list(r) != ["subject_id", "subject", "alias", "type", "data"]:
            faults.append(f"KB {i}: fields {list(r)}")
        if not (isinstance(i, str) and i.isdigit()) or i in ents:
            faults.append(f"KB {i}: id is not digits or not unique")
        ents[i] = r
        if len(set(r["alias"])) != len(r["alias"]):
            faults.append(f"KB {i}: alias twice")
        for a in {r["subject"], *r["alias"]}:
            if not a.strip() or a != a.strip() or len(a) > 64:
                faults.append(f"KB {i}: alias {a!r}")
            names[norm(a)].add(i)
        if not r["type"] or not all(isinstance(x, str) for x in r["type"]):
            faults.append(f"KB {i}: type")
        for d in r["data"]:
            if list(d) != ["predicate", "object"] or not d["predicate"] or not d["object"]:
                faults.append(f"KB {i}: data {d}")
        k = sum(d["predicate"] != "摘要" for d in r["data"])
        if len(r["data"]) - k != 1 or not 2 <= k <= 6:
            faults.append(f"KB {i}: {k} facts, {len(r['data']) - k} 摘要")
    record = {i: "\n".join(d["object"] for d in r["data"]) for i, r in ents.items()}
    abstract = {i: next(d["object"] for d in r["data"] if d["predicate"] == "摘要") for i, r in ents.items()}
    values = {
        i: {v for d in r["data"] if d["predicate"] != "摘要" for v in re.split("[、，;]", d["object"]) if len(v) >= 2}
        for i, r in ents.items()
    }

    links = collections.defaultdict(collections.Counter)
    for r in sets["train"]:
        for m in r["mention_data"]:
            if m["kb_id"] != "NIL":
                links[norm(m["mention"])][m["kb_id"]] += 1
    linked = {i for c in links.values() for i in c}

    traps = {k: {"train": [], "test": []} for k in DESCRIBE}
    listed = collections.defaultdict(dict)
    notes = base / "TRAPS.md"
    if notes.exists():
        for m in re.finditer(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", notes.read_text("utf-8"), re.M):
            listed[m[1]] = {"train": m[2].split(), "test": m[3].split()}

    stat, seen_ids, seen_texts = {}, set(), {}
    for part, rows in sets.items():
        st = collections.Counter()
        lengths, answers = [], collections.Counter()
        for r in rows:
            tid, text = r.get("text_id"), r.get("text")
            where = f"{part} {tid}"
            if list(r) != ["text_id", "text", "mention_data"]:
                faults.append(f"{where}: fields {list(r)}")
            if not (isinstance(tid, str) and tid.isdigit()) or tid in seen_ids:
                faults.append(f"{where}: text_id is not digits or not unique")
            seen_ids.add(tid)
            if text in seen_texts:
                faults.append(f"{where}: same text as {seen_texts[text]}")
            seen_texts[text] = where
            if not text or text != text.strip() or any(unicodedata.category(c) == "Cc" for c in text):
                faults.append(f"{where}: empty, surrounding white space or control character")
            st["texts"] += 1
            lengths.append(len(text))
            good, hit, spans, by = [], set(), [], collections.defaultdict(list)
            last = -1
            for m in r["mention_data"]:
                if list(m) != ["kb_id", "mention", "offset"] or type(m.get("offset")) is not int:
                    faults.append(f"{where}: mention fields {m}")
                    continue
                i, s, a = m["kb_id"], m["mention"], m["offset"]
                b = a + len(s)
                if not s or text[a:b] != s:
                    faults.append(f"{where}: text at {a} is {text[a:b]!r}, not {s!r}")
                if i != "NIL" and i not in ents:
                    faults.append(f"{where}: kb_id {i} is not in the KB")
                    continue
                if i != "NIL" and i not in names.get(norm(s), ()):
                    faults.append(f"{where}: {s!r} is no name of {i}")
                if a < last:
                    faults.append(f"{where}: mentions not in order of offset")
                last = a
                good.append(m)
                if inside_run(text, a, b):
                    faults.append(f"{where}: {s!r} cuts a Latin word or number")
                spans.append((a, b))
                by[norm(s)].append(i)
                st["mentions"] += 1
                answers[i] += 1
            for x, (a, b) in enumerate(spans):
                for c, d in spans[x + 1 :]:
                    if a < d and c < b:
                        if (a, b) == (c, d) or not ((a <= c and d <= b) or (c <= a and b <= d)):
                            faults.append(f"{where}: crossing or equal spans {a}-{b}, {c}-{d}")
                        hit.add("nested_gold")
            for m in good:
                i, s, a = m["kb_id"], m["mention"], m["offset"]
                b, q = a + len(s), norm(s)
                parts = {q[x:y] for x in range(len(q)) for y in range(x + 2, len(q) + 1)}
                inner = (parts - {q}) & set(names)
                if inner and not any((a <= c and d <= b) and (c, d) != (a, b) for c, d in spans):
                    hit.add("nested_names")
                quoted = text[a - 1 : a] == "《" and text[b : b + 1] == "》"
                if quoted:
                    hit.add("title_nil" if i == "NIL" else "title")
                hit |= {"start"} if a == 0 else set()
                hit |= {"end"} if b == len(text) else set()
                hit |= {"single_char"} if len(s) == 1 else set()
                if any(ord(c) > 0xFFFF for c in text[:a]):
                    hit.add("astral")
                if any("！" <= c <= "～" for c in s):
                    hit.add("full_width")
                elif re.search("[A-Za-z0-9]", s):
                    hit.add("latin")
                if i == "NIL":
                    st["NIL"] += 1
                    k = "nil_longer" if inner else "nil_place"
                    k = "nil_homonym" if q in names else "title_nil" if quoted else k
                    st["NIL " + k.replace("title_nil", "nil_title")[4:]] += 1
                    hit.add(k)
                    if q != s and any(TRAD.get(c, c) != c for c in s):
                        hit.add("traditional")
                    continue
                literal = {ents[i]["subject"], *ents[i]["alias"]}
                if s not in literal:
                    if any(TRAD.get(c, c) != c for c in s):
                        hit.add("traditional")
                    elif not any("！" <= c <= "～" for c in s):
                        hit.add("spelling")
                if part == "test":
                    if i not in linked:
                        hit.add("unseen_entity")
                        st["links to unseen entities"] += 1
                    elif i not in links[q]:
                        hit.add("unseen_pair")
                cand = names[q]
                st["links"] += 1
                if len(cand) < 2:
                    continue
                st["links of homonyms"] += 1
                others = cand - {i}
                rest = text[:a] + "\n" + text[b:]
                around = {
                    v
                    for v in values[i]
                    if v in rest and v != s and v not in abstract[i] and not any(v in record[o] for o in others)
                }
                if around:
                    hit.add("attribute")
                for m2 in good:
                    j = m2["kb_id"]
                    if j in ents and j != i and norm(m2["mention"]) != q:
                        full = {ents[j]["subject"], *ents[j]["alias"]}
                        full = {x for x in full if len(x) >= 2 and norm(x) != q}
                        if any(x in record[i] for x in full) and not any(x in record[o] for o in others for x in full):
                            hit.add("co_mention")
                if max(links[q].values(), default=0) > links[q][i]:
                    hit.add("popularity")
            for ii in by.values():
                if len(ii) > 1:
                    hit.add("twice")
                    if len(set(ii)) > 1:
                        hit.add("twice_differs")
            if len(text) >= 80 and len(spans) >= 4:
                hit.add("long")
            loose = list(free(text, names, spans))
            if any(run for _, run in loose):
                hit.add("latin_run")
            plain = {s for s, run in loose if not run}
            told = {k for k in MANUAL if tid in listed[k].get(part, ())}
            if notes.exists() and bool(plain) != bool(told):
                faults.append(f"{where}: unmarked KB names {sorted(plain)}, TRAPS.md says {sorted(told)}")
            hit |= told
            for k in hit:
                traps[k][part].append(tid)
        st["share of NIL, %"] = round(100 * st["NIL"] / max(1, st["mentions"]), 1)
        st["entities linked"] = len(set(answers) - {"NIL"})
        st["characters per text, median"] = sorted(lengths)[len(lengths) // 2]
        st["characters per text, max"] = max(lengths)
        stat[part] = st

    for k, t in traps.items():
        if k in listed and k not in MANUAL and t != listed[k]:
            faults.append(f"TRAPS.md, {k}: ids differ from those found")
    for part in sets:
        if stat[part]["NIL"] < 0.12 * stat[part]["mentions"]:
            faults.append(f"{part}: fewer than 12 % NIL")

    if "--traps" in argv:
        for k, d in DESCRIBE.items():
            t = traps[k]
            print(f"| `{k}` | {d} | {' '.join(t['train'])} | {' '.join(t['test'])} |")
        return 0
    sizes = collections.Counter(len(v) for v in names.values())
    print(
        f"knowledge base: {len(ents)} entities, {len(names)} names, "
        f"{sum(n for s, n in sizes.items() if s > 1)} names of several entities "
        f"({', '.join(f'{n} of {s}' for s, n in sorted(sizes.items()) if s > 1)})"
    )
    types = collections.Counter(r["type"][0] for r in kb)
    print("first types: " + ", ".join(f"{t} {n}" for t, n in types.most_common()))
    keys = list(dict.fromkeys([*stat["train"], *stat["test"]]))
    print(f"\n{'':32}{'train':>8}{'test':>8}")
    for k in keys:
        print(f"{k:32}{stat['train'][k]:>8}{stat['test'][k]:>8}")
    print(f"\n{'texts showing the trap':32}{'train':>8}{'test':>8}")
    for k in DESCRIBE:
        print(f"{k:32}{len(traps[k]['train']):>8}{len(traps[k]['test']):>8}")
    print(f"\n{len(faults)} faults")
    for f in faults:
        print("  " + f)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
