"""The peer: the Helm SDK releases charts one after the other, as a script of its users does.

python serial_helm.py CHARTS_FOLDER OUTPUT_FOLDER oci://HOST/PATH
"""

import sys
from pathlib import Path

import helm_python


def main() -> None:
    """Update dependencies, lint, package and push every chart of the folder."""
    charts, output, registry = sys.argv[1:]
    for chart in sorted(Path(charts).iterdir()):
        helm_python.dependency_update(chart)
        if errors := helm_python.lint(chart, strict=True)["errors"]:
            sys.exit(f"{chart.name} does not pass Helm's lint: {errors}")
        archive = helm_python.package(chart, destination=output, version="0.0.0-dev")
        helm_python.push(archive, registry, plain_http=True)


if __name__ == "__main__":
    main()
