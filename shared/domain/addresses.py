"""Which IP addresses an outbound call may connect to."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Written out, because ipaddress.is_private and is_global let several of these through, and change between
# Python versions.
REFUSED_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network": Linux connects to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT, and Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform services
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# What is handed out to hosts. Everything else in IPv6 is local, reserved, multicast or a way to write IPv4:
# ::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 5f00::/16, fc00::/7 (where fd00:ec2::254 is
# Amazon's metadata), fe80::/10, fec0::/10, ff00::/8.
GLOBAL_IPV6: Final = IPv6Network("2000::/3")
REFUSED_IPV6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether the address belongs to a host on the public Internet.

    >>> is_public(IPv4Address("8.8.8.8")), is_public(IPv4Address("100.64.0.1"))
    (True, False)
    >>> is_public(IPv6Address("2606:4700::1111")), is_public(IPv6Address("::ffff:8.8.8.8"))
    (True, False)
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_IPV4)
    return address in GLOBAL_IPV6 and not any(address in network for network in REFUSED_IPV6)


def allowed(address: Address, allow: Iterable[Network]) -> bool:
    """Whether a call may connect to the address: it is public, or inside one of the networks.

    A mapped address (::ffff:127.0.0.1) is the IPv4 address to the kernel, so it is looked up in the networks
    as that; nothing else makes it acceptable.

    >>> loopback = [IPv4Network("127.0.0.0/8")]
    >>> allowed(IPv4Address("127.0.0.1"), loopback), allowed(IPv4Address("10.0.0.1"), loopback)
    (True, False)
    >>> allowed(IPv6Address("::ffff:127.0.0.1"), loopback), allowed(IPv6Address("::1"), loopback)
    (True, False)
    """
    if is_public(address):
        return True
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(address in network or (mapped is not None and mapped in network) for network in allow)
