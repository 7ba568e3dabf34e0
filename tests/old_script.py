"""A platform as scripts left it: packed and pushed by Helm, copied by rclone, tagged by Git.

The scripts died half-way in every way there is: each version of the chart ``kano`` shows one.
"""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import real_helm
from parts import need
from sandbox import Sandbox
from servers_s3 import ACCESS_KEY, SECRET_KEY

URL = "https://charts.example.com/helm"
REGISTRY, BUCKET, INDEX, TAG = "registry", "bucket", "index", "tag"
EVERYWHERE = (REGISTRY, BUCKET, INDEX, TAG)

# What was done before the script died, by version.
KANO = {
    "1.0.0": EVERYWHERE,
    "1.1.0": EVERYWHERE,
    "2.0.0": (REGISTRY,),
    "2.1.0": (REGISTRY, BUCKET, INDEX),
    "2.2.0": (REGISTRY, TAG),
    "2.3.0": (TAG,),
    "2.4.0": (REGISTRY, BUCKET, TAG),
    "2.5.0": (REGISTRY, INDEX, TAG),
    "2.6.0": (BUCKET, INDEX),
}
NEEDS = "dependencies:\n- name: common\n  version: ^1\n  repository: file://../common\n"


@dataclass
class OldScript:
    """Releases charts as the script did; what each step has done is kept.

    Attributes:
        sandbox: The platform.
        scratch: Where folders are copied to and archives are packed.
        archives: The archive of each version, by chart and version.
        commits: The commit of each version.
    """

    sandbox: Sandbox
    scratch: Path
    archives: dict[tuple[str, str], Path] = field(default_factory=dict)
    commits: dict[tuple[str, str], str] = field(default_factory=dict)

    def commit(self, name: str, version: str, *, more: str = "", greeting: str = "") -> Path:
        """Commit a version of a chart; return a copy of the charts as they then are."""
        self.sandbox.write_chart(name, version, more=more)
        self.sandbox.write(f"charts/{name}/values.yaml", f"greeting: {greeting or version}\n")
        self.commits[name, version] = self.sandbox.commit(f"{name} {version}")
        copy = self.scratch / f"{name}-{version}{greeting}"
        shutil.copytree(self.sandbox.path / "charts", copy)
        return copy / name

    def package(self, folders: dict[tuple[str, str], Path]) -> None:
        """Pack charts with Helm."""
        destination = self.scratch / "packed"
        destination.mkdir(exist_ok=True)
        packed = real_helm.package_all(list(folders.values()), destination)
        self.archives.update(zip(folders, packed, strict=True))

    def push(self, *versions: tuple[str, str]) -> None:
        """Push archives to the registry with Helm."""
        archives = [self.archives[each] for each in versions]
        real_helm.push_all(archives, f"oci://{self.sandbox.registry}")

    def copy(self, *versions: tuple[str, str]) -> None:
        """Copy archives into the bucket with rclone."""
        folder = Path(mkdtemp(dir=self.scratch))
        for each in versions:
            shutil.copy(self.archives[each], folder)
        self._rclone(folder)

    def index(self, *versions: tuple[str, str], merge: Path | None = None) -> Path:
        """Index archives with Helm, merged with an older index, and copy that into the bucket."""
        folder = Path(mkdtemp(dir=self.scratch))
        for each in versions:
            shutil.copy(self.archives[each], folder)
        written = real_helm.index(folder, URL, merge)
        for archive in folder.glob("*.tgz"):
            archive.unlink()
        self._rclone(folder)
        return written

    def tag(self, *names: str) -> None:
        """Push lightweight tags, which stand in the clone already."""
        self.sandbox.git("push", "--quiet", "origin", *names)

    def _rclone(self, folder: Path) -> None:
        program = shutil.which("rclone", path=str(real_helm.SCRIPTS)) or need("rclone")
        server = f"provider=Other,endpoint='{self.sandbox.endpoint}'"
        remote = f":s3,{server},access_key_id={ACCESS_KEY},secret_access_key={SECRET_KEY}"
        target = f"{remote}:{self.sandbox.bucket}/helm"
        command = [program, "--config", "/dev/null", "copy", str(folder), target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def release_kano(script: OldScript) -> None:
    """Commit and release every version of kano as far as ``KANO`` says."""
    folders = {}
    for version, steps in KANO.items():
        folders["kano", version] = script.commit("kano", version)
        if TAG in steps:
            script.sandbox.git("tag", f"kano-{version}")
    script.package(folders)
    done = {
        step: [("kano", v) for v, steps in KANO.items() if step in steps] for step in EVERYWHERE
    }
    script.push(*done[REGISTRY])
    script.copy(*done[BUCKET])
    first = script.index(*done[INDEX][:1])
    script.index(*done[INDEX][1:], merge=first)
    script.sandbox.push()
    script.tag(*(f"kano-{version}" for _, version in done[TAG]))
