/* Handshakes on real sockets: every vector at every split, deadlines, policies, errors of the socket. */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

static unsigned char buffer[70000];
static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0payload";

struct pair {
    int here;
    int there;
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

static struct pair unix_pair(void)
{
    struct pair pair;
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    pair.here = fds[0];
    pair.there = fds[1];
    memset(&pair.peer, 0, sizeof pair.peer);
    pair.peer_len = sizeof pair.peer;
    CHECK(getpeername(pair.here, (struct sockaddr *)&pair.peer, &pair.peer_len) == 0);
    return pair;
}

static struct pair tcp_pair(void)
{
    struct pair pair;
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    pair.there = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(pair.there, (struct sockaddr *)&address, sizeof address) == 0);
    memset(&pair.peer, 0, sizeof pair.peer);
    pair.peer_len = sizeof pair.peer;
    pair.here = accept(listener, (struct sockaddr *)&pair.peer, &pair.peer_len);
    CHECK(pair.here >= 0);
    close(listener);
    return pair;
}

static void send_all(const struct pair *pair, const void *bytes, size_t len)
{
    CHECK(len == 0 || send(pair->there, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void close_both(const struct pair *pair)
{
    close(pair->here);
    close(pair->there);
}

static struct realpeer_trust trusting(const char *text)
{
    static struct realpeer_network networks[4];
    struct realpeer_trust trust;

    CHECK(realpeer_trust_init(&trust, sizeof trust, networks, 4) == REALPEER_STATUS_DONE);
    CHECK(realpeer_trust_add(&trust, text, NULL, 0) == REALPEER_STATUS_DONE);
    return trust;
}

static void begin(struct realpeer_handshake *handshake, const struct pair *pair, const struct realpeer_trust *trust,
                  uint32_t timeout_ms)
{
    struct realpeer_config config = wide_config();

    config.trust = trust;
    config.timeout_ms = timeout_ms;
    CHECK(realpeer_handshake_init(handshake, sizeof *handshake, &config, (const struct sockaddr *)&pair->peer,
                                  pair->peer_len, buffer, sizeof buffer, 1000) == REALPEER_STATUS_DONE);
}

static enum realpeer_status run(struct realpeer_handshake *handshake, int fd, uint64_t now_ms,
                                struct realpeer_established *established)
{
    return realpeer_handshake_run(handshake, fd, now_ms, established, sizeof *established);
}

static struct realpeer_error check_failed(struct realpeer_handshake *handshake, enum realpeer_status status)
{
    struct realpeer_error error;

    CHECK(realpeer_handshake_error(handshake, &error, sizeof error) == REALPEER_STATUS_DONE);
    CHECK(error.status == (int32_t)status && strlen(error.text) > 10);
    return error;
}

/* A vector in two pieces; nothing but the header is taken. */
static void check_split(const struct vector *vector, size_t split, const struct realpeer_trust *trust)
{
    struct pair pair = unix_pair();
    struct realpeer_handshake handshake;
    struct realpeer_established established;
    enum realpeer_status status;

    begin(&handshake, &pair, trust, 0);
    CHECK_FOR(realpeer_handshake_deadline(&handshake) == 6000, vector->id);
    send_all(&pair, vector->bytes, split);
    status = run(&handshake, pair.here, 1001, &established);
    if (status == REALPEER_STATUS_NEED_DATA) {
        send_all(&pair, vector->bytes + split, vector->len - split);
        split = vector->len;
        CHECK_FOR(realpeer_handshake_deadline(&handshake) == 6000, vector->id);
        status = run(&handshake, pair.here, 1002, &established);
    }
    switch (vector->expect) {
    case INCOMPLETE:
        CHECK_FOR(status == REALPEER_STATUS_NEED_DATA, vector->id);
        shutdown(pair.there, SHUT_WR);
        status = run(&handshake, pair.here, 1003, &established);
        CHECK_FOR(status == (vector->len == 0 ? REALPEER_STATUS_CLOSED : REALPEER_STATUS_TRUNCATED), vector->id);
        check_failed(&handshake, status);
        break;
    case REJECT: {
        static unsigned char rest[70000];
        const void *taken;
        size_t taken_len;
        ssize_t rest_len;

        CHECK_FOR(status <= REALPEER_STATUS_NO_HEADER && status >= REALPEER_STATUS_TOO_LONG, vector->id);
        CHECK_FOR(run(&handshake, pair.here, 1003, &established) == status, vector->id);
        CHECK_FOR(realpeer_handshake_deadline(&handshake) == UINT64_MAX, vector->id);
        check_failed(&handshake, status);
        /* What was taken and what is left is what the peer sent. */
        CHECK_FOR(realpeer_handshake_taken(&handshake, &taken, &taken_len) == REALPEER_STATUS_DONE, vector->id);
        rest_len = recv(pair.here, rest, sizeof rest, MSG_DONTWAIT);
        CHECK_FOR(taken_len + (size_t)(rest_len > 0 ? rest_len : 0) == split, vector->id);
        CHECK_FOR(memcmp(vector->bytes, taken, taken_len) == 0, vector->id);
        CHECK_FOR(rest_len <= 0 || memcmp(vector->bytes + taken_len, rest, (size_t)rest_len) == 0, vector->id);
        break;
    }
    case ACCEPT: {
        struct realpeer_header header;
        static unsigned char payload[70000];
        size_t left = split - vector->header_len;

        CHECK_FOR(status == REALPEER_STATUS_DONE, vector->id);
        CHECK_FOR(realpeer_handshake_header(&handshake, &header, sizeof header) == REALPEER_STATUS_DONE, vector->id);
        check_header(vector, &header);
        CHECK_FOR(established.has_header == 1, vector->id);
        CHECK_FOR(established.from_header == (uint32_t)(vector->family != 0), vector->id);
        if (vector->family != 0) {
            CHECK_FOR(same_address(&established.source, established.source_len, vector->family, vector->source,
                                   vector->source_len),
                      vector->id);
            CHECK_FOR(same_address(&established.destination, established.destination_len, vector->family,
                                   vector->destination, vector->destination_len),
                      vector->id);
        } else {
            CHECK_FOR(established.source_len == pair.peer_len && established.source.ss_family == AF_UNIX, vector->id);
        }
        CHECK_FOR(run(&handshake, pair.here, 9999999, &established) == REALPEER_STATUS_DONE, vector->id);
        CHECK_FOR(realpeer_handshake_deadline(&handshake) == UINT64_MAX, vector->id);
        if (left > 0) {
            CHECK_FOR(recv(pair.here, payload, sizeof payload, MSG_DONTWAIT) == (ssize_t)left, vector->id);
            CHECK_FOR(memcmp(payload, vector->bytes + vector->header_len, left) == 0, vector->id);
        } else {
            CHECK_FOR(recv(pair.here, payload, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, vector->id);
        }
        break;
    }
    }
    close_both(&pair);
}

static void the_deadline_is_that_of_the_whole_header(void)
{
    struct realpeer_trust trust = trusting("unix");
    struct pair pair = unix_pair();
    struct realpeer_handshake handshake;
    struct realpeer_established established;
    uint64_t now;

    begin(&handshake, &pair, &trust, 10);
    /* A byte in every millisecond does not prolong it. */
    for (now = 1000; now < 1010; now++) {
        send_all(&pair, line + (now - 1000), 1);
        CHECK(realpeer_handshake_deadline(&handshake) == 1010);
        CHECK(run(&handshake, pair.here, now, &established) == REALPEER_STATUS_NEED_DATA);
    }
    CHECK(run(&handshake, pair.here, 1010, &established) == REALPEER_STATUS_TIMED_OUT);
    check_failed(&handshake, REALPEER_STATUS_TIMED_OUT);
    CHECK(realpeer_handshake_deadline(&handshake) == UINT64_MAX);
    CHECK(run(&handshake, pair.here, 1011, &established) == REALPEER_STATUS_TIMED_OUT);
    close_both(&pair);
}

static void of_a_peer_that_is_refused_or_bypassed_nothing_is_read(void)
{
    struct realpeer_trust trust = trusting("192.0.2.1");
    struct pair pair = tcp_pair();
    struct realpeer_handshake handshake;
    struct realpeer_established established;
    struct realpeer_header header;
    char received[sizeof line];
    struct sockaddr_storage own;
    socklen_t own_len = sizeof own;

    send_all(&pair, line, sizeof line - 1);
    begin(&handshake, &pair, &trust, 0);
    CHECK(run(&handshake, pair.here, 1000, &established) == REALPEER_STATUS_REFUSED);
    CHECK(strcmp(check_failed(&handshake, REALPEER_STATUS_REFUSED).text,
                 "127.0.0.1 is not a trusted proxy; add it to the trust list if it is one") == 0);
    CHECK(realpeer_handshake_deadline(&handshake) == UINT64_MAX);

    CHECK(realpeer_trust_otherwise(&trust, REALPEER_VERDICT_BYPASS) == REALPEER_STATUS_DONE);
    begin(&handshake, &pair, &trust, 0);
    CHECK(run(&handshake, pair.here, 1000, &established) == REALPEER_STATUS_DONE);
    CHECK(established.has_header == 0 && established.from_header == 0);
    CHECK(established.source_len == pair.peer_len && memcmp(&established.source, &pair.peer, pair.peer_len) == 0);
    CHECK(getsockname(pair.here, (struct sockaddr *)&own, &own_len) == 0);
    CHECK(established.destination_len == own_len && memcmp(&established.destination, &own, own_len) == 0);
    CHECK(realpeer_handshake_header(&handshake, &header, sizeof header) == REALPEER_STATUS_NOT_FOUND);
    CHECK(recv(pair.here, received, sizeof received, 0) == sizeof line - 1);
    CHECK(memcmp(received, line, sizeof line - 1) == 0);
    close_both(&pair);
}

static void local_leaves_the_connections_own_endpoints(void)
{
    struct realpeer_trust trust = trusting("127.0.0.1");
    struct pair pair = tcp_pair();
    struct realpeer_handshake handshake;
    struct realpeer_established established;
    char received[16];

    begin(&handshake, &pair, &trust, 0);
    /* A blocking socket with nothing in it: it returns at once. */
    CHECK(run(&handshake, pair.here, 1000, &established) == REALPEER_STATUS_NEED_DATA);
    send_all(&pair, local, sizeof local - 1);
    CHECK(recv(pair.here, received, 1, MSG_PEEK) == 1);
    CHECK(run(&handshake, pair.here, 1000, &established) == REALPEER_STATUS_DONE);
    CHECK(established.has_header == 1 && established.from_header == 0);
    CHECK(established.source_len == pair.peer_len && memcmp(&established.source, &pair.peer, pair.peer_len) == 0);
    CHECK(recv(pair.here, received, sizeof received, 0) == 7 && memcmp(received, "payload", 7) == 0);
    close_both(&pair);
}

static void errors_of_the_socket_are_errno(void)
{
    struct realpeer_trust trust = trusting("unix");
    struct pair pair = unix_pair();
    struct realpeer_handshake handshake;
    struct realpeer_established established;
    int fds[2];

    begin(&handshake, &pair, &trust, 0);
    CHECK(run(&handshake, -1, 1000, &established) == REALPEER_STATUS_IO && errno == EBADF);
    check_failed(&handshake, REALPEER_STATUS_IO);
    CHECK(pipe(fds) == 0);
    CHECK(run(&handshake, fds[0], 1000, &established) == REALPEER_STATUS_IO && errno == ENOTSOCK);
    /* It can go on after that. */
    send_all(&pair, line, sizeof line - 1);
    CHECK(run(&handshake, pair.here, 1000, &established) == REALPEER_STATUS_DONE);
    CHECK(realpeer_handshake_error(&handshake, NULL, 0) == REALPEER_STATUS_NOT_FOUND);
    close(fds[0]);
    close(fds[1]);
    close_both(&pair);
}

static void a_handshake_can_be_moved(void)
{
    struct realpeer_trust trust = trusting("unix");
    struct pair pair = unix_pair();
    struct realpeer_handshake first;
    struct realpeer_handshake second;
    struct realpeer_established established;

    begin(&first, &pair, &trust, 0);
    send_all(&pair, line, 20);
    CHECK(run(&first, pair.here, 1000, &established) == REALPEER_STATUS_NEED_DATA);
    memcpy(&second, &first, sizeof first);
    memset(&first, 0x55, sizeof first);
    send_all(&pair, line + 20, sizeof line - 1 - 20);
    CHECK(run(&second, pair.here, 1000, &established) == REALPEER_STATUS_DONE);
    CHECK(established.source_len == sizeof(struct sockaddr_in));
    close_both(&pair);
}

void check_handshakes(void)
{
    struct realpeer_trust trust;
    size_t at;
    size_t split;

    the_deadline_is_that_of_the_whole_header();
    of_a_peer_that_is_refused_or_bypassed_nothing_is_read();
    local_leaves_the_connections_own_endpoints();
    errors_of_the_socket_are_errno();
    a_handshake_can_be_moved();

    trust = trusting("unix");
    for (at = 0; at < vector_count; at++) {
        const struct vector *vector = &all_vectors[at];
        size_t step = vector->len > 1100 ? 101 : 1;

        for (split = 0; split < vector->len || split == 0; split += step)
            check_split(vector, split, &trust);
    }
    CHECK(realpeer_now_ms() > 0 && realpeer_now_ms() <= realpeer_now_ms());
}
