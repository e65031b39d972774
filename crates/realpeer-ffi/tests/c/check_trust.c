/* Whom the trust list believes. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct realpeer_network networks[8];

static struct realpeer_trust empty(void)
{
    struct realpeer_trust trust;

    CHECK(realpeer_trust_init(&trust, sizeof trust, networks, 8) == REALPEER_STATUS_DONE);
    return trust;
}

static enum realpeer_verdict verdict(const struct realpeer_trust *trust, const char *text)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    memset(&in, 0, sizeof in);
    memset(&in6, 0, sizeof in6);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        return realpeer_trust_verdict(trust, (const struct sockaddr *)&in, sizeof in);
    }
    CHECK(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
    in6.sin6_family = AF_INET6;
    return realpeer_trust_verdict(trust, (const struct sockaddr *)&in6, sizeof in6);
}

static void networks_are_matched(void)
{
    static const struct {
        const char *network;
        const char *peer;
        int believed;
    } rows[] = {
        {"10.0.0.0/8", "10.1.2.3", 1},
        {"10.0.0.0/8", "11.0.0.1", 0},
        {"10.0.0.0/8", "::ffff:10.1.2.3", 1},
        {"::ffff:10.0.0.0/104", "10.1.2.3", 1},
        {"::ffff:0:0/96", "192.0.2.1", 1},
        {"::ffff:192.0.2.1", "192.0.2.1", 1},
        {"::ffff:0.0.0.0/96", "::1", 0},
        {"::/0", "192.0.2.1", 0},
        {"::/0", "::ffff:192.0.2.1", 0},
        {"::/0", "2001:db8::1", 1},
        {"0.0.0.0/0", "192.0.2.1", 1},
        {"0.0.0.0/0", "2001:db8::1", 0},
        {"192.0.2.1", "192.0.2.1", 1},
        {"192.0.2.1", "192.0.2.2", 0},
        {"192.0.2.1/32", "192.0.2.1", 1},
        {"192.0.2.0/31", "192.0.2.1", 1},
        {"192.0.2.0/31", "192.0.2.2", 0},
        {"2001:db8::/32", "2001:db8:ffff::1", 1},
        {"2001:db8::/32", "2001:db9::1", 0},
        {"2001:db8::1", "2001:db8::1", 1},
        {"2001:db8::1", "2001:db8::2", 0},
        {"anyone", "192.0.2.1", 1},
        {"nobody", "192.0.2.1", 0},
        {"unix", "127.0.0.1", 0},
        {"192.0.2.7,10.0.0.0/8, ::1", "::1", 1},
        {"192.0.2.7,10.0.0.0/8, ::1", "10.9.9.9", 1},
        {"192.0.2.7,10.0.0.0/8, ::1", "192.0.2.8", 0},
    };
    size_t at;

    for (at = 0; at < sizeof rows / sizeof *rows; at++) {
        struct realpeer_trust trust = empty();

        CHECK_FOR(realpeer_trust_add(&trust, rows[at].network, NULL, 0) == REALPEER_STATUS_DONE, rows[at].network);
        CHECK_FOR(verdict(&trust, rows[at].peer) == (rows[at].believed ? REALPEER_VERDICT_REQUIRE : REALPEER_VERDICT_REFUSE),
                  rows[at].network);
        CHECK(realpeer_trust_otherwise(&trust, REALPEER_VERDICT_BYPASS) == REALPEER_STATUS_DONE);
        CHECK_FOR(verdict(&trust, rows[at].peer) == (rows[at].believed ? REALPEER_VERDICT_REQUIRE : REALPEER_VERDICT_BYPASS),
                  rows[at].network);
    }
}

static void what_names_nobody_is_refused(void)
{
    static const char *const texts[] = {
        "",           "10.0.0.1/8",      "10.0.0.0/33",     "010.0.0.0/8",  "10.0.0.0/08", "::ffff:010.0.0.0",
        "10.0.0",     "10.0.0.0/",       "10.0.0.0/+8",     "10.0.0.0/8/8", "::/129",      "fe80::1%eth0",
        "localhost",  "2001:db8::1/32",  "Unix",            "10.0.0.0/8,",  ",",           "10.0.0.0/8 ::1",
        "1.2.3.4.5",  "0x10.0.0.1",      "::ffff:10.0.0.1/104", "\xff",     "1::2::3",     "10.0.0.0 /8",
        "1.1.1.1 2.2.2.2 3 4\r\n",
    };
    size_t at;

    for (at = 0; at < sizeof texts / sizeof *texts; at++) {
        struct realpeer_trust trust = empty();
        struct realpeer_error error;

        CHECK_FOR(realpeer_trust_add(&trust, texts[at], &error, sizeof error) == REALPEER_STATUS_NOT_A_NETWORK,
                  texts[at]);
        CHECK_FOR(error.status == REALPEER_STATUS_NOT_A_NETWORK && strlen(error.text) > 20, texts[at]);
        CHECK_FOR(verdict(&trust, "10.0.0.1") == REALPEER_VERDICT_REFUSE, texts[at]);
    }
    {
        struct realpeer_trust trust = empty();
        struct realpeer_error error;

        realpeer_trust_add(&trust, "192.0.2.1, 10.0.0.1/8", &error, sizeof error);
        CHECK(strcmp(error.text, "'10.0.0.1/8' has bits set beyond its prefix; write 10.0.0.0/8 for the network") == 0);
        /* All of a text or nothing. */
        CHECK(verdict(&trust, "192.0.2.1") == REALPEER_VERDICT_REFUSE);
    }
}

