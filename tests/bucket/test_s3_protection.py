import pytest
from servers_s3 import Answer, Request, faulty, s3_error

from bucket.conftest import OpenStore, s3_client
from kargo_release.bucket.store import Protection
from kargo_release.errors import FailedError, RefusedError


def test_says_where_it_is(open_store: OpenStore) -> None:
    assert open_store("http://127.0.0.1:1", "s3://backup/a/b").address == "s3://backup/a/b/"
    assert open_store("http://127.0.0.1:1", "s3://backup").address == "s3://backup/"


def test_tells_a_bucket_without_protection(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    assert open_store(s3_endpoint, bucket).protection() == Protection("off", "off")


def test_tells_versions_that_are_kept_and_that_are_no_longer(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    client, name = s3_client(s3_endpoint), bucket.split("/")[2]
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert open_store(s3_endpoint, bucket).protection() == Protection("enabled", "off")
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert open_store(s3_endpoint, bucket).protection() == Protection("suspended", "off")


def test_tells_what_is_locked_unasked(
    open_store: OpenStore, s3_endpoint: str, locked_bucket: str
) -> None:
    store = open_store(s3_endpoint, locked_bucket)
    assert store.protection() == Protection("enabled", "enabled", "GOVERNANCE 30 days")


def test_takes_another_answer_for_no_answer(open_store: OpenStore, rclone_endpoint: str) -> None:
    # rclone's server answers the question for object lock with a list of the bucket.
    assert open_store(rclone_endpoint).protection() == Protection("off", "unknown")


@pytest.mark.parametrize(
    "answer",
    [
        s3_error(403, "AccessDenied"),
        s3_error(501, "NotImplemented"),
        s3_error(405, "MethodNotAllowed"),
        Answer(405),
    ],
)
def test_does_not_know_what_the_store_does_not_tell(open_store: OpenStore, answer: Answer) -> None:
    with faulty(lambda _: answer) as server:
        assert open_store(server.endpoint).protection() == Protection("unknown", "unknown")


def test_tells_a_missing_bucket_and_a_broken_store(open_store: OpenStore, s3_endpoint: str) -> None:
    with pytest.raises(RefusedError, match="there is no such bucket") as caught:
        open_store(s3_endpoint, "s3://no-such-bucket").protection()
    assert "create the bucket" in caught.value.remedy

    def answer(request: Request) -> Answer:
        return s3_error(403, "SignatureDoesNotMatch") if "lock" in request.path else OFF

    with faulty(answer) as server, pytest.raises(RefusedError, match="signature is wrong"):
        open_store(server.endpoint).protection()
    broken = s3_error(500, "InternalError")
    with faulty(lambda _: broken) as server, pytest.raises(FailedError, match="S3 answered 500"):
        open_store(server.endpoint).protection()


OFF = Answer(200, b"<VersioningConfiguration/>", {"Content-Type": "application/xml"})
