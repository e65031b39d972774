/* NULL, wrong sizes, misaligned pointers and objects that never were: errors, and nothing is touched. */
#include "check.h"

#include <netinet/in.h>

#define ARGUMENT REALPEER_STATUS_ARGUMENT

static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello";
static unsigned char buffer[536];

static void null_is_an_error_everywhere(void)
{
    struct realpeer_decoder decoder;
    struct realpeer_handshake handshake;
    struct realpeer_trust trust;
    struct realpeer_network network;
    struct realpeer_established established;
    struct realpeer_header header;
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
    header.size = sizeof header;
    established.size = sizeof established;

    CHECK(realpeer_parse(NULL, 1, NULL, &header, NULL) == ARGUMENT);
    CHECK(realpeer_parse(NULL, 0, NULL, &header, NULL) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_parse(line, sizeof line, NULL, NULL, NULL) == ARGUMENT);
    CHECK(realpeer_parse(line, SIZE_MAX, NULL, &header, NULL) == ARGUMENT);
    CHECK(realpeer_parse_datagram(NULL, 1, NULL, &header, NULL) == ARGUMENT);
    CHECK(realpeer_parse_datagram(line, sizeof line, NULL, NULL, NULL) == ARGUMENT);

    CHECK(realpeer_decoder_init(NULL, sizeof decoder, NULL, buffer, sizeof buffer) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, NULL, 0) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, SIZE_MAX) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, 8, NULL, buffer, sizeof buffer) == ARGUMENT);
    CHECK(realpeer_decoder_push(NULL, line, 1, &number) == ARGUMENT && number == 0);
    CHECK(realpeer_decoder_push_eof(NULL) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(NULL, &slot, &number) == ARGUMENT && slot == NULL);
    CHECK(realpeer_decoder_received(NULL, 0) == ARGUMENT);
    CHECK(realpeer_decoder_status(NULL, &number) == ARGUMENT);
    CHECK(realpeer_decoder_header(NULL, &header) == ARGUMENT);
    CHECK(realpeer_decoder_error(NULL, NULL) == ARGUMENT);
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_decoder_push(&decoder, NULL, 1, &number) == ARGUMENT);
    CHECK(realpeer_decoder_push(&decoder, line, 1, NULL) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, NULL, &number) == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, NULL) == ARGUMENT);
    CHECK(realpeer_decoder_status(&decoder, NULL) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_decoder_push(&decoder, NULL, 0, &number) == REALPEER_STATUS_NEED_DATA);
    CHECK(realpeer_decoder_push(&decoder, line, sizeof line - 1, &number) == REALPEER_STATUS_DONE && number == 45);
    CHECK(realpeer_decoder_header(&decoder, NULL) == ARGUMENT);

    CHECK(realpeer_trust_init(NULL, sizeof trust, &network, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust - 64, &network, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, NULL, 1) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, &network, SIZE_MAX) == ARGUMENT);
    CHECK(realpeer_trust_add(NULL, "unix", NULL) == ARGUMENT);
    CHECK(realpeer_trust_otherwise(NULL, 0) == ARGUMENT);
    CHECK(realpeer_trust_init(&trust, sizeof trust, &network, 1) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, NULL, NULL) == ARGUMENT);
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
    CHECK(realpeer_handshake_run(&handshake, 0, 0, NULL) == ARGUMENT);
    CHECK(realpeer_handshake_run(NULL, 0, 0, &established) == ARGUMENT);
    CHECK(realpeer_handshake_header(NULL, &header) == ARGUMENT);
    CHECK(realpeer_handshake_taken(NULL, &taken, &number) == ARGUMENT);
    CHECK(realpeer_handshake_taken(&handshake, NULL, &number) == ARGUMENT);
    CHECK(realpeer_handshake_taken(&handshake, &taken, NULL) == ARGUMENT);
    CHECK(realpeer_handshake_error(NULL, NULL) == ARGUMENT);
    CHECK(realpeer_handshake_error(&handshake, NULL) == ARGUMENT);
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

    CHECK(realpeer_encode(NULL, buffer, sizeof buffer, &number, NULL) == ARGUMENT);
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, NULL, NULL) == ARGUMENT);
    encoding.source = (struct sockaddr *)&peer;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL) == ARGUMENT);
    encoding.source_len = sizeof peer;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL) == ARGUMENT);
    encoding.destination = (struct sockaddr *)&peer;
    encoding.destination_len = sizeof peer;
    encoding.version = 3;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL) == ARGUMENT);
    encoding.version = 2;
    CHECK(realpeer_encode(&encoding, buffer, sizeof buffer, &number, NULL) == REALPEER_STATUS_DONE);
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

    established.size = sizeof established;
    header.size = sizeof header;
    for (fill = 0; fill < 256; fill += 51) {
        memset(&decoder, fill, sizeof decoder);
        memset(&handshake, fill, sizeof handshake);
        memset(&trust, fill, sizeof trust);
        CHECK(realpeer_decoder_push(&decoder, line, 1, &taken) == ARGUMENT);
        CHECK(realpeer_decoder_header(&decoder, &header) == ARGUMENT);
        CHECK(realpeer_handshake_run(&handshake, 0, 0, &established) == ARGUMENT);
        CHECK(realpeer_trust_add(&trust, "unix", NULL) == ARGUMENT);
    }
    /* One object in the place of another. */
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add((struct realpeer_trust *)(void *)&decoder, "unix", NULL) == ARGUMENT);
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
    header.size = sizeof header;
    for (size = 0; size < sizeof newer.config; size++) {
        newer.config.size = size;
        CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, NULL) == ARGUMENT);
    }
    newer.config.size = sizeof newer;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, NULL) == REALPEER_STATUS_DONE);
    newer.more = 1;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, NULL) == ARGUMENT);
    newer.config.size = SIZE_MAX;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, NULL) == ARGUMENT);
    newer.config.size = sizeof newer.config;
    newer.config.versions = 3;
    CHECK(realpeer_parse(line, sizeof line, &newer.config, &header, NULL) == ARGUMENT);

    for (size = 0; size < sizeof header; size += 8) {
        header.size = size;
        CHECK(realpeer_parse(line, sizeof line, NULL, &header, NULL) == ARGUMENT);
    }
    newer_header.more = 77;
    newer_header.header.size = sizeof newer_header;
    CHECK(realpeer_parse(line, sizeof line, NULL, &newer_header.header, NULL) == REALPEER_STATUS_DONE);
    CHECK(newer_header.header.len == 45 && newer_header.more == 0);

    header.size = sizeof header;
    error.size = 8;
    CHECK(realpeer_parse("GET", 3, NULL, &header, &error) == ARGUMENT);
    error.size = sizeof error;
    CHECK(realpeer_parse("GET", 3, NULL, &header, &error) == REALPEER_STATUS_NO_HEADER);
}

