//! What asynchronous runtimes have in common. The adapters have the same functions and types, so a runtime's file only
//! says what differs: these macros take `adapter`, `handshake_stream`, `handshake_buf_read`, `BufReader` and the extension
//! traits for reading and writing from where they are used.

/// A runtime by its executor. There are to be `Tcp`, `Unix` and `UdpSocket` beside it.
macro_rules! asynchronous_runtime {
    (
        $name:ident,
        run: |$future:ident| $run:expr,
        spawn: |$task:ident| $spawn:expr,
        sleep: |$time:ident| $sleep:expr $(,)?
    ) => {
        pub struct $name;

        impl crate::runtime::Runtime for $name {
            type Tcp = Tcp;
            type Unix = Unix;
            type Udp = UdpSocket;

            fn run<T>($future: impl Future<Output = T>) -> T {
                $run
            }

            fn spawn<T: Send + 'static>(
                $task: impl Future<Output = T> + Send + 'static,
            ) -> impl Future<Output = T> + Send {
                $spawn
            }

            async fn sleep($time: std::time::Duration) {
                $sleep;
            }

            async fn connect(
                addr: std::net::SocketAddr,
                header: realpeer::proto::Encoder<'_>,
                payload: &[u8],
            ) -> std::io::Result<crate::runtime::TcpStreamOf<Self>> {
                adapter::connect(addr, header, payload).await
            }

            async fn connect_unix(
                path: &std::path::Path,
                header: realpeer::proto::Encoder<'_>,
                payload: &[u8],
            ) -> std::io::Result<<Unix as crate::runtime::Sockets>::Stream> {
                adapter::connect_unix(path, header, payload).await
            }
        }

        impl crate::runtime::Asynchronous for $name {}

        impl crate::runtime::AnyStream for $name {
            async fn handshake_script(
                acceptor: &realpeer::Acceptor,
                stream: &mut crate::script::Script,
                peer: realpeer::Endpoint,
            ) -> Result<realpeer::Established, realpeer::AcceptError> {
                handshake_stream(acceptor, stream, peer).await
            }

            async fn handshake_stream(
                acceptor: &realpeer::Acceptor,
                stream: &mut crate::runtime::TcpStreamOf<Self>,
                peer: realpeer::Endpoint,
            ) -> Result<realpeer::Established, realpeer::AcceptError> {
                handshake_stream(acceptor, stream, peer).await
            }

            async fn handshake_script_buffered(
                acceptor: &realpeer::Acceptor,
                stream: crate::script::Script,
                capacity: usize,
                peer: realpeer::Endpoint,
            ) -> (Result<realpeer::Established, realpeer::AcceptError>, Vec<u8>) {
                let mut stream = BufReader::with_capacity(capacity, stream);
                let outcome = handshake_buf_read(acceptor, &mut stream, peer).await;
                (outcome, [stream.buffer(), &stream.get_ref().unread()].concat())
            }

            async fn send_header_to_script(
                stream: &mut crate::script::Script,
                header: realpeer::proto::Encoder<'_>,
            ) -> std::io::Result<()> {
                adapter::send_header(stream, header).await
            }
        }
    };
}

