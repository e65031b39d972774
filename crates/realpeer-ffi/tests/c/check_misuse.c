/* NULL, wrong sizes, misaligned pointers and objects that never were: errors, and nothing is touched. */
#include "check.h"

#include <netinet/in.h>

#define ARGUMENT REALPEER_STATUS_ARGUMENT

static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello";
static const unsigned char bare[28] = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10, 0x21, 0x11, 0, 12,
                                       192, 0, 2, 1, 198, 51, 100, 2, 220, 4, 1, 187};
static unsigned char buffer[536];

static void null_is_an_error_everywhere(void)
{
    struct realpeer_decoder decoder;
    struct realpeer_handshake handshake;
    struct realpeer_trust trust;
    struct realpeer_network network;
    struct realpeer_established established;
    struct realpeer_header header;
    struct realpeer_error error;
    struct realpeer_encoding encoding;
    struct realpeer_config config;
    struct realpeer_tlv tlv;
    struct realpeer_ssl ssl;
    struct sockaddr_in peer;
    size_t number = 7;
    void *slot = buffer;
    const void *taken;

    memset(&peer, 0, sizeof peer);
    peer.sin_family = AF_INET;
    memset(&encoding, 0, sizeof encoding);
    encoding.size = sizeof encoding;
    config = wide_config();

    CHECK(realpeer_parse(NULL, 1, NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse(NULL, 28, NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse(NULL, 0, NULL, &header, sizeof header) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_parse(line, sizeof line, NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_parse(bare, sizeof bare, NULL, NULL, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse(line, SIZE_MAX, NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse(bare, SIZE_MAX, NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse_error(NULL, 1, NULL, &error, sizeof error) == ARGUMENT);
    CHECK(realpeer_parse_error("GET", 3, NULL, NULL, sizeof error) == ARGUMENT);
    CHECK(realpeer_parse_datagram_error(NULL, 1, NULL, &error, sizeof error) == ARGUMENT);
    CHECK(realpeer_parse_datagram_error("GET", 3, NULL, NULL, sizeof error) == ARGUMENT);
    CHECK(realpeer_parse_datagram(NULL, 1, NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_parse_datagram(line, sizeof line, NULL, NULL, 0) == ARGUMENT);

    CHECK(realpeer_decoder_init(NULL, sizeof decoder, NULL, buffer, sizeof buffer) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, SIZE_MAX) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, 8, NULL, buffer, sizeof buffer) == ARGUMENT);
    CHECK(realpeer_decoder_push(NULL, line, 1, &number) == ARGUMENT && number == 0);
    CHECK(realpeer_decoder_push_eof(NULL) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(NULL, &slot, &number) == ARGUMENT && slot == NULL);
    CHECK(realpeer_decoder_received(NULL, 0) == ARGUMENT);
    CHECK(realpeer_decoder_status(NULL, &number) == ARGUMENT);
    CHECK(realpeer_decoder_header(NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_decoder_error(NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_decoder_push(&decoder, NULL, 1, &number) == ARGUMENT);
    CHECK(realpeer_decoder_push(&decoder, line, 1, NULL) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, NULL, &number) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, NULL) == ARGUMENT);
    CHECK(realpeer_decoder_status(&decoder, NULL) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_decoder_push(&decoder, NULL, 0, &number) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_decoder_push(&decoder, line, sizeof line - 1, &number) == REALPEER_STATUS_DONE && number == 45);
    CHECK(realpeer_decoder_header(&decoder, NULL, 0) == ARGUMENT);

    CHECK(realpeer_trust_init(NULL, sizeof trust, &network, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust - 64, &network, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, NULL, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, &network, SIZE_MAX) == ARGUMENT);
    CHECK(realpeer_trust_add(NULL, "unix", NULL, 0) == ARGUMENT);
    CHECK(realpeer_trust_otherwise(NULL, 0) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, &network, 1) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_trust_otherwise(&trust, REALPEER_VERDICT_REQUIRE) == ARGUMENT);
    CHECK(realpeer_trust_otherwise(&trust, 77) == ARGUMENT);

    /* There is no default for whom to believe. */
    CHECK(realpeer_handshake_init(&handshake, sizeof handshake, NULL, (struct sockaddr *)&peer, sizeof peer, buffer,
                                  sizeof buffer, 0) == ARGUMENT);
    CHECK(realpeer_handshake_init(&handshake, sizeof handshake, &config, (struct sockaddr *)&peer, sizeof peer, buffer,
                                  sizeof buffer, 0) == ARGUMENT);
    config.trust = &trust;
    CHECK(realpeer_handshake_init(NULL, sizeof handshake, &config, (struct sockaddr *)&peer, sizeof peer, buffer,
                                  sizeof buffer, 0) == ARGUMENT);
    CHECK(realpeer_handshake_init(&handshake, 16, &config, (struct sockaddr *)&peer, sizeof peer, buffer,
                                  sizeof buffer, 0) == ARGUMENT);
    CHECK(realpeer_handshake_init(&handshake, sizeof handshake, &config, NULL, sizeof peer, buffer, sizeof buffer, 0) ==
          ARGUMENT);
    CHECK(realpeer_handshake_init(&handshake, sizeof handshake, &config, (struct sockaddr *)&peer, sizeof peer, NULL, 0,
                                  0) == ARGUMENT);
    CHECK(realpeer_handshake_init(&handshake, sizeof handshake, &config, (struct sockaddr *)&peer, sizeof peer, buffer,
                                  sizeof buffer, 0) == REALPEER_STATUS_DONE);
    CHECK(realpeer_handshake_run(&handshake, 0, 0, NULL, 0) == ARGUMENT);
    CHECK(realpeer_handshake_run(NULL, 0, 0, &established, sizeof established) == ARGUMENT);
    CHECK(realpeer_handshake_header(NULL, &header, sizeof header) == ARGUMENT);
    CHECK(realpeer_handshake_taken(NULL, &taken, &number) == ARGUMENT);
    CHECK(realpeer_handshake_taken(&handshake, NULL, &number) == ARGUMENT);
    CHECK(realpeer_handshake_taken(&handshake, &taken, NULL) == ARGUMENT);
    CHECK(realpeer_handshake_error(NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_handshake_error(&handshake, NULL, 0) == ARGUMENT);
    CHECK(realpeer_handshake_deadline(NULL) == UINT64_MAX);

    CHECK(realpeer_tlv_next(NULL, 3, &number, &tlv) == ARGUMENT);
    number = 0;
    CHECK(realpeer_tlv_next(NULL, 0, &number, &tlv) == REALPEER_STATUS_NOT_FOUND);
    CHECK(realpeer_tlv_next("\4\0\0", 3, NULL, &tlv) == ARGUMENT);
    CHECK(realpeer_tlv_next("\4\0\0", 3, &number, NULL) == ARGUMENT);
    number = 4;
    CHECK(realpeer_tlv_next("\4\0\0", 3, &number, &tlv) == ARGUMENT);
    number = 0;
    CHECK(realpeer_tlv_next("\4\0\1", 3, &number, &tlv) == REALPEER_STATUS_TLV && number == 0);
    CHECK(realpeer_tlv_find("\4\0\0", 3, 4, NULL) == ARGUMENT);
    CHECK(realpeer_ssl_parse(NULL, 5, &ssl) == ARGUMENT);
    CHECK(realpeer_ssl_parse("\0\0\0\0\0", 5, NULL) == ARGUMENT);
    CHECK(realpeer_tlv_append(NULL, 10, &number, 4, NULL, 0) == ARGUMENT);
    CHECK(realpeer_tlv_append(buffer, 10, NULL, 4, NULL, 0) == ARGUMENT);
    CHECK(realpeer_tlv_append(buffer, 10, &number, 4, NULL, 1) == ARGUMENT);
    CHECK(realpeer_tlv_append(NULL, 0, &number, 4, NULL, 0) == REALPEER_STATUS_NO_SPACE);
    number = 11;
    CHECK(realpeer_tlv_append(buffer, 10, &number, 4, NULL, 0) == ARGUMENT);
    CHECK(realpeer_ssl_append(buffer, 10, &number, 0, 0, NULL, 1) == ARGUMENT);

    CHECK(realpeer_encode(NULL, buffer, sizeof buffer, &number, NULL, 0) == ARGUMENT);
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, NULL, NULL, 0) == ARGUMENT);
    encoding.source = (struct sockaddr *)&peer;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL, 0) == ARGUMENT);
    encoding.source_len = sizeof peer;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL, 0) == ARGUMENT);
    encoding.destination = (struct sockaddr *)&peer;
    encoding.destination_len = sizeof peer;
    encoding.version = 3;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL, 0) == ARGUMENT);
    encoding.version = 2;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL, 0) == REALPEER_STATUS_DONE);
}

