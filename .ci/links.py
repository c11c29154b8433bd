"""Finds links between the Markdown pages of this repository that lead nowhere."""

import pathlib
import re
import subprocess
import sys

pages = subprocess.check_output(["git", "ls-files", "*.md"], text=True).split()
broken = []
for page in map(pathlib.Path, pages):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        if not (page.parent / target.split("#")[0]).exists():
            broken.append(f"{page}: {target}")
print(f"{len(pages)} pages, {len(broken)} broken links")
if broken:
    sys.exit("\n".join(broken))
