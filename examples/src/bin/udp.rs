//! Datagrams: header and payload in one, and each read for itself.

use std::net::UdpSocket;

use anyhow::{Context, ensure};
use realpeer::proto::{Encoder, Transport, Version};
use realpeer::{Acceptor, Trust, header_and_payload};

fn main() -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
    let server = UdpSocket::bind("127.0.0.1:0")?;
    let proxy = UdpSocket::bind("127.0.0.1:0")?;

    for client in ["192.0.2.1:5353", "192.0.2.2:5353"] {
        let encoder = Encoder::proxy(Version::V2, client.parse()?, "198.51.100.2:53".parse()?)?.dgram();
        proxy.send_to(&header_and_payload(&encoder, b"query")?, server.local_addr()?)?;
    }

    let mut buffer = vec![0; 65_535];
    for client in ["192.0.2.1:5353", "192.0.2.2:5353"] {
        let (n, peer) = server.recv_from(&mut buffer)?;
        let datagram = acceptor.datagram(peer, &buffer[..n])?;
        println!(
            "{} through {}: {:?}",
            datagram.source(),
            datagram.peer(),
            datagram.payload().escape_ascii()
        );
        ensure!(datagram.source().to_string() == client && datagram.payload() == b"query");
        let header = datagram.header().context("no header")?;
        ensure!(header.transport() == Transport::Dgram);
    }
    Ok(())
}
