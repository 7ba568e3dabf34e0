"""Lists what lies directly under a prefix of a bucket (S3's ListObjectsV2)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kargo_release.bucket.keys import is_key
from kargo_release.bucket.moments import EPOCH
from kargo_release.bucket.s3_errors import not_s3
from kargo_release.bucket.store import Listed

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# Each of up to 1,000 objects: far beyond every backup, and an end for a server that knows none.
_MOST_PAGES = 10_000


def pages(client: "S3Client", bucket: str, prefix: str) -> Iterator[list[Listed]]:
    """Yield the objects page by page, as the server sends them.

    Args:
        client: What asks; its errors pass as they are.
        bucket: The bucket's name.
        prefix: Empty, or ends with a slash.

    Raises:
        FailedError: The answer is no list, or the list breaks off or never ends.
    """
    place = f"s3://{bucket}/{prefix}"
    more: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", **more)
        yield [*_objects(answer, prefix)]
        more = _continuation(answer, place)
        if not more:
            return
    raise not_s3(place, f"the list of its objects has no end after {_MOST_PAGES} pages")


def _objects(answer: Mapping[str, Any], prefix: str) -> Iterator[Listed]:
    for each in answer.get("Contents", []):
        key = each.get("Key", "")
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and is_key(name):
            # Some stores leave out the quotes, which are part of every etag elsewhere.
            etag = f'"{each.get("ETag", "").strip(chr(34))}"'
            yield Listed(name, each.get("Size", 0), etag, each.get("LastModified", EPOCH))


def _continuation(answer: Mapping[str, Any], place: str) -> dict[str, Any]:
    # A page of another kind reads like an empty list, which would pass for an empty backup.
    if "IsTruncated" not in answer:
        raise not_s3(place, "the answer is no list of objects")
    if not answer["IsTruncated"]:
        return {}
    token = answer.get("NextContinuationToken")
    if not token or token == answer.get("ContinuationToken"):
        raise not_s3(place, "the list of its objects breaks off")
    return {"ContinuationToken": token}
