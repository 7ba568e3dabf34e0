"""Makes the S3 client: AWS's own credential chain, short time limits, few attempts.

botocore is used without boto3's layer above it, which would cost a third more of start-up and
give nothing here. It is heavy all the same: import this module at first use.
"""

import os
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import md5
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from botocore.utils import parse_timestamp

from kargo_release.bucket.moments import in_utc
from kargo_release.bucket.s3_access import Access
from kargo_release.bucket.s3_endpoint import authorities, check_endpoint
from kargo_release.bucket.s3_errors import explained
from kargo_release.bucket.s3_session import BoundedSession
from kargo_release.errors import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONNECT_TIMEOUT = 4  # seconds
_READ_TIMEOUT = 30  # seconds
# Pauses of up to 1 s and 2 s lie between the attempts: a refused connection is told within 3 s.
_ATTEMPTS = 3


def connect(access: Access, bucket: str, connections: int) -> "S3Client":
    """Return a client that threads can share; no request to S3 is made.

    Args:
        access: How the bucket is reached.
        bucket: Its name.
        connections: How many are kept open for use again.

    Raises:
        RefusedError: There are no credentials, or they cannot be had.
        UsageError: The endpoint, the region or the chosen profile is wrong.
    """
    if access.endpoint is not None:
        check_endpoint(access.endpoint, bucket, access.names.endpoint)
    try:
        client = _client(access, connections)
    except BotoCoreError as error:
        raise explained(error, "S3", access.names) from error
    # There is no other way to the session of a client, nor to give it another one.
    endpoint = client._endpoint
    endpoint.http_session = BoundedSession(endpoint.http_session)
    client.meta.events.register("before-call.s3.HeadBucket", _end_redirects)
    client.meta.events.register("before-parameter-build.s3.PutObject", _completing(access))
    return cast("S3Client", client)


def source_of_keys(access: Access) -> str:
    """Return where the keys come from: ``rclone``, or what AWS's chain calls it, such as ``env``.

    Raises:
        RefusedError: There are none.
        BotoCoreError: They cannot be had, or the chosen profile is wrong.
    """
    return "rclone" if access.keys else str(_credentials(_session(access), access).method)


def _client(access: Access, connections: int) -> Any:
    session = _session(access)
    if access.keys is None:
        _credentials(session, access)
    return session.create_client(
        "s3",
        region_name=access.region,
        endpoint_url=access.endpoint,
        verify=authorities(access.endpoint, os.environ),
        config=_config(access, connections),
        **_keys(access),
    )


def _session(access: Access) -> Session:
    if access.keys:
        # These stand alone: the profile that AWS_PROFILE names need not even exist.
        session = Session(session_vars={"profile": (None, None, None, None)})
    else:
        session = Session(profile=access.profile)
        if access.credentials_file:
            session.set_config_variable("credentials_file", access.credentials_file)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return session


def _time(told: str) -> datetime:
    try:
        return in_utc(parse_timestamp(told))
    except RuntimeError:  # for a number beyond all calendars
        raise ValueError(told) from None


def _keys(access: Access) -> dict[str, Any]:
    if access.keys is None:
        return {}
    return {
        "aws_access_key_id": access.keys.access_key,
        "aws_secret_access_key": access.keys.secret_key,
        "aws_session_token": access.keys.session_token,
    }


def _completing(access: Access) -> Callable[..., None]:
    def complete(params: dict[str, Any], **_: object) -> None:
        # S3 demands a digest where object lock retains each new object, and stores of every age
        # take this one: Amazon S3 API Reference, "PutObject", Content-MD5.
        digest = md5(params["Body"], usedforsecurity=False).digest()
        params.update(access.object_options, ContentMD5=b64encode(digest).decode())

    return complete


def _end_redirects(params: dict[str, Any], **_: object) -> None:
    # botocore asks for a bucket's region when it is sent elsewhere; a server that sends this
    # request elsewhere too, as one behind a redirecting proxy does, would be asked for ever.
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _credentials(session: Session, access: Access) -> Any:
    if (credentials := session.get_credentials()) is None:
        raise RefusedError(
            "there are no credentials for S3",
            f"Set {access.names.access_key} and {access.names.secret_key}, or AWS_PROFILE.",
        )
    return credentials


def _config(access: Access, connections: int) -> Config:
    config = Config(  # type: ignore[call-arg] # botocore's stubs lack ignore_configured_…
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=connections,
        # Keys that are not AWS's own go only where their owner says.
        ignore_configured_endpoint_urls=access.keys is not None,
        # Many stores refuse the checksums that newer clients add unasked; each object has another.
        request_checksum_calculation="when_required",
    )
    if access.endpoint is None:
        return config
    # Many stores answer to no host name of the form BUCKET.host, and have no such checksums.
    return config.merge(
        Config(
            s3={"addressing_style": "virtual" if access.virtual_host else "path"},
            response_checksum_validation="when_required",
        )
    )
