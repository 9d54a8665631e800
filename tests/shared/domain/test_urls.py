from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.urls import header_problem, literal_address, target_problem, url_problem

GOOD_URLS = [
    "http://example.com",
    "https://example.com/",
    "HTTPS://EXAMPLE.com:8443/a/b?c=d&e[]=%20#frag",
    "http://xn--mnchen-3ya.de/",
    "http://localhost:1/",
    "http://my_service.internal./health",
    "http://a-b.c1/../x/%2e%2e/",
    "http://1.1.1.1:65535/?q=http://user@host/",
    "http://[2606:4700::1111]:443/",
    "http://3com.com/",
    "http://example.com?only=query",
    "http://example.com/{id}|x^y",
]

BAD_URLS = [
    "",
    " ",
    "example.com",
    "//example.com/",
    "/path",
    "http:",
    "http:/example.com",
    "http:example.com",
    "http:///path",
    "http://",
    "http://?x",
    "http://:80/",
    "http://.",
    "http://.example.com/",
    "http://a..b/",
    "http://-a.com/",
    "http://a-.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "abc/",
    "http://example.com/" + "a" * 2_048,
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///tmp/socket",
    "httpx://example.com/",
    "http+unix://%2Ftmp%2Fsocket/",
    "http://user@example.com/",
    "http://user:password@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http:\\\\example.com/",
    "http://example.com\\.evil.org/",
    "http://example.com/a b",
    "http://example.com/\t",
    "http://example.com/\r\nHost: other",
    "http://example.com\r\n/",
    "http://example.com/\x00",
    "http://exam\x00ple.com/",
    "http://example.com/\x7f",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/\n",
    "http://münchen.de/",
    "http://example.com/ü",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://exa\u00admple.com/",
    "http://example.com\u2044path/",
    "http://\ud800.com/",
    "http://%31%32%37.0.0.1/",
    "http://example%2ecom/",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:080/",
    "http://example.com:65536/",
    "http://example.com:99999999999/",
    "http://example.com:-1/",
    "http://example.com:80a/",
    "http://example.com:80:80/",
    "http://example.com:٨٠/",
    "http://exa mple.com/",
    "http://exa<mple.com/",
    "http://a,b/",
    "http://a!b/",
    "http://*/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[::1]:x/",
    "http://[]/",
    "http://[127.0.0.1]/",
    "http://[v1.fe80::a]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::ffff:999.0.0.1]/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://127.0.0.256/",
    "http://4294967296/",
    "http://0x100000000/",
    "http://127.0.0.08/",
    "http://1.2.3.09/",
    "http://0x7f.1.2.3.4/",
    "http://example.1/",
    "http://example.0x1/",
    "http://" + "0" * 80 + "1/",
]

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0x0.1",
    "00000177.0.0.1",
    "127.0x1",
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_plain_url_has_no_problem(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_with_a_second_reading_is_refused_with_a_sentence(url: str) -> None:
    problem = url_problem(url)
    assert problem is not None
    assert " " in problem
    assert target_problem(url, [ip_network("0.0.0.0/0"), ip_network("::/0")]) == problem


def test_two_thousand_and_forty_eight_characters_are_the_limit() -> None:
    url = "http://example.com/"
    assert url_problem(url + "a" * (2_048 - len(url))) is None
    assert url_problem(url + "a" * (2_049 - len(url))) is not None


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_every_spelling_of_loopback_is_judged_as_loopback(host: str) -> None:
    url = f"http://{host}:8080/x"
    assert literal_address(url) == IPv4Address("127.0.0.1")
    assert target_problem(url, []) == "the address of this URL is not allowed"
    assert target_problem(url, [ip_network("127.0.0.0/8")]) is None


@pytest.mark.parametrize(
    "host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "１２７．０．０．１", "%31%32%37.0.0.1", "user@127.1", "0"]
)
def test_spellings_that_urls_may_not_have_are_still_read(host: str) -> None:
    address = literal_address(f"http://{host}/")
    assert address is not None
    assert not address.is_global


@pytest.mark.parametrize(
    "host",
    [
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "169.254.169.254",
        "0",
        "10.1",
        "[2002::]",
    ],
)
def test_literals_that_are_not_public_are_refused_on_writing(host: str) -> None:
    assert target_problem(f"https://{host}/", []) == "the address of this URL is not allowed"


def test_a_zone_does_not_hide_a_literal_address() -> None:
    assert str(literal_address("http://[fe80::1%25eth0]/")) == "fe80::1%eth0"


@pytest.mark.parametrize("url", ["http://example.com/", "http://3com.com/", "nonsense", "http://", "http://[x]/"])
def test_a_name_is_no_literal_address(url: str) -> None:
    assert literal_address(url) is None


@given(some.ip_addresses(v=4))
def test_a_dotted_address_is_read_as_itself(address: object) -> None:
    number = int(IPv4Address(str(address)))
    for spelling in (address, number, f"0x{number:x}", f"0{number:o}" if number else "0"):
        assert literal_address(f"http://{spelling}/") == address


@given(some.text(max_size=60))
def test_any_text_is_judged_without_an_accident(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"http://example.com/{text}", f"http://[{text}]/"):
        literal_address(url)
        if target_problem(url, []) is None:
            assert url.isascii()
            assert url.isprintable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Team", "billing"),
        ("Authorization", "Bearer abc.def"),
        ("x_y", ""),
        ("X-Umlaut", "grün"),
        ("X-Tab", "a\tb"),
        ("!#$%&'*+.^_`|~", "odd, but a token"),
        ("X-Long", "v" * 4_096),
    ],
)
def test_a_plain_header_has_no_problem(name: str, value: str) -> None:
    assert header_problem(name, value) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "v"),
        ("X Y", "v"),
        ("X:", "v"),
        ("X\r\nY", "v"),
        ("X\x00", "v"),
        ("Ü", "v"),
        ("X" * 129, "v"),
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\r"),
        ("X-A", "a\x00b"),
        ("X-A", "a\x0bb"),
        ("X-A", "a\x7fb"),
        ("X-A", "a\x85b"),
        ("X-A", "snow ☃"),
        ("X-A", "\ud800"),
        ("X-A", "v" * 4_097),
        ("Host", "other"),
        ("HOST", "other"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Keep-Alive", "1"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "x"),
        ("TE", "gzip"),
        ("Trailer", "x"),
        ("Expect", "100-continue"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Connection", "x"),
        ("Content_Length", "0"),
        ("Transfer_Encoding", "chunked"),
        ("proxy_Authorization", "x"),
    ],
)
def test_a_header_that_could_change_the_request_is_refused_with_a_sentence(name: str, value: str) -> None:
    problem = header_problem(name, value)
    assert problem is not None
    assert "\n" not in problem
    assert "\r" not in problem
