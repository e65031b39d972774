/* Every vector: whole, at every split, byte by byte, through the read slot, and as a datagram. */
#include "check.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "vectors.h"

const struct vector *const all_vectors = vectors;
const size_t vector_count = sizeof vectors / sizeof *vectors;

static unsigned char buffer[70000];

struct realpeer_config wide_config(void)
{
    struct realpeer_config config;

    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.max_header_len = 65551;
    return config;
}

int same_address(const struct sockaddr_storage *address, socklen_t len, int family, const unsigned char *bytes,
                 size_t bytes_len)
{
    if (family == 0)
        return len == 0;
    if (address->ss_family != family)
        return 0;
    if (family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        return len == sizeof *in && bytes_len == 6 && memcmp(&in->sin_addr, bytes, 4) == 0 &&
               memcmp(&in->sin_port, bytes + 4, 2) == 0;
    }
    if (family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)address;

        return len == sizeof *in && bytes_len == 18 && memcmp(&in->sin6_addr, bytes, 16) == 0 &&
               memcmp(&in->sin6_port, bytes + 16, 2) == 0 && in->sin6_scope_id == 0 && in->sin6_flowinfo == 0;
    }
    {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;
        size_t name = len - offsetof(struct sockaddr_un, sun_path);

        /* A path has a NUL at its end if there is room for it, as the kernel does it. */
        if (bytes_len > 0 && bytes_len < 108 && bytes[0] != 0) {
            if (name == 0 || un->sun_path[name - 1] != 0)
                return 0;
            name--;
        }
        return name == bytes_len && memcmp(un->sun_path, bytes, name) == 0;
    }
}

void check_header(const struct vector *vector, const struct realpeer_header *header)
{
    struct realpeer_tlv tlv;
    size_t position = 0;
    size_t end = 0;
    enum realpeer_status status;

    CHECK_FOR(header->len == vector->header_len, vector->id);
    CHECK_FOR(header->version == vector->version, vector->id);
    CHECK_FOR(header->command == vector->command, vector->id);
    CHECK_FOR(header->transport == vector->transport, vector->id);
    CHECK_FOR(same_address(&header->source, header->source_len, vector->family, vector->source, vector->source_len),
              vector->id);
    CHECK_FOR(same_address(&header->destination, header->destination_len, vector->family, vector->destination,
                           vector->destination_len),
              vector->id);
    if (vector->compare_tlvs) {
        CHECK_FOR(header->tlvs_len == vector->tlvs_len, vector->id);
        CHECK_FOR(vector->tlvs_len == 0 || memcmp(header->tlvs, vector->tlvs, vector->tlvs_len) == 0, vector->id);
    }
    while ((status = realpeer_tlv_next(header->tlvs, header->tlvs_len, &position, &tlv)) == REALPEER_STATUS_DONE) {
        CHECK_FOR(position == end + 3 + tlv.len, vector->id);
        CHECK_FOR(((const unsigned char *)header->tlvs)[end] == tlv.kind, vector->id);
        CHECK_FOR((const unsigned char *)tlv.value + tlv.len == (const unsigned char *)header->tlvs + position,
                  vector->id);
        end = position;
    }
    CHECK_FOR(status == REALPEER_STATUS_NOT_FOUND && end == header->tlvs_len, vector->id);
}

/* The outcome is the one that the vector expects, and an error has a text. */
static void check_status(const struct vector *vector, enum realpeer_status status)
{
    switch (vector->expect) {
    case ACCEPT:
        CHECK_FOR(status == REALPEER_STATUS_DONE, vector->id);
        break;
    case INCOMPLETE:
        CHECK_FOR(status == REALPEER_STATUS_NEED_DATA, vector->id);
        break;
    case REJECT:
        CHECK_FOR(status <= REALPEER_STATUS_NO_HEADER && status >= REALPEER_STATUS_TOO_LONG, vector->id);
        break;
    }
}

/* It says where, within the bytes, and its text is complete. */
static void check_error(const struct vector *vector, const struct realpeer_error *error, enum realpeer_status status)
{
    size_t len = strlen(error->text);

    CHECK_FOR(error->status == (int32_t)status, vector->id);
    CHECK_FOR(error->offset <= vector->len || status == REALPEER_STATUS_TOO_LONG, vector->id);
    CHECK_FOR(len > 10 && len < sizeof error->text - 1, vector->id);
    CHECK_FOR(strchr(error->text, '\n') == NULL && error->text[len - 1] != '.', vector->id);
}

static enum realpeer_status check_parse(const struct vector *vector)
{
    struct realpeer_config config = wide_config();
    struct realpeer_header header;
    struct realpeer_header by_default;
    struct realpeer_error error;
    enum realpeer_status status;
    enum realpeer_status datagram;

    status = realpeer_parse(vector->bytes, vector->len, &config, &header, sizeof header);
    check_status(vector, status);
    if (status == REALPEER_STATUS_DONE)
        check_header(vector, &header);
    CHECK_FOR(realpeer_parse_error(vector->bytes, vector->len, &config, &error, sizeof error) ==
                  (status < 0 ? REALPEER_STATUS_DONE : REALPEER_STATUS_NOT_FOUND),
              vector->id);
    if (status < 0)
        check_error(vector, &error, status);

    /* The defaults are the same but for the limit. */
    if (vector->len < 16 || vector->bytes[0] == 'P' || vector->bytes[14] < 4096 / 256 - 1) {
        CHECK_FOR(realpeer_parse(vector->bytes, vector->len, NULL, &by_default, sizeof by_default) == status,
                  vector->id);
        if (status == REALPEER_STATUS_DONE)
            check_header(vector, &by_default);
    }

