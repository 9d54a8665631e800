from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.addresses import allowed, is_public

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "3ffe::1",
]

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 (an address to judge, nothing binds to it)
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "1fff::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_hosts_of_the_internet_are_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert allowed(ip_address(text), [])


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_everything_else_is_not(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not allowed(ip_address(text), [])


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_a_network_that_is_allowed_opens_its_own_addresses_only(text: str) -> None:
    address = ip_address(text)
    own = ip_network(f"{text.partition('%')[0]}/{address.max_prefixlen}")
    assert allowed(address, [ip_network("198.51.100.77/32"), own])
    assert not allowed(address, [ip_network("198.51.100.77/32"), ip_network("2001:db8:77::/48")])


def test_a_mapped_address_is_what_it_is_to_the_kernel() -> None:
    loopback = [ip_network("127.0.0.0/8")]
    assert allowed(ip_address("::ffff:127.9.9.9"), loopback)
    assert not allowed(ip_address("::ffff:10.0.0.1"), loopback)


@pytest.mark.parametrize("text", ["::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::1"])
def test_other_disguises_are_not_opened_by_the_ipv4_network(text: str) -> None:
    assert not allowed(ip_address(text), [ip_network("127.0.0.0/8")])


def test_a_scope_does_not_hide_an_address_from_its_network() -> None:
    assert allowed(ip_address("fe80::1%eth0"), [ip_network("fe80::/10")])


@given(some.ip_addresses(v=4))
def test_no_way_of_writing_ipv4_in_ipv6_is_public(address: object) -> None:
    number = int(ip_address(str(address)))
    for disguise in (
        number,
        0xFFFF_0000_0000 + number,
        (0x64FF9B << 96) + number,
        (0x2002 << 112) + (number << 80),
    ):
        assert not is_public(IPv6Address(disguise))


@given(some.ip_addresses())
def test_what_python_calls_private_is_never_public(address: object) -> None:
    judged = ip_address(str(address))
    assert not (is_public(judged) and (judged.is_private or judged.is_multicast or judged.is_reserved))