static void a_full_list_says_so(void)
{
    struct realpeer_trust trust;

    CHECK(realpeer_trust_init(&trust, sizeof trust, networks, 2) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, "192.0.2.1,192.0.2.2,192.0.2.3", NULL, 0) == REALPEER_STATUS_NO_SPACE);
    CHECK(verdict(&trust, "192.0.2.1") == REALPEER_VERDICT_REFUSE);
    CHECK(realpeer_trust_add(&trust, "192.0.2.1,192.0.2.2,unix", NULL, 0) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, "192.0.2.3", NULL, 0) == REALPEER_STATUS_NO_SPACE);
    CHECK(realpeer_trust_add(&trust, "anyone", NULL, 0) == REALPEER_STATUS_DONE);
    CHECK(verdict(&trust, "192.0.2.3") == REALPEER_VERDICT_REQUIRE);
    CHECK(realpeer_trust_init(&trust, sizeof trust, NULL, 0) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, "192.0.2.1", NULL, 0) == REALPEER_STATUS_NO_SPACE);
}

static void peers_of_other_kinds(void)
{
    struct realpeer_trust trust = empty();
    struct sockaddr_storage peer;
    sa_family_t family = AF_UNIX;

    CHECK(realpeer_trust_add(&trust, "unix,0.0.0.0/0,::/0", NULL, 0) == REALPEER_STATUS_DONE);
    memset(&peer, 0, sizeof peer);
    memcpy(&peer.ss_family, &family, sizeof family);
    /* A client without a name, as the kernel has it: nothing but the family. */
    CHECK(realpeer_trust_verdict(&trust, (const struct sockaddr *)&peer, sizeof(sa_family_t)) ==
          REALPEER_VERDICT_REQUIRE);
    peer.ss_family = AF_UNSPEC;
    CHECK(realpeer_trust_verdict(&trust, (const struct sockaddr *)&peer, sizeof peer) == REALPEER_VERDICT_REFUSE);
    peer.ss_family = AF_INET;
    CHECK(realpeer_trust_verdict(&trust, (const struct sockaddr *)&peer, 8) == REALPEER_VERDICT_REFUSE);
    CHECK(realpeer_trust_verdict(&trust, (const struct sockaddr *)&peer, 0) == REALPEER_VERDICT_REFUSE);
    CHECK(realpeer_trust_verdict(&trust, NULL, 16) == REALPEER_VERDICT_REFUSE);
    CHECK(realpeer_trust_verdict(NULL, (const struct sockaddr *)&peer, sizeof peer) == REALPEER_VERDICT_REFUSE);
}

void check_trust(void)
{
    networks_are_matched();
    what_names_nobody_is_refused();
    a_full_list_says_so();
    peers_of_other_kinds();
}
