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
 * An alignment in bytes that is enough for every object of this library.
 */
#define REALPEER_ALIGN 8

/**
 * The room for an error's text, the NUL at its end included.
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
 * What a call came to. Errors are negative, so `status < 0` asks for one.
 *
 * Values are never reused; a newer library may return values that an older header does not name.
 */
enum realpeer_status {
    /**
     * Done: the header is complete, or the call did what it says.
     */
    REALPEER_STATUS_DONE = 0,
    /**
     * More bytes are needed. A handshake is to be called again when the descriptor is readable, and at its deadline.
     */
    REALPEER_STATUS_NEED_DATA = 1,
    /**
     * There is nothing (more) to be found. Only TLV functions return it.
     */
    REALPEER_STATUS_NOT_FOUND = 2,
    /**
     * No header: the bytes begin with no signature, or with that of a version that is not accepted.
     */
    REALPEER_STATUS_NO_HEADER = -1,
    /**
     * The version 1 line breaks its grammar.
     */
    REALPEER_STATUS_V1 = -2,
    /**
     * The fixed part or the address block of a version 2 header is wrong.
     */
    REALPEER_STATUS_V2 = -3,
    /**
     * A TLV is malformed or does not fit.
     */
    REALPEER_STATUS_TLV = -4,
    /**
     * The CRC32C is not that of the header.
     */
    REALPEER_STATUS_CRC32C = -5,
    /**
     * The header is longer than the limit.
     */
    REALPEER_STATUS_TOO_LONG = -6,
    /**
     * The peer closed the connection without a byte, as bare TCP health checks do. Nothing to worry about.
     */
    REALPEER_STATUS_CLOSED = -7,
    /**
     * The peer closed the connection in the middle of its header, or the datagram ended there.
     */
    REALPEER_STATUS_TRUNCATED = -8,
    /**
     * The deadline passed before the header was complete.
     */
    REALPEER_STATUS_TIMED_OUT = -9,
    /**
     * The peer is not trusted. Not a byte was read.
     */
    REALPEER_STATUS_REFUSED = -10,
    /**
     * A system call failed; `errno` says why.
     */
    REALPEER_STATUS_IO = -11,
    /**
     * The caller's mistake: NULL, a misaligned pointer, a wrong size, an unknown value, an object that was never
     * initialised, or a call that its documentation rules out.
     */
    REALPEER_STATUS_ARGUMENT = -12,
    /**
     * The caller's memory is too small: for the result, or for a header that the limit allows.
     */
    REALPEER_STATUS_NO_SPACE = -13,
    /**
     * No header can say what was asked for.
     */
    REALPEER_STATUS_NOT_ENCODABLE = -14,
    /**
     * The text is neither an IP address, nor a network, nor `unix`, nor `anyone`.
     */
    REALPEER_STATUS_NOT_A_NETWORK = -15,
};

/**
 * What to do with a peer.
 */
enum realpeer_verdict {
    /**
     * Close the connection: the peer is not trusted. Also the answer to a wrong argument.
     */
    REALPEER_VERDICT_REFUSE = 0,
    /**
     * The peer is a trusted proxy: it must send a header, and is believed.
     */
    REALPEER_VERDICT_REQUIRE = 1,
    /**
     * The peer is no proxy: it must not send a header. What looks like one is payload.
     */
    REALPEER_VERDICT_BYPASS = 2,
};

/**
 * Which versions of the protocol are accepted.
 */
enum realpeer_versions {
    /**
     * Both.
     */
    REALPEER_VERSIONS_ANY = 0,
    /**
     * Version 1 only, the line of text.
     */
    REALPEER_VERSIONS_V1 = 1,
    /**
     * Version 2 only, the binary header.
     */
    REALPEER_VERSIONS_V2 = 2,
};

/**
 * The command of a header, as it is numbered in version 2.
 */