static void what_was_never_initialised_is_an_error(void)
{
    struct realpeer_decoder decoder;
    struct realpeer_handshake handshake;
    struct realpeer_trust trust;
    struct realpeer_established established;
    struct realpeer_header header;
    size_t taken;
    int fill;

    for (fill = 0; fill < 256; fill += 51) {
        memset(&decoder, fill, sizeof decoder);
        memset(&handshake, fill, sizeof handshake);
        memset(&trust, fill, sizeof trust);
        CHECK(realpeer_decoder_push(&decoder, line, 1, &taken) == ARGUMENT);
        CHECK(realpeer_decoder_header(&decoder, &header, sizeof header) == ARGUMENT);
        CHECK(realpeer_handshake_run(&handshake, 0, 0, &established, sizeof established) == ARGUMENT);
        CHECK(realpeer_trust_add(&trust, "unix", NULL, 0) == ARGUMENT);
    }
    /* One object in the place of another. */
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add((struct realpeer_trust *)(void *)&decoder, "unix", NULL, 0) == ARGUMENT);
}

/* A caller of a later version has larger structs: what this one does not know must be zeros. */
static void structs_are_told_apart_by_size(void)
{
    struct {
        struct realpeer_config config;
        uint64_t more;
    } newer;
    struct {
        struct realpeer_header header;
        uint64_t more;
    } newer_header;
    struct realpeer_header header;
    struct realpeer_error error;
    size_t size;

    memset(&newer, 0, sizeof newer);
    for (size = 0; size < sizeof newer.config; size++) {
        newer.config.size = size;
        CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, sizeof header) == ARGUMENT);
    }
    newer.config.size = sizeof newer;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, sizeof header) == REALPEER_STATUS_DONE);
    newer.more = 1;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, sizeof header) == ARGUMENT);
    newer.config.size = SIZE_MAX;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, sizeof header) == ARGUMENT);
    newer.config.size = sizeof newer.config;
    newer.config.versions = 3;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, sizeof header) == ARGUMENT);

    for (size = 0; size < sizeof header; size++) {
        CHECK(realpeer_parse(line, sizeof line, NULL, &header, size) == ARGUMENT);
        CHECK(realpeer_parse(bare, sizeof bare, NULL, &header, size) == ARGUMENT);
        CHECK(realpeer_parse_datagram(bare, sizeof bare, NULL, &header, size) == ARGUMENT);
    }
    CHECK(realpeer_parse(line, sizeof line, NULL, &header, SIZE_MAX) == ARGUMENT);
    newer_header.more = 77;
    CHECK(realpeer_parse(line, sizeof line, NULL, &newer_header.header, sizeof newer_header) == REALPEER_STATUS_DONE);
    CHECK(newer_header.header.len == 45 && newer_header.more == 0);
    newer_header.more = 77;
    CHECK(realpeer_parse(bare, sizeof bare, NULL, &newer_header.header, sizeof newer_header) == REALPEER_STATUS_DONE);
    CHECK(newer_header.header.len == 28 && newer_header.more == 0);

    CHECK(realpeer_parse_error("GET", 3, NULL, &error, sizeof error - 1) == ARGUMENT);
    CHECK(realpeer_parse_error("GET", 3, NULL, &error, sizeof error) == REALPEER_STATUS_DONE);
    CHECK(error.status == REALPEER_STATUS_NO_HEADER);
    CHECK(realpeer_parse_datagram_error("GET", 3, NULL, &error, 0) == ARGUMENT);
}

