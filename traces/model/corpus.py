"""Build the training and held-out text of the sample model from public-domain English text.

Three sources: Tiny Shakespeare (a text file given by path), the King James Bible as printed by the `bible`
command (Debian package `bible-kjv`) and, if its path is given, Jane Austen's six novels from the R data file
`Rdata.rdb` of Debian's `r-cran-janeaustenr`. Each source is cut into blocks of about 8 KB that end at a blank
line; every 20th block is held out. Texts hold one document per `<s>` line; the trainer turns that line into the
token `<s>` and never encodes it as text.

    python traces/model/corpus.py --shakespeare tinyshakespeare.txt --austen Rdata.rdb \
        --out .train --sample traces/model/heldout_sample.txt
"""

from __future__ import annotations

import argparse
import hashlib
import re
import struct
import subprocess
import zlib
from itertools import groupby
from pathlib import Path

BLOCK_BYTES = 8192
HOLDOUT_EVERY = 20
HOLDOUT_PHASE = 10  # neither the first nor the last block of a source
DOCUMENT_SEPARATOR = "<s>\n"
PASSAGE_SEPARATOR = "<|endoftext|>\n"
PASSAGE_BYTES_MIN, PASSAGE_BYTES_MAX = 1000, 1500
SAMPLE_BYTES = 24_000
R_STRING_VECTOR = 16  # SEXPTYPE of a character vector in R's serialization format


def read_shakespeare(path: Path) -> str:
    """Return Tiny Shakespeare unchanged but for its line ends."""
    return path.read_text(encoding="utf-8").replace("\r\n", "\n").strip() + "\n"


def read_bible(command: str) -> str:
    """Return the King James Bible: a heading such as `Genesis 1`, then one verse per line, for each chapter."""
    # A line width beyond the longest verse stops the command from wrapping.
    printed = subprocess.run([command, "-l20000", "gen1:1-rev22:21"], check=True, capture_output=True, text=True).stdout
    lines = [re.sub(r"^ +\d+ ", "", line).strip() for line in printed.splitlines()]
    filled = [line for line in lines if line]
    is_heading = re.compile(r"(?:[123] )?[A-Z][A-Za-z ]* \d+$").match
    return "\n".join(f"\n{line}" if is_heading(line) else line for line in filled).strip() + "\n"


def read_austen(path: Path) -> str:
    """Return the novels in an R lazy-load data file, one paragraph per line."""
    novels = [_unwrap(_r_strings(record)) for record in _r_records(path.read_bytes())]
    return "\n".join(novels)


def _r_records(raw: bytes) -> list[bytes]:
    """Split a lazy-load file: each record is a 4-byte big-endian length and a zlib stream."""
    records = []
    while raw:
        stream = zlib.decompressobj()
        records.append(stream.decompress(raw[4:]))
        raw = stream.unused_data
    return records


def _r_strings(record: bytes) -> list[str]:
    """Return the strings of one serialized R character vector (XDR format, version 3)."""
    encoding_bytes = struct.unpack_from(">i", record, 14)[0]
    at = 18 + encoding_bytes
    kind, count = struct.unpack_from(">ii", record, at)
    if kind & 0xFF != R_STRING_VECTOR:
        raise ValueError(f"R object of type {kind & 0xFF}, want a character vector ({R_STRING_VECTOR})")
    at += 8
    strings = []
    for _ in range(count):
        size = struct.unpack_from(">i", record, at + 4)[0]
        strings.append(record[at + 8 : at + 8 + size].decode("utf-8"))
        at += 8 + size
    return strings


def _unwrap(lines: list[str]) -> str:
    """Join hard-wrapped lines to paragraphs and drop the underscores that mark emphasis."""
    runs = groupby((line.strip().replace("_", "") for line in lines), key=bool)
    paragraphs = [" ".join(run) for filled, run in runs if filled]
    return "".join(paragraph + "\n\n" for paragraph in paragraphs)


