//! The echo server of this program, whose reports are kept for comparison.

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use realpeer::{Acceptor, Endpoint, Trust};

use super::PATIENCE;
use crate::complain;
use crate::echo::serve_blocking;
use crate::listen::{Listen, Socket};
use crate::report::Report;

/// A server that runs until the program ends.
pub(super) struct Server {
    endpoint: Endpoint,
    reports: Receiver<Report>,
}

impl Server {
    /// Listens on `listen`, and trusts 127.0.0.1, `::1` and peers on UNIX sockets.
    pub(super) fn start(listen: &Listen, timeout: Duration) -> anyhow::Result<Self> {
        let trust = ["127.0.0.1", "::1"]
            .into_iter()
            .try_fold(Trust::unix(), |trust, address| address.parse().map(|address| trust.and(address)))?;
        let acceptor = Acceptor::new(trust).with_timeout(timeout);
        let socket = Socket::bind(listen)?;
        let endpoint = socket.endpoint()?;
        let (sender, reports) = channel();
        let say = move |report| sender.send(report).map_err(|_| io::ErrorKind::BrokenPipe.into());
        thread::Builder::new()
            .name("echo server".into())
            .spawn(move || serve_blocking(socket, acceptor, 64, say, complain))
            .context("can't start the echo server")?;
        Ok(Self { endpoint, reports })
    }

    /// Where it listens.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it says of the next connection.
    pub(super) fn report(&self) -> Option<Report> {
        self.reports.recv_timeout(PATIENCE).ok()
    }
}