/* The most common headers are read by code of their own, which obeys the limits too. */
static void bare_headers_obey_the_config(void)
{
    struct realpeer_config config = {sizeof config, NULL, REALPEER_VERSIONS_V2, 28, 0, 0};
    struct realpeer_header header;

    CHECK(realpeer_parse(bare, sizeof bare, &config, &header, sizeof header) == REALPEER_STATUS_DONE);
    CHECK(header.len == sizeof bare && header.source_len == sizeof(struct sockaddr_in));
    CHECK(realpeer_parse(bare, sizeof bare - 1, &config, &header, sizeof header) == REALPEER_STATUS_NEED_DATA);
    config.max_header_len = 27;
    CHECK(realpeer_parse(bare, sizeof bare, &config, &header, sizeof header) == REALPEER_STATUS_TOO_LONG);
    config.max_header_len = 28;
    config.versions = REALPEER_VERSIONS_V1;
    CHECK(realpeer_parse(bare, sizeof bare, &config, &header, sizeof header) == REALPEER_STATUS_NO_HEADER);
}

static void a_lie_about_the_slot_ends_the_decoder(void)
{
    struct realpeer_decoder decoder;
    struct realpeer_error error;
    void *slot;
    size_t len;

    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, &len) == REALPEER_STATUS_NEED_DATA && len == 15);
    CHECK(realpeer_decoder_received(&decoder, len + 1) == ARGUMENT);
    CHECK(realpeer_decoder_error(&decoder, &error, sizeof error) == REALPEER_STATUS_DONE && error.status == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, &len) == ARGUMENT && len == 0 && slot == NULL);
}

