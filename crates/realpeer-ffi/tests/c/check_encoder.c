/* What is encoded is decoded to the same. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static unsigned char out[70000];

static struct realpeer_encoding nothing(void)
{
    struct realpeer_encoding encoding;

    memset(&encoding, 0, sizeof encoding);
    encoding.size = sizeof encoding;
    return encoding;
}

static struct sockaddr_in inet(const char *ip, uint16_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    CHECK(inet_pton(AF_INET, ip, &address.sin_addr) == 1);
    return address;
}

static void between(struct realpeer_encoding *encoding, const void *source, const void *destination, socklen_t len)
{
    encoding->source = (const struct sockaddr *)source;
    encoding->destination = (const struct sockaddr *)destination;
    encoding->source_len = encoding->destination_len = len;
}

/* Two mapped addresses are written as the IPv4 addresses they map, since receivers refuse them in a TCP6 header. */
static void unmap(struct realpeer_header *header)
{
    struct sockaddr_in6 *ends[2];
    struct sockaddr_in mapped;
    int i;

    ends[0] = (struct sockaddr_in6 *)&header->source;
    ends[1] = (struct sockaddr_in6 *)&header->destination;
    if (header->source_len != sizeof *ends[0] || ends[0]->sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&ends[0]->sin6_addr)
        || !IN6_IS_ADDR_V4MAPPED(&ends[1]->sin6_addr))
        return;
    for (i = 0; i < 2; i++) {
        memset(&mapped, 0, sizeof mapped);
        mapped.sin_family = AF_INET;
        mapped.sin_port = ends[i]->sin6_port;
        memcpy(&mapped.sin_addr, &ends[i]->sin6_addr.s6_addr[12], 4);
        memcpy(ends[i], &mapped, sizeof mapped);
    }
    header->source_len = header->destination_len = sizeof mapped;
}

/* A vector's header, decoded and encoded again, has the same meaning; and so has it in too small a buffer: none. */
static void check_again(const struct vector *vector)
{
    struct realpeer_config config = wide_config();
    struct realpeer_header header;
    struct realpeer_header again;
    struct realpeer_encoding encoding = nothing();
    size_t len;
    size_t needed;

    CHECK_FOR(realpeer_parse(vector->bytes, vector->len, &config, &header, sizeof header) == REALPEER_STATUS_DONE,
              vector->id);
    if (header.source_len > 0)
        between(&encoding, &header.source, &header.destination, header.source_len);
    encoding.destination_len = header.destination_len;
    encoding.version = header.version;
    encoding.dgram = header.transport == REALPEER_TRANSPORT_DGRAM;
    encoding.tlvs = header.tlvs;
    encoding.tlvs_len = header.tlvs_len;
    CHECK_FOR(realpeer_encode(&encoding, NULL, 0, &needed, NULL, 0) == REALPEER_STATUS_NO_SPACE, vector->id);
    CHECK_FOR(realpeer_encode(&encoding, out, needed - 1, &len, NULL, 0) == REALPEER_STATUS_NO_SPACE, vector->id);
    CHECK_FOR(len == needed, vector->id);
    out[needed] = 0xA5;
    CHECK_FOR(realpeer_encode(&encoding, out, sizeof out, &len, NULL, 0) == REALPEER_STATUS_DONE, vector->id);
    CHECK_FOR(len == needed && out[needed] == 0xA5, vector->id);
    CHECK_FOR(realpeer_parse(out, len, &config, &again, sizeof again) == REALPEER_STATUS_DONE, vector->id);
    CHECK_FOR(again.len == len && again.version == header.version && again.transport == header.transport, vector->id);
    unmap(&header);
    CHECK_FOR(again.source_len == header.source_len && again.tlvs_len == header.tlvs_len, vector->id);
    CHECK_FOR(memcmp(&again.source, &header.source, header.source_len) == 0, vector->id);
    CHECK_FOR(memcmp(&again.destination, &header.destination, header.destination_len) == 0, vector->id);
}

