/* realpeer: the PROXY protocol. See docs/c.md. Made by cbindgen from crates/realpeer-ffi: change that, not this. */

#ifndef REALPEER_H
#define REALPEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/**
 * The size of a `struct realpeer_decoder` in bytes.
 */
#define REALPEER_DECODER_SIZE 256

/**
 * An alignment, in bytes, that suits every object of this library.
 */
#define REALPEER_ALIGN 8

/**
 * The size of an error's text, including the terminating NUL.
 */
#define REALPEER_ERROR_TEXT_SIZE 256

/**
 * The size of a `struct realpeer_handshake` in bytes.
 */
#define REALPEER_HANDSHAKE_SIZE 512

/**
 * The size of a `struct realpeer_trust` in bytes.
 */
#define REALPEER_TRUST_SIZE 64

/**
 * The size of a `struct realpeer_network` in bytes.
 */
#define REALPEER_NETWORK_SIZE 32

/**
 * The result of a call. Errors are negative: test for them with `status < 0`.
 *
 * Values are never reused. A newer library may return values that an older `realpeer.h` does not name.
 */
enum realpeer_status {
    /**
     * Success: the header is complete, or the call did what it is documented to do.
     */
    REALPEER_STATUS_DONE = 0,
    /**
     * More bytes are needed. Run a handshake again when its descriptor is readable, and at its deadline.
     */
    REALPEER_STATUS_NEED_DATA = 1,
    /**
     * There is no such thing: no (more) TLVs, no header, or no error.
     */
    REALPEER_STATUS_NOT_FOUND = 2,
    /**
     * No header: the bytes do not begin with the signature of an accepted version.
     */
    REALPEER_STATUS_NO_HEADER = -1,
    /**
     * The version 1 line is malformed.
     */
    REALPEER_STATUS_V1 = -2,
    /**
     * The fixed part or the address block of the version 2 header is invalid.
     */
    REALPEER_STATUS_V2 = -3,
    /**
     * A TLV is malformed, or extends beyond the header.
     */
    REALPEER_STATUS_TLV = -4,
    /**
     * The CRC32C does not match the header.
     */
    REALPEER_STATUS_CRC32C = -5,
    /**
     * The header is longer than `max_header_len`.
     */
    REALPEER_STATUS_TOO_LONG = -6,
    /**
     * The peer closed the connection without sending a byte, as bare TCP health checks do. This is harmless.
     */
    REALPEER_STATUS_CLOSED = -7,
    /**
     * The connection or datagram ended before the header was complete.
     */
    REALPEER_STATUS_TRUNCATED = -8,
    /**
     * The deadline passed before the header was complete.
     */
    REALPEER_STATUS_TIMED_OUT = -9,
    /**
     * The peer is not trusted. Nothing was read.
     */
    REALPEER_STATUS_REFUSED = -10,
    /**
     * A system call failed; `errno` is the reason.
     */
    REALPEER_STATUS_IO = -11,
    /**
     * A mistake in the calling program: NULL, a misaligned pointer, a wrong size, an unknown value, an object that was
     * never initialised, or a call that the documentation rules out.
     */
    REALPEER_STATUS_ARGUMENT = -12,
    /**
     * The buffer is too small for the result, or for a header within `max_header_len`.
     */
    REALPEER_STATUS_NO_SPACE = -13,
    /**
     * No header can express what was asked for.
     */
    REALPEER_STATUS_NOT_ENCODABLE = -14,
    /**
     * The text names no IP address, network, `unix`, `anyone` or `nobody`.
     */
    REALPEER_STATUS_NOT_A_NETWORK = -15,
};

/**
 * What to do with a connection from a peer.
 */
enum realpeer_verdict {
    /**
     * Close it: the peer is not trusted. Also the result for a wrong argument.
     */
    REALPEER_VERDICT_REFUSE = 0,
    /**
     * Require a header: the peer is a trusted proxy.
     */
    REALPEER_VERDICT_REQUIRE = 1,
    /**
     * Serve it without reading a header: the peer is not a proxy. Anything that looks like a header is payload.
     */
    REALPEER_VERDICT_BYPASS = 2,
};

/**
 * The versions of the protocol to accept.
 */