static void memory_that_is_too_small_or_misaligned(void)
{
    static uint64_t words[REALPEER_HANDSHAKE_SIZE / 8 + 1];
    struct realpeer_decoder *askew = (struct realpeer_decoder *)(void *)((unsigned char *)words + 4);
    struct realpeer_decoder decoder;
    size_t taken;

    CHECK(realpeer_parse(bare, sizeof bare, NULL, (struct realpeer_header *)(void *)askew,
                         sizeof(struct realpeer_header)) == ARGUMENT);
    CHECK(realpeer_decoder_init(askew, sizeof *askew, NULL, buffer, sizeof buffer) == ARGUMENT);
    CHECK(realpeer_decoder_status(askew, NULL) == ARGUMENT);
    /* A buffer that can't hold the header. */
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, 20) == REALPEER_STATUS_DONE);
    CHECK(realpeer_decoder_push(&decoder, line, sizeof line - 1, &taken) == REALPEER_STATUS_NO_SPACE);
    CHECK(buffer[20] == 0xEE);
}

static void texts_are_there(void)
{
    int status;

    for (status = -20; status < 10; status++)
        CHECK(strlen(realpeer_status_text(status)) > 3);
    CHECK(strcmp(realpeer_status_text(-100), "unknown status") == 0);
    CHECK(strcmp(realpeer_status_text(REALPEER_STATUS_CLOSED), "closed before any header") == 0);
    CHECK(strchr(realpeer_version(), '.') != NULL);
}

void check_misuse(void)
{
    null_is_an_error_everywhere();
    what_was_never_initialised_is_an_error();
    structs_are_told_apart_by_size();
    bare_headers_obey_the_config();
    a_lie_about_the_slot_ends_the_decoder();
    memset(buffer, 0xEE, sizeof buffer);
    memory_that_is_too_small_or_misaligned();
    texts_are_there();
}
