"""Stands in for the program ``helm`` where none is on PATH: the real Helm's code, by its SDK.

Understands ``lint --strict --namespace=NS -- FILE``, ``template --namespace=NS -- NAME FILE`` and
``version --short``, and prints as helm/helm ``lint.go``, ``template.go`` and ``version.go`` of
``pkg/cmd``.
"""

import argparse
import sys
from pathlib import Path

import helm_python as sdk

SEVERITIES = {1: "INFO", 2: "WARNING", 3: "ERROR"}


def main() -> int:
    commands = argparse.ArgumentParser()
    subcommands = commands.add_subparsers(required=True)
    lint_command = subcommands.add_parser("lint")
    lint_command.add_argument("--strict", action="store_true", required=True)
    lint_command.set_defaults(run=lint)
    version_command = subcommands.add_parser("version")
    version_command.add_argument("--short", action="store_true", required=True)
    version_command.set_defaults(run=version)
    template_command = subcommands.add_parser("template")
    template_command.add_argument("name")
    template_command.set_defaults(run=template)
    for command in (lint_command, template_command):
        command.add_argument("--namespace", required=True)
        command.add_argument("file")
    arguments = commands.parse_args()
    status: int = arguments.run(arguments)
    return status


def version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"{sdk.helm_sdk_version()}+gunknown\n")
    return 0


def lint(arguments: argparse.Namespace) -> int:
    found = sdk.lint(arguments.file, strict=True, namespace=arguments.namespace)
    lines = [f"==> Linting {arguments.file}"]
    if not found["messages"]:
        lines += [f"Error {text}" for text in found["errors"]]
    lines += [
        f"[{SEVERITIES[message['severity']]}] {message['path']}: {message['error']}"
        for message in found["messages"]
    ]
    failed = 1 if found["errors"] else 0
    summary = f"1 chart(s) linted, {failed} chart(s) failed\n"
    sys.stdout.write("\n".join([*lines, "", "" if failed else summary]))
    sys.stderr.write(f"Error: {summary}" if failed else "")
    return failed


def template(arguments: argparse.Namespace) -> int:
    try:
        with sdk.Chart.load(Path(arguments.file)) as chart:
            rendered = chart.render(name=arguments.name, namespace=arguments.namespace)
    except sdk.HelmError as error:
        sys.stderr.write(f"Error: {error}\n\nUse --debug flag to render out invalid YAML\n")
        return 1
    for path, text in rendered.items():
        if not path.endswith("NOTES.txt"):
            sys.stdout.write(f"---\n# Source: {path}\n{text}\n")
    return 0


sys.exit(main())
