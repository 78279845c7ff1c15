"""What is sent to hurt: each is refused, and the server still answers afterwards."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.studio.app import PAGE
from nestmotion.studio.limits import Limits
from nestmotion.studio.security import Hosts, is_loopback, token_for

TOKEN = "correct-horse-battery"
POST = "POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module", autouse=True)
def _still_answers(served) -> Iterator[None]:
    yield
    assert served.client.get("/v1/health").json()["status"] == "ok"


def _talk(port: int, *parts: bytes, patience_s: float = 30.0) -> tuple[bytes, float]:
    """Send parts, then read until the server hangs up: what it said, and how long that took."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as connection:
        for part in parts:
            connection.sendall(part)
        said = b""
        try:
            while chunk := connection.recv(65536):
                said += chunk
        except ConnectionResetError:
            pass
        return said, time.monotonic() - began


def _problem(said: bytes) -> tuple[int, str]:
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


# Too much


def test_a_gigabyte_announced_is_refused_before_it_is_sent(served):
    head = f"{POST}Content-Length: {10**9}\r\n\r\n".encode()
    said, seconds = _talk(served.port, head)
    assert _problem(said) == (413, "payload_too_large")
    assert b"connection: close" in said
    assert seconds < 5


def test_one_that_waits_for_leave_to_send_gets_none(served):
    head = f"{POST}Content-Length: {10**9}\r\nExpect: 100-continue\r\n\r\n".encode()
    said, _ = _talk(served.port, head)
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_gigabyte_in_chunks_is_cut_off(served):
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while taken < 10**9:
            taken += 65536
            yield bytes(65536)

    headers = {"Content-Type": "application/json"}
    try:
        response = served.client.post("/v1/generate", content=endless(), headers=headers)
        assert response.status_code == 413
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # hung up on while still sending, or before the answer was read to its end
    assert taken < 10**8
    assert served.client.get("/v1/health").status_code == 200


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999999", "0x10"])
def test_lengths_that_are_none(served, length):
    said, _ = _talk(served.port, f"{POST}Content-Length: {length}\r\n\r\n".encode())
    assert said.split()[1] in (b"400", b"413")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b'{"prompt": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"prompt": "\\ud800 walks"}',
        b'{"prompt": "a person walks", "seconds": NaN}',
        b'{"prompt": "a person walks", "seconds": Infinity}',
        b'{"prompt": "a person walks", "guidance": -Infinity}',
        b'{"prompt": "a person walks", "seed": ' + b"9" * 5000 + b"}",
        b'{"prompt": "a person walks", "seed": 1.5}',
        b'{"prompt": "a person walks", "seconds": 1e999}',
        b'\xff\xfe{"prompt": "a"}',
        b"null",
        b"",
    ],
)
def test_bodies_that_are_no_request(served, body):
    response = served.client.post(
        "/v1/generate", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422)
    assert response.json()["error"]["code"] in ("bad_request", "schema_validation")


def test_a_body_of_another_kind_is_not_read_as_json(served):
    """What a form on another site can send without being asked for leave."""
    body = json.dumps({"prompt": "a person walks"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = served.client.post("/v1/generate", content=body, headers={"Content-Type": kind})
        assert response.status_code == 422


@pytest.mark.parametrize(
    "prompt", ["a person \x00 waves", "a person\u202ewaves", "a person waves 🕺", "人が歩く"]
)
def test_strange_letters_are_only_letters(served, prompt):
    response = served.client.post(
        "/v1/generate?wait=30", json={"prompt": prompt, "seconds": 1, "steps": 1}
    )
    job = response.json()
    assert job["status"] == "done"
    assert job["prompt"] == prompt
    for address in job["motions"][0]["files"].values():
        file = served.client.get(address)
        assert file.status_code == 200
        assert file.headers["content-disposition"].isascii()


# Too slow


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b"HTTP/1.1 408 "),
        (b"POST /v1/generate HTTP/1.1\r\nHost: loc", b"HTTP/1.1 408 "),
        (f"{POST}Content-Length: 100\r\n\r\n{{".encode(), b"HTTP/1.1 408 "),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(), b"HTTP/1.1 408 "),
    ],
    ids=["silent", "half a head", "half a body", "endless chunks"],
)
def test_clients_that_do_not_go_on_are_hung_up_on(serve, sent, answer):
    with serve(Limits(head_s=0.3, body_s=0.3)) as served:
        said, seconds = _talk(served.port, sent)
        assert said.startswith(answer)
        assert 0.2 < seconds < 10
        # Who asks one thing after another is not slow.
        for _ in range(3):
            assert served.client.get("/v1/health").status_code == 200


