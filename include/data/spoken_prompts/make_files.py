"""Make the files beside this script from Debian's packages of Asterisk's core sounds.

    for language in en es fr it ru; do apt-get download asterisk-core-sounds-$language-wav; done
    for package in *.deb; do dpkg-deb -x $package unpacked; done
    python make_files.py unpacked

Of the prompts that all five languages have, and that last 0.7 to 2 seconds in each, the first 60 in the order of the
hashes of their names are taken. They are written as FLAC, sample by sample the same. Month and moment are ours: the
months take the prompts in turn, in that order, each in all languages; the moment comes from a hash too.
"""

import csv
import hashlib
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import soundfile

LANGUAGES = ("en", "es", "fr", "it", "ru")
MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04")
SHORTEST, LONGEST = 0.7, 2.0
PROMPTS = 60


def find_prompts(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the recordings by prompt and language."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("sounds/*/**/*.wav")):
        voice, *name = path.relative_to(next(one for one in path.parents if one.name == "sounds")).parts
        if name[0] != "silence":
            found["-".join(name).removesuffix(".wav")][voice[:2]] = path
    return {
        name: paths
        for name, paths in found.items()
        if set(paths) == set(LANGUAGES)
        and all(SHORTEST <= soundfile.info(path).duration <= LONGEST for path in paths.values())
    }


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def recorded_at(month: str, name: str) -> datetime:
    """Return a moment of the month, to the second."""
    start = datetime.strptime(month, "%Y-%m")
    seconds = int(((start + timedelta(days=32)).replace(day=1) - start).total_seconds())
    return start + timedelta(seconds=hash_of(f"moment {name}") % seconds)


def main(unpacked: str) -> None:
    folder = Path(__file__).parent
    prompts = find_prompts(Path(unpacked))
    chosen = sorted(prompts, key=hash_of)[:PROMPTS]
    rows: dict[str, list[tuple[str, str]]] = {month: [] for month in MONTHS}
    for number, prompt in enumerate(chosen):
        month = MONTHS[number % len(MONTHS)]
        for language, path in sorted(prompts[prompt].items()):
            name = f"{language}/{prompt}.flac"
            samples, rate = soundfile.read(path, dtype="int16")
            target = folder / month / name
            target.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(target, samples, rate, subtype=soundfile.info(path).subtype, compression_level=1.0)
            rows[month].append((name, recorded_at(month, name).isoformat(sep=" ")))
    for month, lines in rows.items():
        with (folder / f"manifest_{month}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([("file", "recorded_at"), *sorted(lines)])


if __name__ == "__main__":
    main(sys.argv[1])