enum realpeer_command {
    /**
     * The proxy itself opened the connection, as for a health check: the real endpoints count.
     */
    REALPEER_COMMAND_LOCAL = 0,
    /**
     * The connection was opened for somebody else.
     */
    REALPEER_COMMAND_PROXY = 1,
};

/**
 * The transport of the connection that a header speaks of, as it is numbered in version 2.
 */
enum realpeer_transport {
    /**
     * Not said.
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
 * A header in the making: bytes go in as they arrive, the header comes out.
 *
 * Whole, byte by byte or split anywhere: the same header, the same error. No byte beyond the header is taken.
 *
 * It lives in the caller's memory, needs no release, and may be moved with `memcpy`. Two copies of one decoder share
 * its buffer, so only one may be used. One thread at a time may use it.
 */
struct realpeer_decoder {
    uint64_t opaque[32];
};

/**
 * A list of proxies that are believed. All others are refused, unless `realpeer_trust_otherwise` was called.
 *
 * It lives in the caller's memory and needs no release. Once it is filled it is only read, and any number of threads
 * may use it at the same time. Copies share their networks.
 */
struct realpeer_trust {
    uint64_t opaque[8];
};

/**
 * What a receiver accepts, and how long it waits. 0 means the default in every field but `size`.
 *
 * Fill it with zeros, set `size`, then what differs: `struct realpeer_config config = {sizeof config};`. It is only
 * read, and only during the call that it is handed to; `trust` is asked during that call too. Where a function takes
 * one, NULL stands for all defaults.
 */
struct realpeer_config {
    /**
     * `sizeof(struct realpeer_config)`.
     */
    size_t size;
    /**
     * Whom to believe. Handshakes need it, nothing else looks at it.
     */
    const struct realpeer_trust *trust;
    /**
     * The versions accepted, one of `enum realpeer_versions`.
     */
    uint32_t versions;
    /**
     * The longest header accepted, in bytes; by default 4096. Below 536 real headers may not fit. A longer one is
     * `REALPEER_STATUS_TOO_LONG`; one that the limit allows and the buffer can't hold `REALPEER_STATUS_NO_SPACE`.
     */
    uint32_t max_header_len;
    /**
     * The time for the whole header, in milliseconds; by default 5000, at most a day. Only handshakes look at it.
     */
    uint32_t timeout_ms;
    /**
     * Not 0: a CRC32C in a header is not compared. For fuzzers, and where something else vouches for the bytes.
     */
    uint32_t ignore_crc32c;
};

/**
 * A header that has been checked: length, grammar, TLVs and CRC32C. Set `size` before it is filled.
 *
 * What it says is the sender's word: whether to believe the sender is a matter of trust, not of parsing.
 *
 * `tlvs` points into the bytes that the header was read from (the input of `realpeer_parse`, the buffer of a decoder
 * or handshake) and is good for as long as those are unchanged. All else is copied.
 */
struct realpeer_header {
    /**
     * `sizeof(struct realpeer_header)`, set by the caller.
     */
    size_t size;
    /**
     * The length of the header in bytes. What follows it is payload.
     */
    size_t len;
    /**
     * The TLVs for `realpeer_tlv_next`; NULL if there are none.
     */
    const void *tlvs;
    /**
     * The length of the TLVs in bytes.
     */
    size_t tlvs_len;
    /**
     * 1 or 2.
     */
    uint32_t version;
    /**
     * One of `enum realpeer_command`.
     */
    uint32_t command;
    /**
     * One of `enum realpeer_transport`.
     */
    uint32_t transport;
    /**
     * How many bytes of `source` are filled; 0 where the connection's real source counts: LOCAL, UNKNOWN, UNSPEC.
     */
    socklen_t source_len;
    /**
     * How many bytes of `destination` are filled; 0 where the connection's real destination counts.
     */
    socklen_t destination_len;
    /**
     * Where the connection came from. Only `source_len` bytes are written. The name of a UNIX socket may fill
     * `sun_path` without a NUL at its end, and may hold a NUL anywhere.
     */
    struct sockaddr_storage source;
    /**
     * Where the connection was going. Only `destination_len` bytes are written.
     */
    struct sockaddr_storage destination;
};

/**
 * What went wrong, and where. Set `size` before it is filled.
 */
struct realpeer_error {
    /**
     * `sizeof(struct realpeer_error)`, set by the caller.
     */
    size_t size;
    /**
     * One of `enum realpeer_status`.
     */
    int32_t status;
    /**
     * How many bytes of the header were good: where the byte stands, or the field begins, that is wrong. For
     * `REALPEER_STATUS_TRUNCATED` and `REALPEER_STATUS_TIMED_OUT`, how many arrived.
     */
    uint32_t offset;
    /**
     * A sentence for a log in ASCII, without a full stop and ended by a NUL: what happened and what to check.
     */
    char text[REALPEER_ERROR_TEXT_SIZE];
};

/**
 * What is to be written as a header. Fill it with zeros, set `size`, then what is to be said.
 *
 * Send the header at once, before or together with the first payload: receivers may refuse one that comes in pieces.
 */
struct realpeer_encoding {
    /**
     * `sizeof(struct realpeer_encoding)`.
     */
    size_t size;
    /**
     * Where the connection came from, and where it was going: both IPv4, both IPv6, or both UNIX. NULL for both says
     * that there is nobody else behind the connection, as for a health check: LOCAL, in version 1 UNKNOWN.
     */
    const struct sockaddr *source;
    /**
     * See `source`.
     */
    const struct sockaddr *destination;
    /**
     * TLVs that `realpeer_tlv_append` has written, or those of a decoded header; NULL if there are none. Version 2
     * only. The value of a CRC32C among them must have 4 bytes, which are ignored: the checksum is put there.
     */
    const void *tlvs;
    /**
     * The length of the TLVs in bytes.
     */
    size_t tlvs_len;
    /**
     * Not 0: the header is filled up to this length in all with a NOOP TLV. Version 2 only.
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
     * Not 0: the addresses are those of datagrams. Version 2 only.
     */
    uint32_t dgram;
    /**
     * Not 0: a CRC32C comes before the other TLVs, unless there is one among them. Version 2 only.
     */
    uint32_t add_crc32c;
};

/**
 * A connection that has been accepted and whose header is being read: policy, decoder and deadline.
 *
 * It lives in the caller's memory, needs no release, and may be moved with `memcpy`. Two copies of one handshake share
 * its buffer, so only one may be used. One thread at a time may use it.
 */
struct realpeer_handshake {
    uint64_t opaque[64];
};

/**
 * Who is at the ends of a connection. Set `size` before it is filled.
 */
struct realpeer_established {
    /**
     * `sizeof(struct realpeer_established)`, set by the caller.
     */
    size_t size;
    /**
     * 1 if there was a header; 0 if the policy bypassed the peer.
     */
    uint32_t has_header;
    /**
     * 1 if `source` and `destination` are the header's; 0 if they are the connection's own, since there was no header
     * or it names none: LOCAL, UNKNOWN, UNSPEC.
     */
    uint32_t from_header;
    /**
     * How many bytes of `source` are filled.
     */
    socklen_t source_len;
    /**
     * How many bytes of `destination` are filled; 0 if the system doesn't tell the socket's own address.
     */
    socklen_t destination_len;
    /**
     * Where the connection came from. Only `source_len` bytes are written. The name of a UNIX socket may fill
     * `sun_path` without a NUL at its end, and may hold a NUL anywhere.
     */
    struct sockaddr_storage source;
    /**
     * Where the connection was going. Only `destination_len` bytes are written.
     */
    struct sockaddr_storage destination;
};

/**
 * One TLV. The value points into the bytes that it was found in.
 */
struct realpeer_tlv {
    /**
     * The value: `len` bytes, not ended by a NUL.
     */
    const void *value;
    /**
     * The length of the value in bytes.
     */
    size_t len;
    /**
     * The type, `PP2_TYPE_ALPN` (0x01) and so on.
     */
    uint8_t kind;
};

/**
 * What a proxy says of the client's TLS connection: the value of a TLV of type 0x20.
 */
struct realpeer_ssl {
    /**
     * The TLVs within, for `realpeer_tlv_next`: 0x21 the TLS version, 0x22 the common name, and so on.
     */
    const void *tlvs;
    /**
     * The length of the TLVs within, in bytes.
     */
    size_t tlvs_len;
    /**
     * The result of verifying the client's certificate, 0 if it was good. By itself it says nothing: HAProxy sends 0
     * also when there was no certificate.
     */
    uint32_t verify;
    /**
     * The flags: 1 the client connected over TLS, 2 it gave a certificate on this connection, 4 or earlier in its TLS
     * session.
     */
    uint8_t client;
    /**
     * 1 if the client gave a certificate and the proxy verified it, else 0. Ask this, not `verify`.
     */
    uint8_t has_verified_client_certificate;
};

/**
 * Room for one network of a trust list; not to be looked at.
 */
struct realpeer_network {
    uint64_t opaque[4];
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a decoder in `decoder`, overwriting what is there.
 *
 * `size` is `sizeof *decoder`. `config` may be NULL for the defaults. Headers are kept in `buffer`, which must stay
 * where it is, and belong to the decoder, for as long as decoder or header are in use; it need not be initialised. A
 * header that is longer is `REALPEER_STATUS_NO_SPACE` as soon as that is known; 536 bytes are enough for most.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_init(struct realpeer_decoder *decoder,
                                           size_t size,
                                           const struct realpeer_config *config,
                                           void *buffer,
                                           size_t buffer_len);

/**
 * Takes header bytes off the front of `bytes`, and writes to `taken` how many: all of them, unless the header ends
 * before or can't be one. Bytes that are not taken are the caller's.
 *
 * Returns as `realpeer_decoder_status`. `taken` may not be NULL; it is 0 if an argument is wrong. `errno` is left
 * alone.
 */
enum realpeer_status realpeer_decoder_push(struct realpeer_decoder *decoder,
                                           const void *bytes,
                                           size_t len,
                                           size_t *taken);

/**
 * Says that no more bytes will come. Without a complete header that is `REALPEER_STATUS_CLOSED` if there was not a
 * byte, else `REALPEER_STATUS_TRUNCATED`.
 *
 * Returns as `realpeer_decoder_status`. `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_push_eof(struct realpeer_decoder *decoder);

/**
 * Writes to `slot` and `len` where the next bytes may be read to: never more than is still header, so reading into it
 * can't take a byte of payload. It may be shorter than `min` of `realpeer_decoder_status`.
 *
 * The slot is part of the decoder's buffer, and good until the next call with the decoder. After reading into it, call
 * `realpeer_decoder_received`. Once there is a header or an error, `len` is 0 and `slot` NULL.
 *
 * Returns as `realpeer_decoder_status`. `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_read_slot(struct realpeer_decoder *decoder,
                                                void **slot,
                                                size_t *len);

/**
 * Says that `n` bytes were written to the front of the slot. More than it could hold is the caller's mistake, which
 * ends the decoder with `REALPEER_STATUS_ARGUMENT`.
 *
 * Returns as `realpeer_decoder_status`. `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_received(struct realpeer_decoder *decoder,
                                               size_t n);

/**
 * Returns how far the decoder is:
 * - `REALPEER_STATUS_DONE`: the header is complete, and stays so;
 * - `REALPEER_STATUS_NEED_DATA`: at least `min` bytes are missing, so that a read of that size can't take payload;
 * - an error, as soon as no header can begin with the bytes so far. It stays.
 *
 * The answer changes only with `realpeer_decoder_push`, `_push_eof` and `_received`. `min` may be NULL, and is 0 unless more bytes are needed.
 * `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_status(struct realpeer_decoder *decoder,
                                             size_t *min);

/**
 * Fills `header` once the header is complete. `header->tlvs` points into the decoder's buffer.
 *
 * Returns `REALPEER_STATUS_DONE`, `REALPEER_STATUS_NEED_DATA` as long as the header is not complete, or an error, as
 * `realpeer_decoder_status`. `errno` is left alone.
 */
enum realpeer_status realpeer_decoder_header(struct realpeer_decoder *decoder,
                                             struct realpeer_header *header);

/**
 * Fills `error` with the decoder's error.
 *
 * Returns `REALPEER_STATUS_DONE` if it did, and `REALPEER_STATUS_NOT_FOUND` if the decoder has none. `errno` is left
 * alone.
 */
enum realpeer_status realpeer_decoder_error(struct realpeer_decoder *decoder,
                                            struct realpeer_error *error);

/**
 * Writes a header to the front of `out`, and its length to `len`. 536 bytes are room enough for most headers, 107 for
 * all of version 1.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NO_SPACE` if `out_len` is too small: `len` is then what is needed, so that a first call with
 *   NULL and 0 asks for it;
 * - `REALPEER_STATUS_NOT_ENCODABLE` if no header can say it;
 * - `REALPEER_STATUS_TLV` if `tlvs` are no TLVs, or a receiver would refuse them.
 *
 * After an error `out` holds no header. `error` may be NULL. Nothing of `encoding` is kept. Thread-safe; `errno` is
 * left alone.
 */
enum realpeer_status realpeer_encode(const struct realpeer_encoding *encoding,
                                     void *out,
                                     size_t out_len,
                                     size_t *len,
                                     struct realpeer_error *error);

/**
 * Begins with a connection that `accept` returned: asks the policy about its peer, and starts the clock.
 *
 * `size` is `sizeof *handshake`. `config->trust` must say whom to believe: there is no default. `peer` is what `accept`
 * wrote, and is copied. Headers are kept in `buffer`, as `realpeer_decoder_init` does: it must stay where it is, and
 * belong to the handshake, for as long as handshake or header are in use. `now_ms` is the time in milliseconds by any
 * clock that never goes back, such as `realpeer_now_ms`.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_ARGUMENT`. That the peer is refused, `realpeer_handshake_run`
 * reports. Thread-safe; `errno` is left alone.
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
 * Reads on from the socket `fd`, and never waits, whether the socket is in non-blocking mode or not.
 *
 * Nothing but the header is taken out of the socket: it peeks, then reads exactly the bytes of the header. Of a peer
 * that is refused or bypassed nothing is read. `fd` stays the caller's, whatever comes of it.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`: `established` is filled, and what `fd` has now is payload. So it remains;
 * - `REALPEER_STATUS_NEED_DATA`: call again when `fd` is readable (level- or edge-triggered), and at the time that
 *   `realpeer_handshake_deadline` returns at the latest;
 * - `REALPEER_STATUS_IO`: `recv` failed with `errno`;
 * - another error: the connection is best closed. `realpeer_handshake_error` says more.
 *
 * `errno` has no meaning after anything but `REALPEER_STATUS_IO`.
 */
enum realpeer_status realpeer_handshake_run(struct realpeer_handshake *handshake,
                                            int fd,
                                            uint64_t now_ms,
                                            struct realpeer_established *established);

/**
 * Returns the time, by the clock that `now_ms` is of, at which `realpeer_handshake_run` must be called if nothing
 * arrives; `UINT64_MAX` once the handshake has ended. Until then it never changes.
 *
 * `errno` is left alone.
 */
uint64_t realpeer_handshake_deadline(struct realpeer_handshake *handshake);

/**
 * Fills `header` once the handshake is done, to get at its TLVs. `header->tlvs` points into the handshake's buffer.
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if there is no header: the handshake is not done, or
 * the policy bypassed the peer. `errno` is left alone.
 */
enum realpeer_status realpeer_handshake_header(struct realpeer_handshake *handshake,
                                               struct realpeer_header *header);

/**
 * Writes to `bytes` and `len` what has been read from the socket so far, for whoever goes on with the connection after an
 * error: those bytes and what the socket still has are everything that the peer sent. After success they are the header.
 *
 * They are part of the handshake's buffer, and good until the next call with the handshake.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. `errno` is left alone.
 */
enum realpeer_status realpeer_handshake_taken(struct realpeer_handshake *handshake,
                                              const void **bytes,
                                              size_t *len);

/**
 * Fills `error` with why `realpeer_handshake_run` failed.
 *
 * Returns `REALPEER_STATUS_DONE` if it did, and `REALPEER_STATUS_NOT_FOUND` if there is nothing wrong. `errno` is left
 * alone.
 */
enum realpeer_status realpeer_handshake_error(struct realpeer_handshake *handshake,
                                              struct realpeer_error *error);

/**
 * Returns the time of `CLOCK_MONOTONIC` in milliseconds. Thread-safe; `errno` is left alone.
 */
uint64_t realpeer_now_ms(void);

/**
 * Reads the header that `bytes` begin with. It keeps nothing: with more bytes it starts again, for which a decoder is
 * the better choice.
 *
 * `config` may be NULL for the defaults, and so may `error` if nobody wants to know more than the status.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`: `header` is filled, and payload starts at `bytes + header->len`;
 * - `REALPEER_STATUS_NEED_DATA`: the bytes are the beginning of a header;
 * - an error as soon as no header can begin with the bytes; `error` is filled.
 *
 * `header->tlvs` points into `bytes`. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_parse(const void *bytes,
                                    size_t len,
                                    const struct realpeer_config *config,
                                    struct realpeer_header *header,
                                    struct realpeer_error *error);

/**
 * Reads the header of a datagram. Each datagram has its own; payload starts at `datagram + header->len`.
 *
 * Ask `realpeer_trust_verdict` about its sender first. `config` may be NULL for the defaults, and so may `error`.
 *
 * Returns `REALPEER_STATUS_DONE`, or an error; a datagram that ends within its header is
 * `REALPEER_STATUS_TRUNCATED`. `header->tlvs` points into `datagram`. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_parse_datagram(const void *datagram,
                                             size_t len,
                                             const struct realpeer_config *config,
                                             struct realpeer_header *header,
                                             struct realpeer_error *error);

/**
 * Returns a short text for `status`, which is one of `enum realpeer_status`; any other number is "unknown status".
 *
 * The text is a constant of the library: it is never NULL and must not be freed. The `_error` functions have longer
 * texts, which say what was found and where. Thread-safe; `errno` is left alone.
 */
const char *realpeer_status_text(int32_t status);

/**
 * Returns the library's version, such as "0.1.0": a constant of the library, which must not be freed.
 *
 * Thread-safe; `errno` is left alone.
 */
const char *realpeer_version(void);

/**
 * Writes the next TLV to `tlv`. `position` is 0 at first; each call moves it on.
 *
 * `tlvs` and `len` are those of a header or of a `struct realpeer_ssl`.
 *
 * Returns `REALPEER_STATUS_DONE`; at the end `REALPEER_STATUS_NOT_FOUND`; `REALPEER_STATUS_TLV` if the bytes are no
 * TLVs from there on, which never happens in those of a header. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_tlv_next(const void *tlvs,
                                       size_t len,
                                       size_t *position,
                                       struct realpeer_tlv *tlv);

/**
 * Writes the first TLV of this type to `tlv`.
 *
 * Returns `REALPEER_STATUS_DONE`; `REALPEER_STATUS_NOT_FOUND` if there is none; `REALPEER_STATUS_TLV` if the bytes
 * before it are no TLVs. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_tlv_find(const void *tlvs,
                                       size_t len,
                                       uint8_t kind,
                                       struct realpeer_tlv *tlv);

/**
 * Reads the value of an SSL TLV (type 0x20).
 *
 * Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_TLV` if the value is shorter than 5 bytes or the TLVs within do
 * not fill it. The TLVs point into `value`. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_ssl_parse(const void *value,
                                        size_t len,
                                        struct realpeer_ssl *ssl);

/**
 * Appends a TLV to those that fill the first `*used` bytes of `room`, and adds its length to `*used`, which is 0 at
 * first. The TLVs are then handed to `realpeer_encode`, or to `realpeer_ssl_append` if they belong in there.
 *
 * Returns `REALPEER_STATUS_DONE`; `REALPEER_STATUS_NO_SPACE` if it does not fit `room`;
 * `REALPEER_STATUS_NOT_ENCODABLE` if the value has more than 65,535 bytes. After an error all is as it was. `value`
 * must not lie in the part of `room` that is not used. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_tlv_append(void *room,
                                         size_t room_len,
                                         size_t *used,
                                         uint8_t kind,
                                         const void *value,
                                         size_t len);

/**
 * Appends an SSL TLV (type 0x20) with the TLVs `tlvs` within, as `realpeer_tlv_append` does.
 *
 * `client` and `verify` are as in `struct realpeer_ssl`. Returns as `realpeer_tlv_append`, and `REALPEER_STATUS_TLV`
 * if `tlvs` are no TLVs.
 */
enum realpeer_status realpeer_ssl_append(void *room,
                                         size_t room_len,
                                         size_t *used,
                                         uint8_t client,
                                         uint32_t verify,
                                         const void *tlvs,
                                         size_t tlvs_len);

/**
 * Makes an empty list in `trust`, overwriting what is there: it believes nobody.
 *
 * `size` is `sizeof *trust`. `networks` is room for `capacity` networks, which must stay where it is, and belong to
 * the list, for as long as that is in use; NULL if `capacity` is 0.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; `errno` is left alone.
 */
enum realpeer_status realpeer_trust_init(struct realpeer_trust *trust,
                                         size_t size,
                                         struct realpeer_network *networks,
                                         size_t capacity);

/**
 * Believes the peers that `text` names: an address (`192.0.2.1`), a network (`10.0.0.0/8`, `2001:db8::/32`), `unix`
 * for UNIX sockets, `anyone` for everybody, `nobody`, or several of these with commas between them. `anyone` is for servers that
 * nobody but the proxy can reach: otherwise anybody can claim any address.
 *
 * An IPv4-mapped address is the IPv4 address it maps, on both sides of a match. A network with bits set beyond its
 * prefix is refused.
 *
 * Returns
 * - `REALPEER_STATUS_DONE`;
 * - `REALPEER_STATUS_NOT_A_NETWORK`, and `error` says what is wrong with which part of the text;
 * - `REALPEER_STATUS_NO_SPACE` if the list has no room for all the networks.
 *
 * After an error the list is as it was. `error` may be NULL; nothing of `text` is kept. No other thread may use the
 * list meanwhile. `errno` is left alone.
 */
enum realpeer_status realpeer_trust_add(struct realpeer_trust *trust,
                                        const char *text,
                                        struct realpeer_error *error);

/**
 * Sets what to do with peers that are not believed: `verdict` is `REALPEER_VERDICT_REFUSE`, as it is at first, or
 * `REALPEER_VERDICT_BYPASS`, so that they are served as who they are and may send no header.
 *
 * Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. No other thread may use the list meanwhile. `errno` is
 * left alone.
 */
enum realpeer_status realpeer_trust_otherwise(struct realpeer_trust *trust,
                                              uint32_t verdict);

/**
 * Returns what to do with a peer, whose address is what `accept`, `getpeername` or `recvfrom` wrote.
 *
 * A wrong argument, and an address of another family than IPv4, IPv6 or UNIX, is refused. Thread-safe; `errno` is left
 * alone.
 */
enum realpeer_verdict realpeer_trust_verdict(const struct realpeer_trust *trust,
                                             const struct sockaddr *peer,
                                             socklen_t peer_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REALPEER_H */