static void a_lie_about_the_slot_ends_the_decoder(void)
{
    struct realpeer_decoder decoder;
    struct realpeer_error error;
    void *slot;
    size_t len;

    error.size = sizeof error;
    CHECK(realpeer_decoder_init(&decoder, sizeof decoder, NULL, buffer, sizeof buffer) == REALPEER_STATUS_DONE);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, &len) == REALPEER_STATUS_NEED_DATA && len == 15);
    CHECK(realpeer_decoder_received(&decoder, len + 1) == ARGUMENT);
    CHECK(realpeer_decoder_error(&decoder, &error) == REALPEER_STATUS_DONE && error.status == ARGUMENT);
    CHECK(realpeer_decoder_read_slot(&decoder, &slot, &len) == ARGUMENT && len == 0 && slot == NULL);
}

static void memory_that_is_too_small_or_misaligned(void)
{
    static uint64_t words[REALPEER_HANDSHAKE_SIZE / 8 + 1];
    struct realpeer_decoder *askew = (struct realpeer_decoder *)(void *)((unsigned char *)words + 4);
    struct realpeer_decoder decoder;
    size_t taken;

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
    a_lie_about_the_slot_ends_the_decoder();
    memset(buffer, 0xEE, sizeof buffer);
    memory_that_is_too_small_or_misaligned();
    texts_are_there();
}
