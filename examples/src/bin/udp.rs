//! A UDP echo: header and payload come in one datagram, and each datagram is read independently.

use std::io;

use anyhow::ensure;
use realpeer::tokio::{recv_from, send_to};
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, header};
use tokio::net::UdpSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let socket = UdpSocket::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    // Any datagram fits into it. One that did not would be an error, and not taken for a shorter one.
    let mut buffer = vec![0; 65_535];
    while address().is_some() {
        echo(&acceptor, &socket, &mut buffer).await?;
    }

    let proxy = UdpSocket::bind("127.0.0.1:0").await?;
    proxy.send_to(b"no header", addr).await?;
    ensure!(echo(&acceptor, &socket, &mut buffer).await?.is_none());
    send_to(&proxy, header(), b"hello", addr).await?;
    ensure!(echo(&acceptor, &socket, &mut buffer).await?.as_deref() == Some(CLIENT));
    let mut answer = [0; 100];
    let len = proxy.recv(&mut answer).await?;
    ensure!(&answer[..len] == b"hello");
    Ok(())
}

/// Takes a datagram, says whose it is, and sends its payload back.
async fn echo(acceptor: &Acceptor, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<String>> {
    let (datagram, proxy) = recv_from(acceptor, socket, buffer).await?;
    match datagram {
        Ok(datagram) => {
            println!("{} through {proxy}", datagram.source());
            // The proxy knows whose answer it is.
            if let Err(error) = socket.send_to(datagram.payload(), proxy).await {
                eprintln!("{proxy}: {error}");
            }
            Ok(Some(datagram.source().to_string()))
        }
        // It concerns this datagram and no other.
        Err(error) => {
            eprintln!("{proxy}: {error}");
            Ok(None)
        }
    }
}
