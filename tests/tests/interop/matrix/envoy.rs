//! Envoy, as a receiver and as a sender.

use realpeer_tests::harness::{Client, Setup};

use crate::matrix::cases;
use crate::matrix::receiver::{Answer, NO_UNSPEC, Receiver, request};
use crate::matrix::sender::{Sender, receiver};

const VERSION: &[&str] = &["{venv}/bin/envoy", "--version"];
const COMMAND: &[&str] = &[
    "{venv}/bin/envoy",
    "--config-path",
    "{dir}/envoy.yaml",
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "--log-level",
    "warn",
];

pub(crate) const ENVOY: Receiver = Receiver {
    name: "Envoy",
    setup: Setup {
        version: VERSION,
        files: &[(
            "envoy.yaml",
            r#"
static_resources:
  listeners:
  - address: {socket_address: {address: "{host}", port_value: {port}}}
    listener_filters:
    - name: proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          http_protocol_options: {accept_http_10: true}
          use_remote_address: true
          delayed_close_timeout: 0s
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: "/"}
                direct_response: {status: 200}
                response_headers_to_add:
                - header:
                    key: who
                    value: "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%"
          http_filters:
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#,
        )],
        command: COMMAND,
    },
    cases: cases::stream,
    ask: |server, header| {
        let Answer { said, own } = request(server, header);
        let who = said.map(|(head, _)| {
            let (_, rest) = head.split_once("\r\nwho: ").unwrap_or_else(|| panic!("{head}"));
            rest.split('\r').next().unwrap().to_owned()
        });
        Answer { said: who, own }
    },
    tells: |peer| format!("{} {}", peer.source, peer.destination),
    otherwise: &[NO_UNSPEC],
};

pub(crate) fn envoy() -> Sender {
    const SETUP: Setup = Setup {
        version: VERSION,
        files: &[(
            "envoy.yaml",
            r#"
static_resources:
  listeners:
  - address: {socket_address: {address: "{host}", port_value: {port}}}
    filter_chains: &forward
    - filters:
      - name: forward
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: forward
          cluster: server
  - address: {socket_address: {address: "::1", port_value: {port6}}}
    filter_chains: *forward
  clusters:
  - name: server
    load_assignment:
      cluster_name: server
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: "{to_host}", port_value: {to_port}}}}
    transport_socket:
      name: proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
        config: {version: {send}}
        transport_socket:
          name: plain
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer
"#,
        )],
        command: COMMAND,
    };
    let mut sender = Sender::new("Envoy", SETUP.version);
    let program = receiver("127.0.0.1:0");
    let (host, port) = program.address().split_once(':').unwrap();
    for (send, columns) in [("V1", ["v1 TCP4", "v1 TCP6"]), ("V2", ["v2 TCP4", "v2 TCP6"])] {
        let server = SETUP.start(&[("{to_host}", host), ("{to_port}", port), ("{send}", send)]);
        for (column, front) in columns.into_iter().zip([server.address, server.address6]) {
            let client = Client::connect(&front.to_string());
            client.echo();
            sender.read(column, &program.report(), client.address(), &front.to_string());
        }
    }
    program.stop();
    sender
}
