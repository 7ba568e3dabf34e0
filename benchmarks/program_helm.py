"""The peer: the program `helm`, a process for each step, as a shell script would start it.

python program_helm.py CHARTS_FOLDER OUTPUT_FOLDER oci://HOST/PATH OLD_INDEX
"""

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Update dependencies, lint, package and push every chart; merge the index at the end."""
    charts, output, registry, old_index = sys.argv[1:]
    for chart in sorted(Path(charts).iterdir()):
        _helm("dependency", "update", str(chart))
        _helm("lint", "--strict", str(chart))
        _helm("package", str(chart), "--destination", output, "--version", "0.0.0-dev")
        _helm("push", f"{output}/{chart.name}-0.0.0-dev.tgz", registry, "--plain-http")
    _helm("repo", "index", output, "--merge", old_index)


def _helm(*words: str) -> None:
    ended = subprocess.run(["helm", *words], capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"helm {words[0]} failed: {ended.stderr}")


if __name__ == "__main__":
    main()