static void a_line_of_version_1(void)
{
    static const char expected[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
    struct sockaddr_in source = inet("192.0.2.1", 56324);
    struct sockaddr_in destination = inet("198.51.100.2", 443);
    struct realpeer_encoding encoding = nothing();
    size_t len;

    encoding.version = 1;
    between(&encoding, &source, &destination, sizeof source);
    CHECK(realpeer_encode(&encoding, out, 107, &len, NULL, 0) == REALPEER_STATUS_DONE);
    CHECK(len == sizeof expected - 1 && memcmp(out, expected, len) == 0);
    encoding = nothing();
    encoding.version = 1;
    CHECK(realpeer_encode(&encoding, out, 107, &len, NULL, 0) == REALPEER_STATUS_DONE);
    CHECK(len == 15 && memcmp(out, "PROXY UNKNOWN\r\n", len) == 0);
    encoding.add_crc32c = 1;
    CHECK(realpeer_encode(&encoding, out, 107, &len, NULL, 0) == REALPEER_STATUS_NOT_ENCODABLE && len == 0);
}

/* TLVs written, with an SSL tree among them, and read again. */
static void a_tree_of_tlvs(void)
{
    struct sockaddr_in source = inet("192.0.2.1", 1);
    struct sockaddr_in destination = inet("198.51.100.2", 2);
    struct realpeer_encoding encoding = nothing();
    struct realpeer_header header;
    struct realpeer_tlv tlv;
    struct realpeer_ssl ssl;
    unsigned char within[64];
    unsigned char room[128];
    size_t within_len = 0;
    size_t used = 0;
    size_t len;

    CHECK(realpeer_tlv_append(within, sizeof within, &within_len, 0x21, "TLSv1.3", 7) == REALPEER_STATUS_DONE);
    CHECK(realpeer_tlv_append(within, sizeof within, &within_len, 0x22, "alice", 5) == REALPEER_STATUS_DONE);
    CHECK(within_len == 18);
    CHECK(realpeer_tlv_append(room, sizeof room, &used, 0x02, "example.com", 11) == REALPEER_STATUS_DONE);
    CHECK(realpeer_ssl_append(room, sizeof room, &used, 3, 0, within, within_len) == REALPEER_STATUS_DONE);
    CHECK(used == 14 + 3 + 5 + 18);
    CHECK(realpeer_tlv_append(room, used + 2, &used, 0x04, NULL, 0) == REALPEER_STATUS_NO_SPACE && used == 40);
    CHECK(realpeer_tlv_append(room, used + 3, &used, 0x04, NULL, 0) == REALPEER_STATUS_DONE && used == 43);
    CHECK(realpeer_ssl_append(room, sizeof room, &used, 3, 0, within, within_len - 1) == REALPEER_STATUS_TLV);
    CHECK(realpeer_tlv_append(room, sizeof room, &used, 0x04, out, 65536) == REALPEER_STATUS_NOT_ENCODABLE);
    CHECK(used == 43);

    between(&encoding, &source, &destination, sizeof source);
    encoding.tlvs = room;
    encoding.tlvs_len = used;
    encoding.add_crc32c = 1;
    encoding.pad_to = 200;
    CHECK(realpeer_encode(&encoding, out, sizeof out, &len, NULL, 0) == REALPEER_STATUS_DONE && len == 200);
    CHECK(realpeer_parse(out, len, NULL, &header, sizeof header) == REALPEER_STATUS_DONE && header.len == 200);
    CHECK(realpeer_tlv_find(header.tlvs, header.tlvs_len, 0x03, &tlv) == REALPEER_STATUS_DONE && tlv.len == 4);
    CHECK(realpeer_tlv_find(header.tlvs, header.tlvs_len, 0x05, &tlv) == REALPEER_STATUS_NOT_FOUND);
    CHECK(realpeer_tlv_find(header.tlvs, header.tlvs_len, 0x20, &tlv) == REALPEER_STATUS_DONE && tlv.kind == 0x20);
    CHECK(realpeer_ssl_parse(tlv.value, tlv.len, &ssl) == REALPEER_STATUS_DONE);
    CHECK(ssl.client == 3 && ssl.verify == 0 && ssl.has_verified_client_certificate == 1 && ssl.tlvs_len == 18);
    CHECK(realpeer_tlv_find(ssl.tlvs, ssl.tlvs_len, 0x22, &tlv) == REALPEER_STATUS_DONE);
    CHECK(tlv.len == 5 && memcmp(tlv.value, "alice", 5) == 0);
    CHECK(realpeer_ssl_parse("\1\0\0\0", 4, &ssl) == REALPEER_STATUS_TLV);
    /* HAProxy says 0 for "verified" where there was no certificate. */
    CHECK(realpeer_ssl_parse("\1\0\0\0\0", 5, &ssl) == REALPEER_STATUS_DONE);
    CHECK(ssl.verify == 0 && ssl.has_verified_client_certificate == 0);

    /* A bit of it flipped. */
    out[20] ^= 1;
    CHECK(realpeer_parse(out, len, NULL, &header, sizeof header) == REALPEER_STATUS_CRC32C);
}

static void unix_names_and_datagrams(void)
{
    struct sockaddr_un names[2];
    struct realpeer_encoding encoding = nothing();
    struct realpeer_header header;
    size_t len;

    memset(names, 0, sizeof names);
    names[0].sun_family = names[1].sun_family = AF_UNIX;
    strcpy(names[0].sun_path, "/run/app.sock");
    memset(names[1].sun_path, 'x', sizeof names[1].sun_path);
    between(&encoding, &names[0], &names[1], sizeof names[0]);
    encoding.dgram = 1;
    CHECK(realpeer_encode(&encoding, out, sizeof out, &len, NULL, 0) == REALPEER_STATUS_DONE && len == 232);
    memcpy(out + len, "query", 5);
    CHECK(realpeer_parse_datagram(out, len + 5, NULL, &header, sizeof header) == REALPEER_STATUS_DONE);
    CHECK(header.len == len);
    CHECK(header.transport == REALPEER_TRANSPORT_DGRAM);
    CHECK(header.source_len == offsetof(struct sockaddr_un, sun_path) + 14);
    CHECK(memcmp(&header.source, &names[0], header.source_len) == 0);
    CHECK(header.destination_len == offsetof(struct sockaddr_un, sun_path) + 108);
    CHECK(memcmp(&header.destination, &names[1], header.destination_len) == 0);
    encoding.version = 1;
    CHECK(realpeer_encode(&encoding, out, sizeof out, &len, NULL, 0) == REALPEER_STATUS_NOT_ENCODABLE);
}

void check_encoder(void)
{
    size_t at;

    for (at = 0; at < vector_count; at++)
        if (all_vectors[at].expect == ACCEPT)
            check_again(&all_vectors[at]);
    a_line_of_version_1();
    a_tree_of_tlvs();
    unix_names_and_datagrams();
}
