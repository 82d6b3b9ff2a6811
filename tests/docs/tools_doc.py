#!/usr/bin/env python3
"""Keeps the generated part of docs/tools.md equal to what the server lists.

    tools_doc.py MAYFLY            fails if they differ
    tools_doc.py MAYFLY --update   rewrites the generated part
"""
import json
import pathlib
import subprocess
import sys
import tempfile

DOC = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tools.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"
ASK = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize",
     "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": {"name": "tools_doc", "version": "1"}}},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
]


def listed_tools(mayfly):
    with tempfile.TemporaryDirectory() as workspace:
        # Fixed limits: the machine's memory is in the descriptions.
        command = [mayfly, "serve", "--workspace", workspace, "--memory", "8G"]
        asked = "".join(json.dumps(message) + "\n" for message in ASK)
        answers = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=30)
    for line in answers.stdout.splitlines():
        message = json.loads(line)
        if message.get("id") == 2:
            return message["result"]["tools"]
    sys.exit(f"tools_doc: no list came; stderr: {answers.stderr}")


def kind(schema):
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    if schema["type"] == "array":
        return f"array of {schema['items']['type']}"
    if schema["type"] == "object" and "properties" in schema:
        return "object of " + ", ".join(f"`{name}`" for name in schema["properties"])
    return schema["type"]


def describe(tool):
    lines = [f"### `{tool['name']}`\n\n{tool['description']}\n"]
    hints = tool.get("annotations", {})
    lines.append("Hints: " + ", ".join(f"{name} {str(value).lower()}" for name, value
                                       in hints.items() if name != "title") + ".\n")
    schema = tool["inputSchema"]
    if schema.get("properties"):
        lines.append("| argument | type | |\n|---|---|---|")
        for name, argument in schema["properties"].items():
            needed = "required. " if name in schema.get("required", []) else ""
            text = (needed + argument.get("description", "")).strip()
            lines.append(f"| `{name}` | {kind(argument)} | {text} |")
        lines.append("")
    return "\n".join(lines)


def main():
    generated = "\n".join(describe(tool) for tool in listed_tools(sys.argv[1]))
    text = DOC.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + "\n" + generated + "\n" + END + after
    if "--update" in sys.argv:
        DOC.write_text(wanted)
    elif wanted != text:
        sys.exit("docs/tools.md is not what the server lists: run tests/docs/tools_doc.py MAYFLY --update")


main()