    datagram = realpeer_parse_datagram(vector->bytes, vector->len, &config, &header, sizeof header);
    if (datagram == REALPEER_STATUS_DONE)
        check_header(vector, &header);
    CHECK_FOR(realpeer_parse_datagram_error(vector->bytes, vector->len, &config, &error, sizeof error) ==
                  (datagram < 0 ? REALPEER_STATUS_DONE : REALPEER_STATUS_NOT_FOUND),
              vector->id);
    if (datagram < 0)
        check_error(vector, &error, datagram);
    CHECK_FOR(datagram == (status == REALPEER_STATUS_NEED_DATA ? REALPEER_STATUS_TRUNCATED : status), vector->id);
    return status;
}

/* What came of a decoder is what came of parsing the whole. */
static void check_end(const struct vector *vector, struct realpeer_decoder *decoder, size_t taken,
                      enum realpeer_status expected)
{
    struct realpeer_header header;
    struct realpeer_error error;
    size_t min;

    CHECK_FOR(realpeer_decoder_status(decoder, &min) == expected, vector->id);
    CHECK_FOR((min > 0) == (expected == REALPEER_STATUS_NEED_DATA), vector->id);
    CHECK_FOR(realpeer_decoder_header(decoder, &header, sizeof header) == expected, vector->id);
    if (expected == REALPEER_STATUS_DONE) {
        CHECK_FOR(taken == vector->header_len, vector->id);
        check_header(vector, &header);
        /* It stays. */
        CHECK_FOR(realpeer_decoder_push(decoder, "more", 4, &taken) == expected && taken == 0, vector->id);
        CHECK_FOR(realpeer_decoder_push_eof(decoder) == expected, vector->id);
    }
    if (expected < 0) {
        CHECK_FOR(realpeer_decoder_error(decoder, &error, sizeof error) == REALPEER_STATUS_DONE, vector->id);
        check_error(vector, &error, expected);
        CHECK_FOR(realpeer_decoder_push(decoder, "more", 4, &taken) == expected && taken == 0, vector->id);
    } else {
        CHECK_FOR(realpeer_decoder_error(decoder, &error, sizeof error) == REALPEER_STATUS_NOT_FOUND, vector->id);
    }
    if (expected == REALPEER_STATUS_NEED_DATA) {
        enum realpeer_status cut = vector->len == 0 ? REALPEER_STATUS_CLOSED : REALPEER_STATUS_TRUNCATED;

        CHECK_FOR(realpeer_decoder_push_eof(decoder) == cut, vector->id);
    }
}

/* Pushed in pieces of `first` bytes and the rest, or in pieces of one if that is 0. */
static void check_pushed(const struct vector *vector, size_t first, enum realpeer_status expected)
{
    struct realpeer_config config = wide_config();
    struct realpeer_decoder decoder;
    size_t at = 0;
    size_t taken;
    enum realpeer_status status = REALPEER_STATUS_NEED_DATA;

    CHECK_FOR(realpeer_decoder_init(&decoder, sizeof decoder, &config, buffer, sizeof buffer) == REALPEER_STATUS_DONE,
              vector->id);
    while (at < vector->len && status == REALPEER_STATUS_NEED_DATA) {
        size_t piece = first == 0 ? 1 : at < first ? first - at : vector->len - at;

        status = realpeer_decoder_push(&decoder, vector->bytes + at, piece, &taken);
        CHECK_FOR(taken <= piece && (taken == piece || status != REALPEER_STATUS_NEED_DATA), vector->id);
        at += taken;
    }
    check_end(vector, &decoder, at, expected);
}

/* Read into the slot, as much as it takes or `most` bytes at a time. */
static void check_read(const struct vector *vector, size_t most, enum realpeer_status expected)
{
    struct realpeer_config config = wide_config();
    struct realpeer_decoder decoder;
    size_t at = 0;
    void *slot;
    size_t len;

    CHECK_FOR(realpeer_decoder_init(&decoder, sizeof decoder, &config, buffer, sizeof buffer) == REALPEER_STATUS_DONE,
              vector->id);
    while (realpeer_decoder_read_slot(&decoder, &slot, &len) == REALPEER_STATUS_NEED_DATA && at < vector->len) {
        CHECK_FOR(len > 0 && (unsigned char *)slot >= buffer && (unsigned char *)slot + len <= buffer + sizeof buffer,
                  vector->id);
        /* Never beyond the header. */
        CHECK_FOR(vector->header_len == 0 || at + len <= vector->header_len, vector->id);
        if (len > most)
            len = most;
        if (len > vector->len - at)
            len = vector->len - at;
        memcpy(slot, vector->bytes + at, len);
        at += len;
        realpeer_decoder_received(&decoder, len);
    }
    check_end(vector, &decoder, at, expected);
}

void check_vectors(void)
{
    size_t at;
    size_t split;
    size_t accepted = 0;

    for (at = 0; at < vector_count; at++) {
        const struct vector *vector = &all_vectors[at];
        enum realpeer_status expected = check_parse(vector);
        /* The few headers of thousands of bytes are split at every seventh of them. */
        size_t step = vector->len > 1100 ? 7 : 1;

        accepted += expected == REALPEER_STATUS_DONE;
        for (split = 0; split < vector->len; split += step)
            check_pushed(vector, split, expected);
        check_read(vector, sizeof buffer, expected);
        check_read(vector, 1, expected);
        check_read(vector, 3, expected);
    }
    CHECK(vector_count >= 459 && accepted >= 200);
}