def split_blocks(text: str) -> list[str]:
    """Cut a text after the first blank line past each `BLOCK_BYTES`; the parts join to the text again."""
    blocks, current, size_bytes = [], [], 0
    for line in text.splitlines(keepends=True):
        current.append(line)
        size_bytes += len(line.encode())
        if size_bytes >= BLOCK_BYTES and line == "\n":
            blocks.append("".join(current))
            current, size_bytes = [], 0
    return blocks + (["".join(current)] if current else [])


def split_source(text: str) -> tuple[list[str], list[str]]:
    """Return the training documents (runs of blocks between held-out ones) and the held-out blocks."""
    flagged = [(i % HOLDOUT_EVERY == HOLDOUT_PHASE, block) for i, block in enumerate(split_blocks(text))]
    heldout = [block.strip() + "\n" for held, block in flagged if held]
    runs = groupby(flagged, key=lambda pair: pair[0])
    train = ["".join(block for _, block in run).strip() + "\n" for held, run in runs if not held]
    return train, heldout


def find_passage(block: str) -> str | None:
    """Return the first run of whole lines in a block, starting a paragraph, that has the passage size."""
    paragraphs = re.split(r"(?<=\n)\n", block)
    for start in range(len(paragraphs)):
        passage = ""
        for line in "\n".join(paragraphs[start:]).splitlines(keepends=True):
            passage += line
            if len(passage.strip().encode()) >= PASSAGE_BYTES_MIN:
                break
        if PASSAGE_BYTES_MIN <= len(passage.strip().encode()) < PASSAGE_BYTES_MAX:
            return passage.strip() + "\n"
    return None


def sample_passages(heldout_by_source: list[list[str]]) -> list[str]:
    """Return passages of about `SAMPLE_BYTES` in all, the sources taking turns."""
    rounds = SAMPLE_BYTES // (len(heldout_by_source) * (PASSAGE_BYTES_MIN + PASSAGE_BYTES_MAX) // 2) + 1
    spread = [_spread([p for b in blocks if (p := find_passage(b))], rounds) for blocks in heldout_by_source]
    turns = [passage for turn in zip(*spread, strict=True) for passage in turn]
    while sum(map(len, turns)) > SAMPLE_BYTES + PASSAGE_BYTES_MAX:
        turns.pop()
    return turns


def _spread(items: list[str], count: int) -> list[str]:
    """Return `count` items at even distances; fewer items than `count` is an error."""
    if len(items) < count:
        raise ValueError(f"{len(items)} held-out passages in a source, want {count}")
    return [items[i * len(items) // count] for i in range(count)]


def write_text(path: Path, documents: list[str], separator: str) -> None:
    """Write documents with a separator line between them and print size and sha256."""
    data = separator.join(documents).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path}: {len(documents)} documents, {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def parse_args() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description="Build train.txt, heldout.txt and the shipped held-out sample.")
    parser.add_argument("--shakespeare", type=Path, required=True, help="Tiny Shakespeare text file")
    parser.add_argument("--bible-command", default="bible", help="command of the Debian package bible-kjv")
    parser.add_argument("--austen", type=Path, help="data/Rdata.rdb of the Debian package r-cran-janeaustenr")
    parser.add_argument("--out", type=Path, required=True, help="folder for train.txt and heldout.txt")
    parser.add_argument("--sample", type=Path, required=True, help="file for the shipped held-out passages")
    return parser.parse_args()


def main() -> None:
    """Read the sources, split them and write the three texts."""
    args = parse_args()
    sources = {"shakespeare": read_shakespeare(args.shakespeare), "bible": read_bible(args.bible_command)}
    if args.austen:
        sources["austen"] = read_austen(args.austen)
    for name, text in sources.items():
        print(f"{name}: {len(text.encode())} bytes, {len(split_blocks(text))} blocks")
    splits = [split_source(text) for text in sources.values()]
    heldout = [held for _, held in splits]
    write_text(args.out / "train.txt", [doc for train, _ in splits for doc in train], DOCUMENT_SEPARATOR)
    write_text(args.out / "heldout.txt", [block for held in heldout for block in held], DOCUMENT_SEPARATOR)
    write_text(args.sample, sample_passages(heldout), PASSAGE_SEPARATOR)


if __name__ == "__main__":
    main()