enum realpeer_versions {
    /**
     * Both.
     */
    REALPEER_VERSIONS_ANY = 0,
    /**
     * Version 1 only, the text format.
     */
    REALPEER_VERSIONS_V1 = 1,
    /**
     * Version 2 only, the binary format.
     */
    REALPEER_VERSIONS_V2 = 2,
};

/**
 * The command of a header, numbered as in version 2.
 */
enum realpeer_command {
    /**
     * The proxy opened the connection for itself, such as a health check: use the connection's own addresses.
     */
    REALPEER_COMMAND_LOCAL = 0,
    /**
     * The proxy opened the connection on behalf of a client.
     */
    REALPEER_COMMAND_PROXY = 1,
};

/**
 * The transport that a header describes, numbered as in version 2.
 */
enum realpeer_transport {
    /**
     * Not specified.
     */
    REALPEER_TRANSPORT_UNSPEC = 0,
    /**
     * TCP, or a UNIX stream socket.
     */
    REALPEER_TRANSPORT_STREAM = 1,
    /**
     * UDP, or a UNIX datagram socket.
     */
    REALPEER_TRANSPORT_DGRAM = 2,
};

/**
 * A decoder: push bytes as they arrive, then ask for the header.
 *
 * However the bytes are split, the result is the same header or the same error. The decoder never takes a byte beyond
 * the header.
 *
 * It lives in the caller's memory, needs no cleanup, and may be moved with `memcpy`. Copies of a decoder share its
 * buffer, so use only one of them. Use it from one thread at a time.
 */
struct realpeer_decoder {
    uint64_t opaque[32];
};

/**
 * A list of trusted proxies. All other peers are refused, unless `realpeer_trust_otherwise` changes that.
 *
 * It lives in the caller's memory and needs no cleanup. Once it is filled, any number of threads may use it at the same
 * time. Copies share their networks.
 */
struct realpeer_trust {
    uint64_t opaque[8];
};

/**
 * What a receiver accepts, and how long it waits. In every field but `size`, 0 means the default.
 *
 * Start with `struct realpeer_config config = {sizeof config};`, which sets `size` and zeros the rest, then set what you
 * want to change. The library only reads it, and `trust` as well, and only during the call they are passed to. Functions
 * that take a config accept NULL for all defaults.
 */
struct realpeer_config {
    /**
     * `sizeof(struct realpeer_config)`.
     */
    size_t size;
    /**
     * The proxies to trust. Handshakes require it; everything else ignores it.
     */
    const struct realpeer_trust *trust;
    /**
     * The accepted versions, one of `enum realpeer_versions`.
     */
    uint32_t versions;
    /**
     * The longest accepted header, in bytes; the default is 4096. With less than 536, some real headers do not fit. A
     * header over the limit fails with `REALPEER_STATUS_TOO_LONG`; one within the limit that does not fit the buffer fails
     * with `REALPEER_STATUS_NO_SPACE`.
     */
    uint32_t max_header_len;
    /**
     * How long the complete header may take, in milliseconds; the default is 5000, the maximum a day. Only handshakes use
     * it.
     */
    uint32_t timeout_ms;
    /**
     * Nonzero: do not verify a CRC32C in the header. For fuzzers, and where something else protects the bytes.
     */
    uint32_t ignore_crc32c;
};

/**
 * A valid header: length, grammar, TLVs and CRC32C have been checked.
 *
 * Its contents are what the sender claims. Whether to believe the sender is a matter of trust, not of parsing.
 *
 * `tlvs` points into the bytes the header was read from (the input of `realpeer_parse`, or the buffer of a decoder or
 * handshake), and is valid until those change. Everything else is a copy.
 */
struct realpeer_header {
    /**
     * The length of the header in bytes. Payload follows.
     */
    size_t len;
    /**
     * The TLVs, for `realpeer_tlv_next` and `realpeer_tlv_find`; NULL if the header has no TLVs.
     */
    const void *tlvs;
    /**
     * The length of the TLVs in bytes.
     */
    size_t tlvs_len;
    /**
     * The length of `source`. 0 if the header names no addresses (LOCAL, UNKNOWN, UNSPEC): use those of the connection.
     */
    socklen_t source_len;
    /**
     * The length of `destination`; 0 if the header names no addresses.
     */
    socklen_t destination_len;
    /**
     * 1 or 2.
     */
    uint8_t version;
    /**
     * One of `enum realpeer_command`.
     */
    uint8_t command;
    /**
     * One of `enum realpeer_transport`.
     */
    uint8_t transport;
    /**
     * Always 0.
     */
    uint8_t reserved;
    /**
     * The source of the connection. Only the first `source_len` bytes are written. A UNIX socket name may fill `sun_path`
     * without a terminating NUL, and may contain NULs.
     */
    struct sockaddr_storage source;
    /**
     * The destination of the connection. Only the first `destination_len` bytes are written.
     */
    struct sockaddr_storage destination;
};

