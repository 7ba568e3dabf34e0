"""Makes the S3 client: AWS's own credential chain, short time limits, few attempts.

botocore is used without boto3's layer above it, which would cost a third more of start-up and
give nothing here. It is heavy all the same: import this module at first use.
"""

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from kargo_release.bucket.s3_errors import explained
from kargo_release.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_s3.client import S3Client

_CONNECT_TIMEOUT = 4  # seconds
_READ_TIMEOUT = 30  # seconds
# Pauses of up to 1 s and 2 s lie between the attempts: a refused connection is told within 3 s.
_ATTEMPTS = 3


def connect(endpoint: str | None, region: str | None, connections: int) -> "S3Client":
    """Return a client that threads can share; no request to S3 is made.

    Args:
        endpoint: ``http://host:port`` of a store that is not AWS's.
        region: Its region; None leaves it to AWS's own settings.
        connections: How many are kept open for use again.

    Raises:
        RefusedError: There are no credentials, or they cannot be had.
        UsageError: The endpoint, the region or the chosen profile is wrong.
    """
    if endpoint is not None:
        _check_endpoint(endpoint)
    session = botocore.session.get_session()
    try:
        _require_credentials(session)
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            config=_config(connections, custom=endpoint is not None),
        )
    except BotoCoreError as error:
        raise explained(error, "S3") from error
    client.meta.events.register("before-call.s3.HeadBucket", _end_redirects)
    return cast("S3Client", client)


def _end_redirects(params: dict[str, Any], **_: object) -> None:
    # botocore asks for a bucket's region when it is sent elsewhere; a server that sends this
    # request elsewhere too, as one behind a redirecting proxy does, would be asked for ever.
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"`s3.endpoint` is not the address of a server: {endpoint}",
            "Write it as https://host or https://host:port, without user and password.",
        )


def _require_credentials(session: "Session") -> None:
    if session.get_credentials() is None:
        raise RefusedError(
            "there are no credentials for S3",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
        )


def _config(connections: int, *, custom: bool) -> Config:
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=connections,
    )
    if not custom:
        return config
    # Many stores refuse the checksums that newer clients add unasked, and answer to no host
    # name of the form BUCKET.host.
    return config.merge(
        Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
    )
