"""A repository of images, a real engine and a real registry to build and push with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests
from sandbox import Ended, Sandbox

DOCKERFILE = """FROM debian:bookworm-slim
COPY --chown=1000 hello /srv/hello
USER 1000:1000
EXPOSE 8080
CMD ["cat", "/srv/hello"]
"""
SMOKE = "smoke: [test, -s, /srv/hello]\n"
_ACCEPT = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json"
)


@dataclass
class Workshop:
    """A clone with images, and where they go."""

    sandbox: Sandbox
    registry: str

    @classmethod
    def make(cls, sandbox: Sandbox, engine: str, host: str) -> "Workshop":
        """Use an engine by its address, and a path of its own in a registry."""
        registry = f"{host}/{uuid4().hex[:12]}"
        sandbox.git("remote", "add", "origin", "https://ada:s3cret@example.com/team/images.git")
        sandbox.environ |= {"DOCKER_HOST": engine, "KARGO_RELEASE_IMAGE_REGISTRY": registry}
        return cls(sandbox, registry)

    def write(self, app: str, dockerfile: str = DOCKERFILE, about: str = SMOKE) -> None:
        """Write an image that passes every check, or what is given in its place."""
        self.sandbox.write(f"images/{app}/Dockerfile", dockerfile)
        self.sandbox.write(f"images/{app}/image.yaml", f"version: 1.0.0\n{about}")
        # So that no other test's image is the same.
        self.sandbox.write(f"images/{app}/hello", f"{app} of {self.registry}\n")

    def commit(self, message: str = "Change something") -> str:
        """Commit everything and return the commit."""
        return self.sandbox.commit(message)

    def build(self, *words: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run ``build-image`` with a document."""
        return self.sandbox.run("build-image", *words, "--json", environ=environ)

    def from_commit(self, *words: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run ``build-from-commit`` with a document."""
        return self.sandbox.run("build-from-commit", *words, "--json", environ=environ)

    def pushed(self, app: str, tag: str = "1.0.0-latest") -> "Pushed | None":
        """Return what the registry holds."""
        host, _, path = self.registry.partition("/")
        url = f"http://{host}/v2/{path}/{app}"
        answer = requests.get(f"{url}/manifests/{tag}", headers={"Accept": _ACCEPT}, timeout=30)
        if answer.status_code == 404:
            return None
        digest = answer.json()["config"]["digest"]
        config = requests.get(f"{url}/blobs/{digest}", timeout=30).json()
        return Pushed(answer.headers["Docker-Content-Digest"], config["config"])


@dataclass(frozen=True)
class Pushed:
    """An image that the registry holds."""

    digest: str
    config: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.config["Labels"] or {}


def states(ended: Ended) -> dict[str, str]:
    """Return what became of each image."""
    return {each["app"]: each["state"] for each in ended.document["images"]}


def only(ended: Ended) -> Any:
    """Return the only image of a document."""
    [image] = json.loads(ended.out)["images"]
    return image


def rules(ended: Ended) -> list[str]:
    """Return the rules that the only image breaks as errors."""
    return [each["rule"] for each in only(ended)["findings"] if each["severity"] == "error"]
