/* What the yardstick makes of a header: the bytes of the addresses, and the ports as numbers. */
#ifndef YARDSTICK_H
#define YARDSTICK_H

#include <stddef.h>
#include <stdint.h>

struct endpoints {
    uint8_t source[16];
    uint8_t destination[16];
    uint16_t source_port;
    uint16_t destination_port;
    uint8_t family; /* 0, 4 or 6 */
};

/* The length of the header, 0 if it is incomplete, -1 if it isn't one. */
int yardstick_v2(const uint8_t *bytes, size_t received, struct endpoints *out);

#endif