/// The sockets of a runtime by their types, each made of the one of std that is named before it.
macro_rules! asynchronous_sockets {
    (
        $name:ident,
        $std_listener:ty => $listener:ty: |$inner:ident| $new_listener:expr,
        $std_stream:ty => $stream:ty: |$std:ident| $new_stream:expr $(,)?
    ) => {
        pub struct $name;

        impl crate::runtime::Sockets for $name {
            type StdListener = $std_listener;
            type StdStream = $std_stream;
            type Stream = $stream;
            type Listener = adapter::Listener<$listener>;
            type Incoming = adapter::Incoming<$stream>;
            type Ready = adapter::ReadyListener<$listener>;
            type Established = adapter::EstablishedListener<$listener>;

            fn stream($std: $std_stream) -> $stream {
                $std.set_nonblocking(true).unwrap();
                $new_stream
            }

            async fn read(stream: &mut $stream, buffer: &mut [u8]) -> std::io::Result<usize> {
                stream.read(buffer).await
            }

            async fn write_all(stream: &mut $stream, bytes: &[u8]) -> std::io::Result<()> {
                stream.write_all(bytes).await
            }

            async fn handshake(
                acceptor: &realpeer::Acceptor,
                stream: &mut $stream,
                peer: realpeer::Endpoint,
            ) -> Result<realpeer::Established, realpeer::AcceptError> {
                adapter::handshake(acceptor, stream, peer).await
            }

            async fn send_header(
                stream: &mut $stream,
                header: realpeer::proto::Encoder<'_>,
            ) -> std::io::Result<()> {
                adapter::send_header(stream, header).await
            }

            async fn send_header_with_payload(
                stream: &mut $stream,
                header: realpeer::proto::Encoder<'_>,
                payload: &[u8],
            ) -> std::io::Result<()> {
                adapter::send_header_with_payload(stream, header, payload).await
            }

            async fn send_header_through_buffer(
                stream: $stream,
                header: realpeer::proto::Encoder<'_>,
            ) -> std::io::Result<Box<dyn std::any::Any + Send>> {
                let mut writer = Box::new(BufWriter::new(stream));
                let behind_a_pointer: &mut (dyn AsyncWrite + Unpin + Send) = &mut *writer;
                adapter::send_header(behind_a_pointer, header).await?;
                Ok(writer)
            }

            fn listener($inner: $std_listener, acceptor: realpeer::Acceptor) -> Self::Listener {
                $inner.set_nonblocking(true).unwrap();
                adapter::Listener::new($new_listener, acceptor)
            }

            async fn accept(listener: &Self::Listener) -> std::io::Result<Self::Incoming> {
                listener.accept().await
            }

            fn peer(incoming: &Self::Incoming) -> realpeer::Endpoint {
                incoming.peer().clone()
            }

            async fn shake(
                incoming: &mut Self::Incoming,
            ) -> Result<realpeer::Established, realpeer::AcceptError> {
                incoming.handshake().await
            }

            fn taken(incoming: &Self::Incoming) -> Vec<u8> {
                incoming.taken().to_vec()
            }

            fn into_stream(incoming: Self::Incoming) -> $stream {
                incoming.into_stream()
            }

            fn ready(inner: $std_listener, acceptor: realpeer::Acceptor, max_pending: usize) -> Self::Ready {
                Self::listener(inner, acceptor).into_ready(max_pending)
            }

            async fn accept_ready(ready: &mut Self::Ready) -> std::io::Result<realpeer::Finished<$stream>> {
                ready.accept().await
            }

            async fn drain(ready: &mut Self::Ready) -> Option<realpeer::Finished<$stream>> {
                ready.drain().await
            }

            fn pending(ready: &Self::Ready) -> usize {
                ready.pending()
            }

            fn established(
                inner: $std_listener,
                acceptor: realpeer::Acceptor,
                hook: impl FnMut(&realpeer::Endpoint, &realpeer::AcceptError) + Send + 'static,
            ) -> Self::Established {
                adapter::EstablishedListener::from(Self::ready(inner, acceptor, 64)).on_reject(hook)
            }

            async fn accept_established(
                listener: &mut Self::Established,
            ) -> std::io::Result<($stream, realpeer::Established)> {
                listener.accept().await
            }

            async fn drain_established(
                listener: &mut Self::Established,
            ) -> Option<($stream, realpeer::Established)> {
                listener.drain().await
            }

            fn pending_established(listener: &Self::Established) -> usize {
                listener.pending()
            }
        }

        impl crate::runtime::Buffering for $name {
            type Buffered = BufReader<$stream>;

            fn buffered(stream: $stream, capacity: usize) -> BufReader<$stream> {
                BufReader::with_capacity(capacity, stream)
            }

            #[cfg(feature = "load")]
            fn unbuffered(stream: BufReader<$stream>) -> $stream {
                stream.into_inner()
            }

            async fn read_buffered(
                stream: &mut BufReader<$stream>,
                buffer: &mut [u8],
            ) -> std::io::Result<usize> {
                stream.read(buffer).await
            }

            async fn handshake_buffered(
                acceptor: &realpeer::Acceptor,
                stream: &mut BufReader<$stream>,
                peer: realpeer::Endpoint,
            ) -> Result<realpeer::Established, realpeer::AcceptError> {
                handshake_buf_read(acceptor, stream, peer).await
            }
        }
    };
}

/// The UDP socket of a runtime, made of the one of std.
macro_rules! asynchronous_datagrams {
    ($socket:ty: |$std:ident| $new_socket:expr $(,)?) => {
        impl crate::runtime::Datagrams for $socket {
            fn socket($std: std::net::UdpSocket) -> Self {
                $std.set_nonblocking(true).unwrap();
                $new_socket
            }

            async fn recv_from<'a>(
                &self,
                acceptor: &realpeer::Acceptor,
                buffer: &'a mut [u8],
            ) -> std::io::Result<crate::runtime::Received<'a>> {
                adapter::recv_from(acceptor, self, buffer).await
            }

            async fn send_to(
                &self,
                header: realpeer::proto::Encoder<'_>,
                payload: &[u8],
                to: std::net::SocketAddr,
            ) -> std::io::Result<()> {
                adapter::send_to(self, header, payload, to).await
            }
        }
    };
}