/**
 * An error: what went wrong, and where.
 */
struct realpeer_error {
    /**
     * One of `enum realpeer_status`.
     */
    int32_t status;
    /**
     * The offset in the header of the byte or field that is wrong. For `REALPEER_STATUS_TRUNCATED` and
     * `REALPEER_STATUS_TIMED_OUT`, how many bytes arrived.
     */
    uint32_t offset;
    /**
     * A sentence for a log: what happened and what to check. ASCII, without a full stop, NUL-terminated.
     */
    char text[REALPEER_ERROR_TEXT_SIZE];
};

/**
 * The header to encode. Start with `struct realpeer_encoding encoding = {sizeof encoding};`, which sets `size` and
 * zeros the rest, then set the fields you need.
 *
 * Send the encoded header in one write, before or together with the first payload: receivers may reject a header that
 * arrives in pieces.
 */
struct realpeer_encoding {
    /**
     * `sizeof(struct realpeer_encoding)`.
     */
    size_t size;
    /**
     * The source of the connection. `source` and `destination` must both be IPv4, both IPv6 or both UNIX. If both are
     * NULL, the header states that the sender opened the connection for itself, such as a health check: LOCAL, or UNKNOWN
     * in version 1.
     */
    const struct sockaddr *source;
    /**
     * The destination of the connection; see `source`.
     */
    const struct sockaddr *destination;
    /**
     * The TLVs, as `realpeer_tlv_append` writes them or as a decoded header has them; NULL for none. Version 2 only. The
     * value of a CRC32C TLV must be 4 bytes long; the checksum replaces it.
     */
    const void *tlvs;
    /**
     * The length of the TLVs in bytes.
     */
    size_t tlvs_len;
    /**
     * Nonzero: pad the header to this total length with a NOOP TLV. Version 2 only.
     */
    size_t pad_to;
    /**
     * The length of `source` in bytes.
     */
    socklen_t source_len;
    /**
     * The length of `destination` in bytes.
     */
    socklen_t destination_len;
    /**
     * 1 or 2; 0 means 2.
     */
    uint32_t version;
    /**
     * Nonzero: the transport is UDP, or UNIX datagrams. Version 2 only.
     */
    uint32_t dgram;
    /**
     * Nonzero: put a CRC32C before the other TLVs, unless they contain one already. Version 2 only.
     */
    uint32_t add_crc32c;
};

/**
 * An accepted connection whose header is being read: trust decision, decoder and deadline.
 *
 * It lives in the caller's memory, needs no cleanup, and may be moved with `memcpy`. Copies of a handshake share its
 * buffer, so use only one of them. Use it from one thread at a time.
 */
struct realpeer_handshake {
    uint64_t opaque[64];
};

/**
 * The endpoints of a connection.
 */
struct realpeer_established {
    /**
     * 1 if there was a header; 0 if the peer was bypassed.
     */
    uint32_t has_header;
    /**
     * 1 if `source` and `destination` are from the header; 0 if they are the connection's own, because there was no header
     * or it names no addresses (LOCAL, UNKNOWN, UNSPEC).
     */
    uint32_t from_header;
    /**
     * The length of `source`.
     */
    socklen_t source_len;
    /**
     * The length of `destination`; 0 if it is the socket's own address and the system does not report it.
     */
    socklen_t destination_len;
    /**
     * The source of the connection. Only the first `source_len` bytes are written. A UNIX socket name may fill `sun_path`
     * without a terminating NUL, and may contain NULs.
     */
    struct sockaddr_storage source;
    /**
     * The destination of the connection. Only the first `destination_len` bytes are written.
     */
    struct sockaddr_storage destination;
};

/**
 * A TLV. The value points into the bytes it was found in.
 */
