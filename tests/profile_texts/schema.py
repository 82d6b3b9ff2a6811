#!/usr/bin/env python3
"""Keeps config/profile.schema.json equal to what `mayfly profile schema` prints.

    schema.py            fails if they differ
    schema.py --update   rewrites the file
"""
import json
import pathlib
import subprocess
import sys

from playground import MAYFLY

FILE = pathlib.Path(__file__).resolve().parents[2] / "config" / "profile.schema.json"

printed = subprocess.run([MAYFLY, "profile", "schema"], capture_output=True, text=True, timeout=30,
                         check=True).stdout
json.loads(printed)
if "--update" in sys.argv:
    FILE.write_text(printed)
elif not FILE.exists() or FILE.read_text() != printed:
    sys.exit(f"{FILE.name} is not what the program prints: run tests/profile_texts/schema.py --update")
