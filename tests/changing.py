"""Charts on a library, some of whose templates show what the library says."""

from sandbox import Sandbox

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n"
NEEDS = "dependencies:\n- name: %s\n  version: ^1.0.0\n  repository: %s\n"
NAMES = '{{- define "kargo.name" }}%s{{ .Release.Name }}{{ end -}}\n'
SHOWN = '{{ include "kargo.name" . }}'


def write_chart(
    sandbox: Sandbox,
    name: str,
    version: str = "1.0.0",
    *,
    needs: str = "",
    at: str = "file://../{}",
    shown: str = "",
) -> None:
    """Write a chart; one that needs another, from a place, may show what that one names."""
    more = NEEDS % (needs, at.format(needs)) if needs else ""
    about = f"apiVersion: v2\nname: {name}\nversion: {version}\ntype: application\n{more}"
    sandbox.write(f"charts/{name}/Chart.yaml", about)
    sandbox.write(f"charts/{name}/values.yaml", f"greeting: hello from {name}\n")
    sandbox.write(f"charts/{name}/templates/map.yaml", MAP % (shown or name))


def write_library(
    sandbox: Sandbox,
    name: str = "kargo",
    version: str = "1.0.0",
    *,
    says: str = "",
    needs: str = "",
) -> None:
    """Write a library, whose names begin with what it says; it may need another one."""
    more = NEEDS % (needs, f"file://../{needs}") if needs else ""
    about = f"apiVersion: v2\nname: {name}\nversion: {version}\ntype: library\n{more}"
    sandbox.write(f"charts/{name}/Chart.yaml", about)
    sandbox.write(f"charts/{name}/templates/_names.tpl", NAMES % says)


def set_version(sandbox: Sandbox, name: str, old: str, new: str) -> None:
    """Change the version of a chart, and nothing else."""
    path = f"charts/{name}/Chart.yaml"
    text = (sandbox.path / path).read_text()
    sandbox.write(path, text.replace(f"\nversion: {old}\n", f"\nversion: {new}\n"))


def write_platform(sandbox: Sandbox) -> None:
    """Write a library, a chart that shows it, one that only packs it, and one alone."""
    write_library(sandbox)
    write_chart(sandbox, "kano", needs="kargo", shown=SHOWN)
    write_chart(sandbox, "web", needs="kargo")
    write_chart(sandbox, "alone")
