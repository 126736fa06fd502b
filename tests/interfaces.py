# SPDX-License-Identifier: MIT
"""Network interfaces for a test's script, where there is no iproute2.

    interfaces.py up NAME
    interfaces.py rename NAME ANOTHER
    interfaces.py address NAME ADDRESS          # IPv6 in a /64, IPv4 in a /24
    interfaces.py route NAME                    # of all multicast of IPv4
    interfaces.py pair NAME PEER PID            # PEER is in the network of PID
    interfaces.py remove NAME                   # of a pair both

They need CAP_NET_ADMIN in the network that they are run in.
"""
import fcntl
import os
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
SIOCSIFADDR, SIOCSIFNAME = 0x8916, 0x8923
IFF_UP = 1
NAME_BYTES = 16
# rtnetlink(7)
RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 17, 20, 24
NLMSG_ERROR = 2
REQUEST = 0x001 | 0x004  # REQUEST, ACK
CREATE = 0x200 | 0x400  # EXCL, CREATE
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_PID = 3, 18, 19
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
IFA_F_NODAD = 0x02
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 253, 1
RTA_DST, RTA_OIF = 1, 4


def request(call, name, value):
    """An ioctl() of an interface; what the kernel made of the value."""
    data = struct.pack(f"{NAME_BYTES}s24s", os.fsencode(name), value)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket, call, data)[NAME_BYTES:]


def up(name):
    flags = struct.unpack_from("H", request(SIOCGIFFLAGS, name, b""))[0]
    request(SIOCSIFFLAGS, name, struct.pack("H", flags | IFF_UP))


def rename(name, another):
    request(SIOCSIFNAME, name, os.fsencode(another))


def attribute(kind, value):
    size = 4 + len(value)
    return struct.pack("HH", size, kind) + value + b"\0" * (-size % 4)


def ask(kind, message, flags=CREATE):
    """A request to the kernel, and its answer, which is an errno."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       socket.NETLINK_ROUTE) as kernel:
        kernel.send(struct.pack("IHHII", 16 + len(message), kind,
                                REQUEST | flags, 1, 0) + message)
        answer = kernel.recv(65536)
    answer_kind, = struct.unpack_from("H", answer, 4)
    error, = struct.unpack_from("i", answer, 16)
    if answer_kind != NLMSG_ERROR or error:
        raise OSError(-error, os.strerror(-error))


def address(name, text):
    """Without detection of duplicates: it can be bound to at once."""
    family, prefix, flags = (socket.AF_INET6, 64, IFA_F_NODAD) if (
        ":" in text) else (socket.AF_INET, 24, 0)
    binary = socket.inet_pton(family, text)
    ask(RTM_NEWADDR, struct.pack(
        "BBBBi", family, prefix, flags, 0, socket.if_nametoindex(name)) +
        attribute(IFA_LOCAL, binary) + attribute(IFA_ADDRESS, binary))


def route(name):
    ask(RTM_NEWROUTE, struct.pack(
        "8BI", socket.AF_INET, 4, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC,
        RT_SCOPE_LINK, RTN_UNICAST, 0) + attribute(
            RTA_DST, socket.inet_aton("224.0.0.0")) + attribute(
                RTA_OIF, struct.pack("I", socket.if_nametoindex(name))))


def pair(name, peer, pid):
    """Two interfaces of type veth: what is sent to one arrives at the other."""
    link = bytes(16)  # struct ifinfomsg
    there = link + attribute(IFLA_IFNAME, os.fsencode(peer)) + attribute(
        IFLA_NET_NS_PID, struct.pack("I", int(pid)))
    info = attribute(IFLA_INFO_KIND, b"veth") + attribute(
        IFLA_INFO_DATA, attribute(VETH_INFO_PEER, there))
    ask(RTM_NEWLINK, link + attribute(IFLA_IFNAME, os.fsencode(name)) +
        attribute(IFLA_LINKINFO, info))


def remove(name):
    ask(RTM_DELLINK, bytes(16) + attribute(IFLA_IFNAME, os.fsencode(name)),
        0)


if __name__ == "__main__":
    try:
        {"up": up, "rename": rename, "address": address, "route": route,
         "pair": pair, "remove": remove}[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        sys.exit(f"interfaces.py {' '.join(sys.argv[1:])}: {error}")
