/* The yardstick for version 2: what a receiver has to do at least. It checks the signature and the lengths, switches
 * on command and family, and copies the addresses out. No TLVs, no UNIX sockets. */
#include <string.h>

#include "yardstick.h"

static const char signature[12] = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};

static uint16_t be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

int yardstick_v2(const uint8_t *bytes, size_t received, struct endpoints *out)
{
    size_t len;

    if (received < 16)
        return 0;
    if (memcmp(bytes, signature, sizeof signature) != 0)
        return -1;
    len = be16(bytes + 14);
    if (received < 16 + len)
        return 0;
    switch (bytes[12]) {
    case 0x20:
        out->family = 0;
        return (int)(16 + len);
    case 0x21:
        break;
    default:
        return -1;
    }
    bytes += 16;
    switch (bytes[-3]) {
    case 0x11:
        if (len < 12)
            return -1;
        out->family = 4;
        memcpy(out->source, bytes, 4);
        memcpy(out->destination, bytes + 4, 4);
        out->source_port = be16(bytes + 8);
        out->destination_port = be16(bytes + 10);
        return (int)(16 + len);
    case 0x21:
        if (len < 36)
            return -1;
        out->family = 6;
        memcpy(out->source, bytes, 16);
        memcpy(out->destination, bytes + 16, 16);
        out->source_port = be16(bytes + 32);
        out->destination_port = be16(bytes + 34);
        return (int)(16 + len);
    default:
        return -1;
    }
}