def test_a_client_that_drips_its_head_does_not_win_time(serve):
    with serve(Limits(head_s=0.4)) as served:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", served.port), timeout=0.05) as connection:
            said = b""
            for letter in b"GET /v1/health HTTP/1.1\r\n" + b"X: y\r\n" * 10_000:
                try:
                    connection.sendall(bytes([letter]))
                    said += connection.recv(1000)
                    break
                except TimeoutError:
                    continue  # nothing said yet
                except OSError:
                    break
        assert time.monotonic() - began < 10
        assert said.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_does_not_read_is_hung_up_on(serve):
    ask = {"prompt": "a person waves", "seconds": 10, "samples": 1, "steps": 1}
    with serve(Limits(stalled_s=0.3)) as served:
        job = served.client.post("/v1/generate?wait=30", json=ask).json()
        address = job["motions"][0]["files"]["bvh"]
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", served.port))
            many = f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
            connection.sendall(many.encode())
            deadline = time.monotonic() + 20
            while served.client.get("/v1/health").status_code == 200:
                try:
                    connection.send(b"x" * 65536)
                except OSError:
                    break  # reset by the server
                assert time.monotonic() < deadline


# From elsewhere


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a@localhost", "", "10.0.0.1"],
)
def test_a_host_that_is_not_ours(served, host):
    response = served.client.get("/v1/jobs", headers={"Host": host})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "host")


def test_hosts_that_are_ours(served):
    for host in ("localhost", f"localhost:{served.port}", "127.0.0.1", "[::1]:80", "LocalHost"):
        assert served.client.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_a_host_header_does_not_show_up_in_answers(served):
    response = served.client.post(
        "/v1/generate", json={"prompt": "a person waves", "seconds": 1}, headers={"Host": "localhost:1"}
    )
    assert "localhost" not in response.text + str(response.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_pages_may_not_use_the_server(served, headers):
    ask = {"prompt": "a person waves", "seconds": 1}
    response = served.client.post("/v1/generate", json=ask, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in response.headers


def test_our_own_page_may(served):
    headers = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
    assert served.client.get("/v1/jobs", headers=headers).status_code == 200


# Without leave


def test_a_token_missing_or_wrong(serve):
    with serve(token=TOKEN) as served:
        client = served.client
        for path in (
            "/v1/jobs",
            "/v1/model",
            "/v1/parse?prompt=x",
            "/openapi.json",
            "/capabilities",
            "/v1",
        ):
            for given in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer \xe9"):
                headers = {"Authorization": given.encode("latin-1")} if given else {}
                response = client.get(path, headers=headers)
                assert response.status_code == 401, (path, given)
                assert response.headers["www-authenticate"] == "Bearer"
                assert response.json()["error"]["code"] == "unauthorized"
        for path in ("/generate", "/v1/generate"):
            assert client.post(path, json={}).status_code == 401
        assert client.get(f"/v1/jobs?token={TOKEN}").status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/v1/health").status_code == 200
        assert client.get("/").status_code == (200 if (PAGE / "index.html").is_file() else 404)


def test_when_a_token_is_needed():
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        assert is_loopback(host)
        assert token_for(host, None) is None
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        assert not is_loopback(host)
        made = token_for(host, None)
        assert len(made) >= 32
        assert made != token_for(host, None)
    assert token_for("0.0.0.0", TOKEN) == TOKEN
    message = "the token must have 16 or more letters, digits or marks, without spaces"
    for bad in ("short", "with spaces in the middle", "ünïcödé-ünïcödé-ünïcödé", "tab\t" * 9, ""):
        with pytest.raises(SettingsError) as error:
            token_for("127.0.0.1", bad)
        assert str(error.value) == message


def test_hosts_of_a_server_for_everybody():
    hosts = Hosts.of("0.0.0.0", ["studio.example"])
    assert "10.1.2.3:8765" in hosts
    assert "[fe80::1]:8765" in hosts
    assert "Studio.Example" in hosts
    assert "evil.example" not in hosts
    assert "10.1.2.3.evil.example" not in hosts
    assert "10.1.2.3" not in Hosts.of("192.168.1.5")
    assert "192.168.1.5:80" in Hosts.of("192.168.1.5")


# Where nothing is


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
        "/..%5capp.py",
        "/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "//etc/passwd",
        "/three.js/../../app.py",
        "/%00",
        "/v1/jobs/..%2f..%2fstudio.db",
        "/v1/jobs/../../studio.db",
        f"/v1/jobs/{'0' * 32}/motions/..%2f0.npz",
        f"/v1/jobs/{'0' * 32}/motions/0.glb%00.html",
        f"/v1/jobs/{'0' * 32}/motions/0.../../x",
        "/studio.db",
    ],
)
def test_paths_that_lead_elsewhere(served, path):
    said, _ = _talk(
        served.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    status, code = _problem(said)
    assert (status, code) in ((404, "not_found"), (422, "schema_validation"))


@pytest.mark.parametrize("job", ["0" * 32, "f" * 32, "0" * 31, "' OR 1=1 --", "%", "null", "💃"])
def test_forged_ids(served, job):
    for method, path in (
        ("GET", f"/v1/jobs/{job}"),
        ("DELETE", f"/v1/jobs/{job}"),
        ("DELETE", f"/v1/jobs/{job}?forget=true"),
        ("GET", f"/v1/jobs/{job}/motions/0.npz"),
        ("GET", f"/v1/jobs/{job}/motions/0/alignment"),
    ):
        assert served.client.request(method, path).status_code in (404, 422)


def test_every_answer_carries_the_policy(served):
    for path in ("/", "/v1/health", "/v1/jobs", "/nothing", "/v1/jobs/x", "/capabilities"):
        headers = served.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
