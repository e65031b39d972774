//! The client's address in the form that other crates' middleware expects.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::RealPeer;

/// Middleware that adds to a request the `ConnectInfo<SocketAddr>` that rate limiters and loggers of other crates look
/// for: the client's address from the header, canonical, so that `::ffff:192.0.2.1` and `192.0.2.1` are one.
///
/// Layer it after (so outside of) what reads it. A request whose client has no IP address, as over a UNIX socket without a
/// header, gets none.
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use axum::{Router, middleware, routing::get};
/// use realpeer_axum::insert_socket_addr;
///
/// async fn whoami(ConnectInfo(addr): ConnectInfo<SocketAddr>) -> String {
///     addr.to_string()
/// }
///
/// let app: Router = Router::new()
///     .route("/", get(whoami))
///     // .layer(a rate limiter)
///     .layer(middleware::from_fn(insert_socket_addr));
/// // app.into_make_service_with_connect_info::<RealPeer>()
/// # drop(app);
/// ```
pub async fn insert_socket_addr(mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<RealPeer>>();
    let addr = peer.and_then(|ConnectInfo(peer)| peer.source().to_canonical().socket_addr());
    if let Some(addr) = addr {
        request.extensions_mut().insert::<ConnectInfo<SocketAddr>>(ConnectInfo(addr));
    }
    next.run(request).await
}
