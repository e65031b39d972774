//! Servers of the domain name system, over UDP, where each query has a header of its own, and over TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use realpeer_tests::harness::{PATIENCE, Server, Setup};

use crate::matrix::cases::{self, LOCAL, Peer, UNKNOWN};
use crate::matrix::receiver::{Answer, NO_536, NO_UNSPEC, OURS, Otherwise, Outcome, Receiver, connect};

const V1_TCP4: Otherwise = ("v1 TCP4", Outcome::Refused, NO_V1);
const V1_TCP6: Otherwise = ("v1 TCP6", Outcome::Refused, NO_V1);
const V1_UNKNOWN: Otherwise = (UNKNOWN, Outcome::Refused, NO_V1);
const NO_V1: &str = "version 1 is not known to it";

const DNSDIST_SETUP: Setup = Setup {
    version: &["dnsdist", "--version"],
    files: &[(
        "dnsdist.conf",
        "setLocal('{address}', {})
setACL({'0.0.0.0/0', '::/0'})
setProxyProtocolACL({'127.0.0.0/8'})
setSecurityPollSuffix('')
addAction(AllRule(), LuaAction(function(dq)
    local tlvs = dq:getProxyProtocolValues()
    local said = dq.remoteaddr:toStringWithPort() .. ' ' .. dq.localaddr:toStringWithPort() ..
        ' (' .. (tlvs[1] or '') .. ') (' .. (tlvs[2] or '') .. ') (' .. (tlvs[5] or '') .. ')'
    -- Always of the same length: one of 44, a comma, would be taken for a list.
    return DNSAction.SpoofRaw, string.char(200) .. said .. string.rep(' ', 200 - #said)
end))
",
    )],
    command: &["dnsdist", "--supervised", "--disable-syslog", "-C", "{dir}/dnsdist.conf"],
};

pub(crate) const DNSDIST_UDP: Receiver = Receiver {
    name: "dnsdist",
    setup: DNSDIST_SETUP,
    cases: cases::datagram,
    ask: |server, header| text(&udp(server, header, &who_am_i())),
    tells: with_tlvs,
    otherwise: &[V1_UNKNOWN, NO_UNSPEC, NO_536],
};

pub(crate) const DNSDIST_TCP: Receiver = Receiver {
    name: "dnsdist",
    setup: DNSDIST_SETUP,
    cases: cases::stream,
    ask: |server, header| text(&tcp(server, header, &who_am_i())),
    tells: with_tlvs,
    otherwise: &[V1_TCP4, V1_TCP6, V1_UNKNOWN, NO_UNSPEC, NO_536],
};

const RECURSOR_SETUP: Setup = Setup {
    version: &["pdns_recursor", "--version"],
    files: &[
        (
            "recursor.conf",
            "socket-dir={dir}
local-address={address}
allow-from=0.0.0.0/0,::/0
proxy-protocol-from=127.0.0.0/8
disable-packetcache=yes
lua-dns-script={dir}/who.lua
threads=1
daemon=no
security-poll-suffix=
hint-file=no
dont-query=0.0.0.0/0,::/0
",
        ),
        (
            "who.lua",
            "function preresolve(dq)
    local tlvs = {}
    for _, tlv in pairs(dq:getProxyProtocolValues()) do
        tlvs[tlv:getType()] = tlv:getContent()
    end
    local said = dq.remoteaddr:toStringWithPort() .. ' ' .. dq.localaddr:toStringWithPort() ..
        ' (' .. (tlvs[1] or '') .. ') (' .. (tlvs[2] or '') .. ') (' .. (tlvs[5] or '') .. ')'
    dq:addAnswer(pdns.TXT, '\"' .. said .. '\"')
    return true
end
",
        ),
    ],
    command: &["pdns_recursor", "--config-dir={dir}"],
};

pub(crate) const RECURSOR_UDP: Receiver = Receiver {
    name: "PowerDNS Recursor",
    setup: RECURSOR_SETUP,
    cases: cases::datagram,
    ask: |server, header| text(&udp(server, header, &who_am_i())),
    tells: with_tlvs,
    otherwise: &[V1_UNKNOWN, NO_UNSPEC, NO_536],
};

pub(crate) const RECURSOR_TCP: Receiver = Receiver {
    name: "PowerDNS Recursor",
    setup: RECURSOR_SETUP,
    cases: cases::stream,
    ask: |server, header| text(&tcp(server, header, &who_am_i())),
    tells: with_tlvs,
    otherwise: &[V1_TCP4, V1_TCP6, V1_UNKNOWN, NO_UNSPEC, NO_536],
};

/// Its log has the source's address.
const UNBOUND_SETUP: Setup = Setup {
    version: &["unbound", "-V"],
    files: &[(
        "unbound.conf",
        "server:
    interface: {host}@{port}
    proxy-protocol-port: {port}
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    do-not-query-address: 0.0.0.0/0
    do-not-query-address: ::/0
    module-config: \"iterator\"
    num-threads: 1
    chroot: \"\"
    username: \"\"
    directory: \"{dir}\"
    pidfile: \"\"
    use-syslog: no
    log-queries: yes
    local-zone: \"who.\" redirect
    local-data: \"who. TXT here\"
remote-control:
    control-enable: no
",
    )],
    command: &["unbound", "-d", "-c", "{dir}/unbound.conf"],
};

pub(crate) const UNBOUND_UDP: Receiver = Receiver {
    name: "Unbound",
    setup: UNBOUND_SETUP,
    cases: cases::datagram,
    ask: |server, header| logged(server, header, udp),
    tells: |peer| peer.source.ip().to_string(),
    otherwise: &[V1_UNKNOWN],
};

pub(crate) const UNBOUND_TCP: Receiver = Receiver {
    name: "Unbound",
    setup: UNBOUND_SETUP,
    cases: cases::stream,
    ask: |server, header| logged(server, header, tcp),
    tells: |peer| peer.source.ip().to_string(),
    otherwise: &[V1_TCP4, V1_TCP6, V1_UNKNOWN],
};

/// Its module `whoami` answers with the source's address. It reads headers over UDP only.
pub(crate) const KNOT: Receiver = Receiver {
    name: "Knot DNS",
    setup: Setup {
        version: &["knotd", "--version"],
        files: &[
            (
                "knot.conf",
                "server:
    rundir: \"{dir}\"
    listen: {host}@{port}
    proxy-allowlist: 127.0.0.0/8
    udp-workers: 1
    tcp-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: \"{dir}\"
template:
  - id: default
    storage: \"{dir}\"
zone:
  - domain: who
    file: who.zone
    module: mod-whoami
",
            ),
            (
                "who.zone",
                "who. 60 SOA ns.who. who. 1 60 60 60 60\nwho. 60 NS ns.who.\nns.who. 60 A 127.0.0.1\n",
            ),
        ],
        command: &["knotd", "-c", "{dir}/knot.conf"],
    },
    cases: cases::datagram,
    ask: |server, header| {
        let mut answer = udp(server, header, &who(A));
        if answer.said.as_deref() == Some(&[]) {
            answer = udp(server, header, &who(AAAA));
        }
        let address = |data: Vec<u8>| match data.len() {
            4 => <[u8; 4]>::try_from(data).unwrap().into(),
            _ => std::net::IpAddr::from(<[u8; 16]>::try_from(data).unwrap()),
        };
        Answer { said: answer.said.map(|data| address(data).to_string()), own: answer.own }
    },
    tells: |peer| peer.source.ip().to_string(),
    otherwise: &[V1_UNKNOWN, (LOCAL, Outcome::Refused, "LOCAL is dropped"), NO_UNSPEC],
};

const A: u8 = 1;
const TXT: u8 = 16;
const AAAA: u8 = 28;

/// A header that every one of them reads.
const GOOD: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0C\xC0\0\x02\x01\xC0\0\x02\x02\x11\x11\0\x35";

/// Sends a query, and another with a header that is good for sure: if that one is answered first, the other was
/// dropped. The answer is the data of its first record, or nothing.
fn udp(server: &Server, header: &[u8], query: &[u8]) -> Answer<Vec<u8>> {
    let socket = UdpSocket::bind((OURS, 0)).unwrap();
    socket.connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = socket.local_addr().unwrap();
    let mut good = who(query[query.len() - 3]);
    good[1] = 2;
    socket.send(&[header, query].concat()).unwrap();
    socket.send(&[GOOD, &good].concat()).unwrap();
    let mut buffer = [0; 1024];
    let len = socket.recv(&mut buffer).unwrap();
    Answer { said: (buffer[1] == 1).then(|| data(&buffer[..len])), own }
}

/// The same over TCP, with one query.
fn tcp(server: &Server, header: &[u8], query: &[u8]) -> Answer<Vec<u8>> {
    let mut stream = connect(server);
    let own = stream.local_addr().unwrap();
    let len = u16::try_from(query.len()).unwrap().to_be_bytes();
    stream.write_all(&[header, &len, query].concat()).unwrap();
    let mut read = || {
        let mut len = [0; 2];
        stream.read_exact(&mut len).ok()?;
        let mut answer = vec![0; u16::from_be_bytes(len).into()];
        stream.read_exact(&mut answer).unwrap();
        Some(data(&answer))
    };
    Answer { said: read(), own }
}

/// A query for a text.
pub(crate) fn who_am_i() -> Vec<u8> {
    who(TXT)
}

/// A query for the name `who`.
fn who(record: u8) -> Vec<u8> {
    query(b"\x03who\0", record)
}

fn query(name: &[u8], record: u8) -> Vec<u8> {
    [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name, &[0, record, 0, 1]].concat()
}

/// Of the first record of an answer.
fn data(answer: &[u8]) -> Vec<u8> {
    assert_eq!(answer[3] & 0x0F, 0, "an error: {answer:?}");
    if answer[6..8] == [0, 0] {
        return Vec::new();
    }
    let record = after_name(&after_name(&answer[12..])[4..]);
    let len = u16::from_be_bytes([record[8], record[9]]);
    record[10..][..len.into()].to_vec()
}

/// What follows a name, which is written out or ends in a pointer.
fn after_name(mut bytes: &[u8]) -> &[u8] {
    loop {
        match bytes[0] {
            0 => return &bytes[1..],
            0xC0.. => return &bytes[2..],
            len => bytes = &bytes[1 + usize::from(len)..],
        }
    }
}

/// What a TXT record says.
fn text(answer: &Answer<Vec<u8>>) -> Answer<String> {
    let said =
        answer.said.as_ref().map(|data| String::from_utf8(data[1..].to_vec()).unwrap().trim_end().to_owned());
    Answer { said, own: answer.own }
}

/// What Unbound logs of a query, which has a name of its own.
fn logged(
    server: &Server,
    header: &[u8],
    ask: impl Fn(&Server, &[u8], &[u8]) -> Answer<Vec<u8>>,
) -> Answer<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(1000);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    let name = [b"\x04", number.as_bytes(), b"\x03who\0"].concat();
    let Answer { said, own } = ask(server, header, &query(&name, TXT));
    let source = said.map(|_| {
        let asked = format!(" {number}.who. TXT IN");
        let line = server.process.stderr.find("Unbound's log of the query", |line| line.ends_with(&asked));
        line.trim_end_matches(&asked).rsplit(' ').next().unwrap().to_owned()
    });
    Answer { said: source, own }
}

fn with_tlvs(peer: &Peer) -> String {
    let [source, destination]: [SocketAddr; 2] = [peer.source, peer.destination];
    format!("{source} {destination} ({}) ({}) ({})", peer.alpn, peer.authority, peer.unique_id)
}
