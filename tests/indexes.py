"""Entries and indexes of charts to try things with, and stores to put them into."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import botocore.session

from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_access import Access
from kargo_release.bucket.store import ObjectStore
from kargo_release.charts.index import Entry

NOW = "2026-11-21T10:00:00Z"
LATER = "2026-11-22T10:00:00Z"


def entry(version: str, name: str = "kano", created: str = NOW, **more: Any) -> Entry:
    return Entry({"apiVersion": "v2", "name": name, "version": version, **more}, "0" * 64, created)


# As `helm repo index` of Helm 4.2.3 writes it, with what other programs add.
BY_HELM = b"""\
annotations:
  owner: "007"
apiVersion: v1
entries:
  k2:
  - apiVersion: v2
    appVersion: 1.10
    created: 2026-01-31T12:00:00.123456789+01:00
    dependencies:
    - enabled: true
      name: kargo
      repository: ""
    deprecated: true
    digest: 1234567890123456789012345678901234567890123456789012345678901234
    name: k2
    urls:
    - https://charts.example.com/k2-0.1.0.tgz
    version: 0.1.0
generated: "2026-01-31T12:00:00Z"
serverInfo:
  contextPath: ~
"""

OpenStore = Callable[[], ObjectStore]
"""Opens the same new store each time, as each of several programs would."""


def new_bucket(endpoint: str) -> OpenStore:
    """Make a bucket, and return what opens it."""
    bucket = f"bucket-{uuid4().hex[:12]}"
    session = botocore.session.get_session()
    client: Any = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)
    client.create_bucket(Bucket=bucket)
    access = Access(endpoint=endpoint)
    return lambda: S3Store(f"s3://{bucket}/helm", access, single_writer=False, jobs=16)
