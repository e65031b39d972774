/* What the checks share. All of it is C99 and C++17. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "realpeer.h"

/* Fails with what was expected and where. */
#define CHECK(condition) \
    do { \
        checks++; \
        if (!(condition)) \
            failed(#condition, __FILE__, __LINE__, NULL); \
    } while (0)

/* Fails with the name of the vector too. */
#define CHECK_FOR(condition, id) \
    do { \
        checks++; \
        if (!(condition)) \
            failed(#condition, __FILE__, __LINE__, id); \
    } while (0)

extern unsigned long checks;
void failed(const char *condition, const char *file, int line, const char *id);

enum expect { ACCEPT, REJECT, INCOMPLETE };

/* A row of tests/data. Addresses and TLVs are as they are on the wire. */
struct vector {
    const char *id;
    enum expect expect;
    uint32_t version;
    uint32_t command;
    uint32_t transport;
    int family;
    size_t header_len;
    int compare_tlvs;
    const unsigned char *bytes;
    size_t len;
    const unsigned char *source;
    size_t source_len;
    const unsigned char *destination;
    size_t destination_len;
    const unsigned char *tlvs;
    size_t tlvs_len;
};

extern const struct vector *const all_vectors;
extern const size_t vector_count;

/* Limits with room for the longest vector. */
struct realpeer_config wide_config(void);

/* The address is this one, in the form of a vector. */
int same_address(const struct sockaddr_storage *address, socklen_t len, int family, const unsigned char *bytes,
                 size_t bytes_len);

/* Every field of the header is what the vector says. */
void check_header(const struct vector *vector, const struct realpeer_header *header);

void check_vectors(void);
void check_handshakes(void);
void check_trust(void);
void check_encoder(void);
void check_misuse(void);

#endif
