//! A whole handshake on a stream that is in memory, by tokio's traits: what is left of an accept without the system.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use realpeer_io::{AcceptError, Acceptor};
use tokio::runtime::{Builder, Runtime};

use super::Used;
use crate::accept::ours::acceptor;
use crate::micro::{Case, OURS, Row};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
static ACCEPTOR: LazyLock<Acceptor> = LazyLock::new(acceptor);

pub(super) fn cases() -> Vec<Case> {
    // For a time-out, tokio wants to be within a runtime; nothing here ever waits.
    std::mem::forget(RUNTIME.enter());
    vec![
        Case::used(Row::UsedStream, OURS, |mut bytes| {
            let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
            let established = ready(realpeer_tokio::handshake_stream(&ACCEPTOR, &mut bytes, peer))?;
            let source = established.source().socket_addr().unwrap();
            let destination = established.destination().and_then(|address| address.socket_addr()).unwrap();
            Ok::<_, AcceptError>(Used { source, destination, tlvs: 0 })
        }),
        Case::used(Row::UsedStream, "proxy-header", |bytes| {
            let stream =
                ready(proxy_header::io::ProxiedStream::create_from_tokio(bytes, Default::default()))?;
            let address = stream.proxy_header().proxied_address().unwrap();
            Ok::<_, std::io::Error>(Used {
                source: address.source,
                destination: address.destination,
                tlvs: 0,
            })
        }),
    ]
}

/// Polls once, which is enough for what never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
