from __future__ import annotations

import pytest
import requests

from etl.vendor.signing import Signature, sign

HEADERS = {"ts": "1655710885431", "bizType": "1", "action": "send", "accessKey": "fme2na3kdi3ki"}
SECRET = "abciiiko2k3"
VECTORS = [
    ('{"name":"牛小信","id":10001}', "md5", "87c3560d3331ae23f1021e2025722354"),
    ('{"id":10001,"name":"牛小信"}', "md5", "7750759da06333f20d0640be09355e34"),
    ('{"id": 10001, "name": "牛小信"}', "md5", "d0c24a9886c629330d7f3f2056c65bc2"),
    (
        '{"name":"牛小信","id":10001}',
        "sha256",
        "e0eec2c99ef80f269a82795e2223f618ebfc0616c8b6c8c7d438021ec38ad0eb",
    ),
    (
        '{"id":10001,"name":"牛小信"}',
        "sha256",
        "d04863619d46121592cdb312ec0a91c148a1f5daea64930ad0e1fb31a04dc808",
    ),
    (
        '{"id": 10001, "name": "牛小信"}',
        "sha256",
        "feaa901c8a317a0f5e488dd7d9ae046742afa0d0a70f415817c835873efa4cb7",
    ),
]


@pytest.mark.parametrize(("body", "algorithm", "expected"), VECTORS)
def test_vectors_of_the_vendor(body: str, algorithm: str, expected: str) -> None:
    assert sign(SECRET, HEADERS, body.encode(), algorithm) == expected


def test_other_headers_are_not_signed() -> None:
    more = {**HEADERS, "sign": "x", "algorithm": "md5", "Host": "example"}
    assert sign(SECRET, more, b"{}") == sign(SECRET, HEADERS, b"{}")


def test_without_a_body_the_whole_part_is_left_out() -> None:
    assert sign(SECRET, HEADERS, None) == sign(SECRET, HEADERS, b"") == "884afe159e39b6c88a0d6102ca97d704"


def test_unknown_algorithm() -> None:
    with pytest.raises(ValueError, match="md5, sha256"):
        sign(SECRET, HEADERS, b"{}", "sha1")


def prepared(signature: Signature, body: bytes | str | None) -> requests.PreparedRequest:
    return requests.Request("POST", "http://127.0.0.1/", data=body, auth=signature).prepare()


def test_the_five_headers() -> None:
    request = prepared(Signature("key", "secret", now=lambda: 1655710885.431), b'{"page":1}')
    sent = {name: request.headers[name] for name in ("accessKey", "ts", "bizType", "action")}
    assert sent == {"accessKey": "key", "ts": "1655710885431", "bizType": "1", "action": "numbercheck"}
    assert request.headers["sign"] == sign("secret", sent, b'{"page":1}')
    assert "algorithm" not in request.headers
    assert "secret" not in str(request.headers)


def test_another_algorithm_is_told_to_the_vendor() -> None:
    request = prepared(Signature("key", "secret", "sha256"), b"{}")
    assert request.headers["algorithm"] == "sha256"
    assert len(request.headers["sign"]) == 64


def test_text_is_signed_as_the_bytes_that_are_sent() -> None:
    text = prepared(Signature("key", "secret", now=lambda: 1.0), '{"batchNo":"批次"}')
    raw = prepared(Signature("key", "secret", now=lambda: 1.0), '{"batchNo":"批次"}'.encode())
    assert text.body == raw.body == '{"batchNo":"批次"}'.encode()
    assert text.headers["sign"] == raw.headers["sign"]
    assert text.headers["Content-Length"] == raw.headers["Content-Length"] == str(len(raw.body))


def test_each_preparation_has_its_own_time_and_signature() -> None:
    moments = iter([1.0, 2.0])
    signature = Signature("key", "secret", now=lambda: next(moments))
    first, second = prepared(signature, b"{}"), prepared(signature, b"{}")
    assert (first.headers["ts"], second.headers["ts"]) == ("1000", "2000")
    assert first.headers["sign"] != second.headers["sign"]


def test_what_cannot_be_signed_is_not_sent() -> None:
    with pytest.raises(TypeError, match="bytes or text"):
        prepared(Signature("key", "secret"), iter([b"{}"]))  # type: ignore[arg-type]


def test_no_secret_in_the_repr() -> None:
    assert "s3cr3t" not in repr(Signature("key", "s3cr3t"))
