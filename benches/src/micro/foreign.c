/* A program in C that decodes version 2: by realpeer_parse, and by the yardstick. Both are functions of another object
 * file, and so is this to who calls it.
 *
 * call_* have the result where the call left it: bytes of addresses from the yardstick, struct sockaddr from realpeer.
 * use_* go on as a server does: they have both addresses as struct sockaddr, and compare all of the result with what is
 * expected. Each returns the length of the header, and 0 if anything is not as it should be. */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "realpeer.h"
#include "yardstick.h"

struct expected {
    struct sockaddr_storage source;
    struct sockaddr_storage destination;
    socklen_t address_len;
    size_t len;
};

/* Somebody else reads what is there. */
static void look(const void *result) { __asm__ volatile("" : : "r"(result) : "memory"); }

size_t call_realpeer(const uint8_t *bytes, size_t received, const struct expected *expected)
{
    struct realpeer_header header;

    (void)expected;
    if (realpeer_parse(bytes, received, NULL, &header, sizeof header) != REALPEER_STATUS_DONE)
        return 0;
    look(&header);
    return header.len;
}

size_t call_yardstick(const uint8_t *bytes, size_t received, const struct expected *expected)
{
    struct endpoints endpoints;
    int len = yardstick_v2(bytes, received, &endpoints);

    (void)expected;
    if (len <= 0)
        return 0;
    look(&endpoints);
    return (size_t)len;
}

static size_t use(const struct expected *expected, const struct realpeer_config *config, const uint8_t *bytes,
                  size_t received)
{
    struct realpeer_header header;

    if (realpeer_parse(bytes, received, config, &header, sizeof header) != REALPEER_STATUS_DONE)
        return 0;
    look(&header);
    if (header.len != expected->len || header.source_len != expected->address_len ||
        header.destination_len != expected->address_len ||
        memcmp(&header.source, &expected->source, expected->address_len) != 0 ||
        memcmp(&header.destination, &expected->destination, expected->address_len) != 0)
        return 0;
    return header.len;
}

size_t use_realpeer(const uint8_t *bytes, size_t received, const struct expected *expected)
{
    return use(expected, NULL, bytes, received);
}

size_t use_realpeer_config(const uint8_t *bytes, size_t received, const struct expected *expected)
{
    static struct realpeer_config config = {sizeof config, NULL, REALPEER_VERSIONS_V2, 536, 0, 0};

    look(&config);
    return use(expected, &config, bytes, received);
}

static socklen_t to_sockaddr(struct sockaddr_storage *out, uint8_t family, const uint8_t *ip, uint16_t port)
{
    if (family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;

        memset(in, 0, sizeof *in);
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip, 4);
        return sizeof *in;
    }
    if (family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        memset(in6, 0, sizeof *in6);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip, 16);
        return sizeof *in6;
    }
    return 0;
}

size_t use_yardstick(const uint8_t *bytes, size_t received, const struct expected *expected)
{
    struct endpoints endpoints;
    struct sockaddr_storage source;
    struct sockaddr_storage destination;
    socklen_t source_len;
    socklen_t destination_len;
    int len = yardstick_v2(bytes, received, &endpoints);

    if (len <= 0)
        return 0;
    source_len = to_sockaddr(&source, endpoints.family, endpoints.source, endpoints.source_port);
    destination_len = to_sockaddr(&destination, endpoints.family, endpoints.destination, endpoints.destination_port);
    look(&source);
    look(&destination);
    if ((size_t)len != expected->len || source_len != expected->address_len ||
        destination_len != expected->address_len ||
        memcmp(&source, &expected->source, expected->address_len) != 0 ||
        memcmp(&destination, &expected->destination, expected->address_len) != 0)
        return 0;
    return (size_t)len;
}