struct realpeer_tlv {
    /**
     * The value: `len` bytes, not NUL-terminated.
     */
    const void *value;
    /**
     * The length of the value in bytes.
     */
    size_t len;
    /**
     * The type, such as 0x01, `PP2_TYPE_ALPN`.
     */
    uint8_t kind;
};

/**
 * The client's TLS connection to the proxy: the value of a TLV of type 0x20.
 */
struct realpeer_ssl {
    /**
     * The TLVs inside, for `realpeer_tlv_next`: 0x21 is the TLS version, 0x22 the common name, and so on.
     */
    const void *tlvs;
    /**
     * The length of the TLVs inside, in bytes.
     */
    size_t tlvs_len;
    /**
     * The result of verifying the client's certificate: 0 for success, but HAProxy also sends 0 if there was no
     * certificate. Test `has_verified_client_certificate` instead.
     */
    uint32_t verify;
    /**
     * Flags: 1 the client connected over TLS, 2 it presented a certificate on this connection, 4 it presented one earlier
     * in the TLS session.
     */
    uint8_t client;
    /**
     * 1 if the client presented a certificate and the proxy verified it, 0 otherwise.
     */
    uint8_t has_verified_client_certificate;
};

/**
 * Space for one network of a trust list. Its contents are private.
 */
