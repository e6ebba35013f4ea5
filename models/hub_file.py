"""A file of a model hub, read from any offset on."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterator

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 10.0


class HubUnavailable(Exception):
    """The hub did not give the file; the text says why. No concern of a person: there is another source."""


def read_hub(url: str, size: int, offset: int) -> Iterator[bytes]:
    """Yield the bytes of the file at `url` from `offset` to its end.

    Raises:
        HubUnavailable: No connection within ten seconds, the connection broke, no such file, one that is not
            `size` bytes long, or a server that cannot begin at an offset.
    """
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            offered = reply.headers.get("Content-Range", "")
            if reply.status != http.client.PARTIAL_CONTENT or offered != f"bytes {offset}-{size - 1}/{size}":
                raise HubUnavailable(f"it has another file by that name ({offered or reply.status})")
            while chunk := reply.read(_CHUNK_BYTES):
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise HubUnavailable(str(error)) from error
