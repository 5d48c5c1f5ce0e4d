"""Addresses on the web: whether one is this machine's own, and the errors that a request to it may raise."""

from __future__ import annotations

import http.client
import ipaddress
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions as urllib3_errors

UNUSABLE_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3_errors.LocationValueError,
)
BROKEN = (requests.RequestException, urllib3_errors.HTTPError, http.client.HTTPException, OSError)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine itself."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