struct realpeer_network {
    uint64_t opaque[4];
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Initialises `decoder`, overwriting whatever it held.
 *
 * `size` is `sizeof *decoder`. `config` may be NULL for the defaults. The decoder keeps the header in `buffer`, which
 * need not be initialised: leave it in place and untouched for as long as you use the decoder or its header. A header
 * that does not fit fails with `REALPEER_STATUS_NO_SPACE` as soon as its length is known; 536 bytes are enough for most.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_decoder_init(struct realpeer_decoder *decoder,
                                           size_t size,
                                           const struct realpeer_config *config,
                                           void *buffer,
                                           size_t buffer_len);

/**
 * Consumes header bytes from the front of `bytes`, and writes how many to `taken`: all of them, unless the header ends
 * earlier or is invalid. The remaining bytes are payload.
 *
 * Returns what `realpeer_decoder_status` returns. `taken` may not be NULL; it is set to 0 if an argument is wrong. Does
 * not change `errno`.
 */
enum realpeer_status realpeer_decoder_push(struct realpeer_decoder *decoder,
                                           const void *bytes,
                                           size_t len,
                                           size_t *taken);

/**
 * Tells the decoder that no more bytes will arrive. If the header is incomplete, the result is
 * `REALPEER_STATUS_CLOSED` if nothing had arrived, and `REALPEER_STATUS_TRUNCATED` otherwise.
 *
 * Returns what `realpeer_decoder_status` returns. Does not change `errno`.
 */
enum realpeer_status realpeer_decoder_push_eof(struct realpeer_decoder *decoder);

/**
 * Writes to `slot` and `len` where to read the next bytes to. The slot is never longer than the rest of the header, so
 * a read into it can't take payload. It may be shorter than `min` of `realpeer_decoder_status`.
 *
 * The slot is part of the decoder's buffer, and valid until the next call with the decoder. After reading into it, call
 * `realpeer_decoder_received`. Once there is a header or an error, `slot` is NULL and `len` is 0.
 *
 * Returns what `realpeer_decoder_status` returns. Does not change `errno`.
 */
enum realpeer_status realpeer_decoder_read_slot(struct realpeer_decoder *decoder,
                                                void **slot,
                                                size_t *len);

/**
 * Tells the decoder that `n` bytes were read into the front of the slot. If `n` is more than the slot can hold, the
 * decoder fails with `REALPEER_STATUS_ARGUMENT`, and stays that way.
 *
 * Returns what `realpeer_decoder_status` returns. Does not change `errno`.
 */
enum realpeer_status realpeer_decoder_received(struct realpeer_decoder *decoder,
                                               size_t n);

/**
 * Returns the state of the decoder:
 * - `REALPEER_STATUS_DONE`: the header is complete. This is final.
 * - `REALPEER_STATUS_NEED_DATA`: at least `min` more bytes belong to the header, so a read of that size can't take
 *   payload.
 * - An error: no header begins with the bytes so far. This is final.
 *
 * Only `realpeer_decoder_push`, `_push_eof` and `_received` change the state. `min` may be NULL; it is set to 0 unless
 * more bytes are needed. Does not change `errno`.
 */
enum realpeer_status realpeer_decoder_status(struct realpeer_decoder *decoder,
                                             size_t *min);

/**
 * Fills `header` once the header is complete. `size` is `sizeof *header`. `header->tlvs` points into the decoder's
 * buffer.
 *
 * Returns what `realpeer_decoder_status` returns; `header` is filled if that is `REALPEER_STATUS_DONE`. Does not change
 * `errno`.
 */
enum realpeer_status realpeer_decoder_header(struct realpeer_decoder *decoder,
                                             struct realpeer_header *header,
                                             size_t size);

/**
 * Fills `error` with the error that the decoder failed with. `size` is `sizeof *error`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the decoder has not failed. Does not change `errno`.
 */
enum realpeer_status realpeer_decoder_error(struct realpeer_decoder *decoder,
                                            struct realpeer_error *error,
                                            size_t size);

/**
 * Encodes a header to the front of `out`, and writes its length to `len`. 536 bytes are enough for most headers, 107
 * for any header of version 1.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NO_SPACE` if `out_len` is too small. `len` is then set to the length needed, so a call with `out`
 *   NULL and `out_len` 0 asks for it;
 * - `REALPEER_STATUS_NOT_ENCODABLE` if no header can express this;
 * - `REALPEER_STATUS_TLV` if `tlvs` are not valid TLVs, or a receiver would reject them.
 *
 * On failure `out` holds no header. `error` may be NULL; `error_size` is `sizeof *error`. Keeps no pointer to
 * `encoding`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_encode(const struct realpeer_encoding *encoding,
                                     void *out,
                                     size_t out_len,
                                     size_t *len,
                                     struct realpeer_error *error,
                                     size_t error_size);

/**
 * Initialises `handshake` for a connection that `accept` returned: looks up its peer in the trust list, and starts the
 * deadline.
 *
 * `size` is `sizeof *handshake`. `config->trust` is required: there is no default for whom to trust. `peer` is what
 * `accept` wrote; it is copied. The handshake keeps the header in `buffer`: leave that in place and untouched for as
 * long as you use the handshake or its header. `now_ms` is the time in milliseconds by any clock that never goes
 * backwards, such as `realpeer_now_ms`.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. For an untrusted peer too: `realpeer_handshake_run`
 * reports it. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_handshake_init(struct realpeer_handshake *handshake,
                                             size_t size,
                                             const struct realpeer_config *config,
                                             const struct sockaddr *peer,
                                             socklen_t peer_len,
                                             void *buffer,
                                             size_t buffer_len,
                                             uint64_t now_ms);

/**
 * Continues to read the header from the socket `fd`. Never blocks, even if the socket is in blocking mode. `size` is
 * `sizeof *established`.
 *
 * Only the header is taken from the socket: the function peeks, then reads exactly the bytes of the header. It reads
 * nothing from a refused or bypassed peer. `fd` stays open, on success and on failure.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`: `established` is filled, and the next byte from `fd` is payload. This is final;
 * - `REALPEER_STATUS_NEED_DATA`: call again when `fd` is readable (level- or edge-triggered), but no later than the time
 *   that `realpeer_handshake_deadline` returns;
 * - `REALPEER_STATUS_IO`: `recv` failed; `errno` is the reason;
 * - another error: close the connection. `realpeer_handshake_error` has the details.
 *
 * `errno` is meaningful only after `REALPEER_STATUS_IO`.
 */
enum realpeer_status realpeer_handshake_run(struct realpeer_handshake *handshake,
                                            int fd,
                                            uint64_t now_ms,
                                            struct realpeer_established *established,
                                            size_t size);

/**
 * Returns when to call `realpeer_handshake_run` if nothing arrives, by the clock of `now_ms`. It stays the same until
 * the handshake has ended, and is `UINT64_MAX` from then on.
 *
 * Does not change `errno`.
 */
uint64_t realpeer_handshake_deadline(struct realpeer_handshake *handshake);

/**
 * Fills `header` once the handshake is done, for its TLVs. `size` is `sizeof *header`. `header->tlvs` points into the
 * handshake's buffer.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if there is no header: the handshake is not done, or
 * the peer was bypassed. Does not change `errno`.
 */
enum realpeer_status realpeer_handshake_header(struct realpeer_handshake *handshake,
                                               struct realpeer_header *header,
                                               size_t size);

/**
 * Writes to `bytes` and `len` what has been read from the socket so far. On success that is the header. After an error,
 * these bytes followed by what is still in the socket are everything that the peer sent.
 *
 * The bytes are part of the handshake's buffer, and valid until the next call with the handshake.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Does not change `errno`.
 */
enum realpeer_status realpeer_handshake_taken(struct realpeer_handshake *handshake,
                                              const void **bytes,
                                              size_t *len);

/**
 * Fills `error` with the error that `realpeer_handshake_run` failed with. `size` is `sizeof *error`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if it has not failed. Does not change `errno`.
 */
enum realpeer_status realpeer_handshake_error(struct realpeer_handshake *handshake,
                                              struct realpeer_error *error,
                                              size_t size);

/**
 * Returns the time of `CLOCK_MONOTONIC` in milliseconds. Thread-safe; does not change `errno`.
 */
uint64_t realpeer_now_ms(void);

/**
 * Parses the header at the front of `bytes`. It keeps no state: given more bytes, it starts over. Where bytes arrive bit
 * by bit, use a decoder.
 *
 * `config` may be NULL for the defaults. `size` is `sizeof *header`; `header` need not be initialised.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`: `header` is filled, and payload starts at `bytes + header->len`;
 * - `REALPEER_STATUS_NEED_DATA`: the bytes are the beginning of a header;
 * - an error: no header begins with these bytes. `realpeer_parse_error` has the details.
 *
 * `header->tlvs` points into `bytes`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_parse(const void *bytes,
                                    size_t len,
                                    const struct realpeer_config *config,
                                    struct realpeer_header *header,
                                    size_t size);

/**
 * Fills `error` with the error that `realpeer_parse` returns for the same bytes and config. `size` is `sizeof *error`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the bytes are a header or the beginning of one.
 * Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_parse_error(const void *bytes,
                                          size_t len,
                                          const struct realpeer_config *config,
                                          struct realpeer_error *error,
                                          size_t size);

/**
 * Parses the header of a datagram. Every datagram has its own; payload starts at `datagram + header->len`.
 *
 * Ask `realpeer_trust_verdict` about the sender first. `config` may be NULL for the defaults. `size` is
 * `sizeof *header`; `header` need not be initialised.
 *
 * Returns `REALPEER_STATUS_DONE` or an error; `realpeer_parse_datagram_error` has the details. A datagram that ends
 * within its header fails with `REALPEER_STATUS_TRUNCATED`. `header->tlvs` points into `datagram`. Thread-safe; does not
 * change `errno`.
 */
enum realpeer_status realpeer_parse_datagram(const void *datagram,
                                             size_t len,
                                             const struct realpeer_config *config,
                                             struct realpeer_header *header,
                                             size_t size);

/**
 * Fills `error` with the error that `realpeer_parse_datagram` returns for the same datagram and config. `size` is
 * `sizeof *error`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the datagram has a valid header. Thread-safe; does
 * not change `errno`.
 */
enum realpeer_status realpeer_parse_datagram_error(const void *datagram,
                                                   size_t len,
                                                   const struct realpeer_config *config,
                                                   struct realpeer_error *error,
                                                   size_t size);

/**
 * Returns a short text for `status`, one of `enum realpeer_status`; for any other number, "unknown status".
 *
 * The text is a constant: it is never NULL and must not be freed. The `_error` functions have longer texts, with what was
 * found and where. Thread-safe; does not change `errno`.
 */
const char *realpeer_status_text(int32_t status);

/**
 * Returns the version of the library, such as "0.1.0". The text is a constant and must not be freed.
 *
 * Thread-safe; does not change `errno`.
 */
const char *realpeer_version(void);

/**
 * Writes the next TLV to `tlv`. Set `*position` to 0 before the first call; each call advances it.
 *
 * `tlvs` and `len` come from a header or from a `struct realpeer_ssl`.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NOT_FOUND` after the last TLV;
 * - `REALPEER_STATUS_TLV` if there is no valid TLV at `*position`. The TLVs of a header are always valid.
 *
 * Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_tlv_next(const void *tlvs,
                                       size_t len,
                                       size_t *position,
                                       struct realpeer_tlv *tlv);

/**
 * Writes the first TLV of type `kind` to `tlv`.
 *
 * Returns what `realpeer_tlv_next` returns: `REALPEER_STATUS_NOT_FOUND` if no TLV has that type. Thread-safe; does not
 * change `errno`.
 */
enum realpeer_status realpeer_tlv_find(const void *tlvs,
                                       size_t len,
                                       uint8_t kind,
                                       struct realpeer_tlv *tlv);

/**
 * Parses the value of an SSL TLV (type 0x20) into `ssl`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_TLV` if the value is shorter than 5 bytes or the TLVs inside do not
 * fill the rest. `ssl->tlvs` points into `value`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_ssl_parse(const void *value,
                                        size_t len,
                                        struct realpeer_ssl *ssl);

/**
 * Appends a TLV to the TLVs in the first `*used` bytes of `room`, and adds its length to `*used`. Set `*used` to 0 before
 * the first call. Pass the result to `realpeer_encode`, or to `realpeer_ssl_append` for TLVs inside an SSL TLV.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NO_SPACE` if the TLV does not fit in `room`;
 * - `REALPEER_STATUS_NOT_ENCODABLE` if the value is longer than 65,535 bytes.
 *
 * On failure nothing changes. `value` must not overlap the unused part of `room`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_tlv_append(void *room,
                                         size_t room_len,
                                         size_t *used,
                                         uint8_t kind,
                                         const void *value,
                                         size_t len);

/**
 * Appends an SSL TLV (type 0x20) that contains `tlvs`, as `realpeer_tlv_append` does.
 *
 * `client` and `verify` are as in `struct realpeer_ssl`. Returns what `realpeer_tlv_append` returns, and
 * `REALPEER_STATUS_TLV` if `tlvs` are not valid TLVs.
 */
enum realpeer_status realpeer_ssl_append(void *room,
                                         size_t room_len,
                                         size_t *used,
                                         uint8_t client,
                                         uint32_t verify,
                                         const void *tlvs,
                                         size_t tlvs_len);

/**
 * Initialises `trust` as an empty list, overwriting whatever it held. An empty list trusts nobody.
 *
 * `size` is `sizeof *trust`. `networks` has space for `capacity` networks: leave it in place and untouched for as long as
 * you use the list. It may be NULL if `capacity` is 0.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; does not change `errno`.
 */
enum realpeer_status realpeer_trust_init(struct realpeer_trust *trust,
                                         size_t size,
                                         struct realpeer_network *networks,
                                         size_t capacity);

/**
 * Trusts the peers that `text` names: an address (`192.0.2.1`), a network (`10.0.0.0/8`, `2001:db8::/32`), `unix` for
 * UNIX sockets, `anyone`, `nobody`, or several of these separated by commas. Use `anyone` only if nothing but the proxy
 * can reach the server: a trusted peer can claim any address.
 *
 * An IPv4-mapped address counts as the IPv4 address, in the list and for peers. A network with bits set beyond its
 * prefix is rejected.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NOT_A_NETWORK`: `error` has the part of the text that is wrong, and why;
 * - `REALPEER_STATUS_NO_SPACE` if the list has no space for all the networks.
 *
 * On failure the list does not change. `error` may be NULL; `error_size` is `sizeof *error`. Keeps no pointer to `text`.
 * No other thread may use the list during the call. Does not change `errno`.
 */
enum realpeer_status realpeer_trust_add(struct realpeer_trust *trust,
                                        const char *text,
                                        struct realpeer_error *error,
                                        size_t error_size);

/**
 * Sets what to do with peers that are not trusted. `verdict` is `REALPEER_VERDICT_REFUSE`, the default, or
 * `REALPEER_VERDICT_BYPASS`: serve them under their own address, without reading a header.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. No other thread may use the list during the call. Does not
 * change `errno`.
 */
enum realpeer_status realpeer_trust_otherwise(struct realpeer_trust *trust,
                                              uint32_t verdict);

/**
 * Returns what to do with a connection or datagram from `peer`, the address that `accept`, `getpeername` or `recvfrom`
 * wrote.
 *
 * A wrong argument, or an address that is not IPv4, IPv6 or UNIX, is refused. Thread-safe; does not change `errno`.
 */
enum realpeer_verdict realpeer_trust_verdict(const struct realpeer_trust *trust,
                                             const struct sockaddr *peer,
                                             socklen_t peer_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REALPEER_H */
