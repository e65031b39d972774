//! What `realpeer --help` says besides the list of subcommands, and the pages made of it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

/// Stands at the end of `realpeer -h`.
pub(crate) const SHORT: &str = "\
A server behind a proxy shows the wrong address? `realpeer --help` tells why.";

/// Stands at the end of `realpeer --help`.
pub(crate) const LONG: &str = "\
Which address is wrong, and why:
  A proxy (HAProxy, nginx, a cloud's balancer) opens its own connection to the
  server, so the server's socket names the proxy. A PROXY header, sent first on
  that connection, says who the client is. The proxy must send it, and the
  server must read it and trust the proxy. What does the server show?

  the proxy's address
      Nobody sends a header, or nobody reads it. Find out which:
        realpeer decode --listen 0.0.0.0:8080   let the proxy connect to this
        realpeer probe SERVER:8080 --http       does the server read headers?
      At the proxy     HAProxy: `send-proxy-v2` at the end of its `server` line
                       nginx (stream): `proxy_protocol on;`
                       AWS NLB: proxy protocol v2 of the target group
      At the server    nginx: `listen 80 proxy_protocol;`, and to believe it
                       `set_real_ip_from PROXY; real_ip_header proxy_protocol;`
                       HAProxy: `accept-proxy` on its `bind` line
                       a program that can't read them: `realpeer run` (Linux)
  no address: connections fail, or `400 Bad Request`, or TLS errors
      One of the two has it switched on, the other has not.
  127.0.0.1, 172.17.0.1 or a node's address
      A hop in between, such as container networks, opens a connection of its
      own: it must pass the header on, or send one.
  only now and then the proxy's address
      Its health checks: LOCAL or UNKNOWN headers, which have no addresses.
  ::ffff:192.0.2.1
      192.0.2.1, written as IPv6: the same client.
  the address of another proxy
      Two in a row: the first must send the header, the second must read it and
      pass its address on.

Examples:
  realpeer demo                            see it work, on this machine
  realpeer decode capture.pcap             what is in the headers of a capture
  realpeer probe www.example.com:443 --tls
  realpeer encode --src 192.0.2.1:1 --dst 198.51.100.2:2 | nc SERVER 8080
  realpeer echo --listen 0.0.0.0:9000 --trust 10.0.0.0/8
  realpeer relay --listen 0.0.0.0:8080 --to 127.0.0.1:80 --trust 10.0.0.0/8

More in docs/troubleshooting.md, at <https://github.com/realpeer/realpeer>.";

/// Print what completes the command line in a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example, for bash:\n  realpeer completions bash > ~/.local/share/bash-completion/completions/realpeer"
)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the man page of the program or of a subcommand
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  realpeer man decode > realpeer-decode.1 && man ./realpeer-decode.1")]
pub(crate) struct Man {
    /// The subcommand
    subcommand: Option<String>,
}

pub(crate) fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Arguments::command(), "realpeer", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(arguments: &Man) -> anyhow::Result<ExitCode> {
    let mut program = crate::Arguments::command();
    program.build();
    let command = match &arguments.subcommand {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(found) => {
                found.clone().name(format!("realpeer-{name}")).display_name(format!("realpeer-{name}"))
            }
            None => anyhow::bail!("there is no subcommand {name:?}"),
        },
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    io::stdout().lock().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
