"""Queries the vendor as a script would: one session, signed requests, pages in sequence, no retries."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
from requests.auth import AuthBase

KEY, SECRET = "bench-key", "bench-secret"
PAGE_SIZE = 100


class Signed(AuthBase):
    """The vendor's headers, signed over the bytes of the body."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body if isinstance(request.body, str) else (request.body or b"").decode()
        ts = int(time.time() * 1000)
        text = f"accessKey={KEY}&action=numbercheck&bizType=1&ts={ts}&body={body}&accessSecret={SECRET}"
        request.headers.update(accessKey=KEY, ts=str(ts), bizType="1", action="numbercheck")
        request.headers["sign"] = hashlib.md5(text.encode()).hexdigest()
        return request


class Given(NamedTuple):
    """What a peer is given on its command line."""

    url: str
    listing: list[tuple[str, str]]
    database: str
    option: str


def given() -> Given:
    url, listing, database, *options = sys.argv[1:]
    with Path(listing).open() as lines:
        batches = [(line["batch_no"], line["date"]) for line in csv.DictReader(lines)]
    return Given(url, batches, database, "".join(options))


def session() -> requests.Session:
    made = requests.Session()
    made.auth = Signed()
    made.trust_env = False
    return made


def body(batch: str, date: str, page: int) -> dict[str, Any]:
    return {"batchNo": batch, "date": date, "page": page, "pageSize": PAGE_SIZE}


def pages(on: requests.Session, url: str, batch: str, date: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of each page of a batch day."""
    page, last = 1, 1
    while page <= last:
        response = on.post(url, json=body(batch, date, page), timeout=30)
        response.raise_for_status()
        answer = response.json()
        if answer["code"] != 0:
            raise SystemExit(f"code {answer['code']}: {answer['msg']}")
        yield answer["data"]["result"]
        page, last = page + 1, answer["data"]["totalPage"]


def measure(work: Callable[[Given], object]) -> None:
    """Do the work, and print how long it took."""
    told = given()
    began = time.perf_counter()
    work(told)
    print(json.dumps({"seconds": time.perf_counter() - began}))
