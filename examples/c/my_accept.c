/* An echo server behind a proxy, in an epoll loop: `my_accept HOST PORT TRUSTED`, as in
 * `my_accept 127.0.0.1 8080 10.0.0.0/8,192.0.2.7`.
 *
 * The sample wrapper of the specification reads the header within accept(). Done so, a silent peer delays everybody, a
 * header in two pieces is lost, and anybody may claim any address. Here accept() returns at once, and the header is
 * read as it arrives, by one deadline, of trusted peers only.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4 */
#endif
#include <sys/epoll.h>

#include "common.h"

enum { PAUSE_MS = 50, EVENTS = 64 };

struct connection {
    int fd;
    uint32_t waits_for;
    int established;
    int peer_has_ended;
    struct sockaddr_storage peer;
    socklen_t peer_len;

    /* The list that it is in. */
    struct connection *earlier;
    struct connection *later;

    /* Until it is established. */
    struct realpeer_handshake handshake;
    unsigned char header[536];

    /* Then: what has been read and not yet been sent back. */
    char echo[4096];
    size_t start;
    size_t end;
};

struct list {
    struct connection *first;
    struct connection *last;
};

struct server {
    int epoll;
    int listener;
    const struct realpeer_trust *trust;
    struct list pending; /* all have the same time, so it is in the order of their deadlines */
    struct list established;
    uint64_t accept_again; /* 0: accepting */
};

static void watch(const struct server *server, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event event;

    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.ptr = data;
    epoll_ctl(server->epoll, operation, fd, &event);
}

/* Asks epoll for these events of a connection, unless it does already. */
static void wait_for(const struct server *server, struct connection *connection, uint32_t events)
{
    if (connection->waits_for != events)
        watch(server, EPOLL_CTL_MOD, connection->fd, events, connection);
    connection->waits_for = events;
}

static struct list *list_of(struct server *server, const struct connection *connection)
{
    return connection->established ? &server->established : &server->pending;
}

static void append(struct list *list, struct connection *connection)
{
    connection->earlier = list->last;
    connection->later = NULL;
    *(list->last != NULL ? &list->last->later : &list->first) = connection;
    list->last = connection;
}

static void detach(struct list *list, struct connection *connection)
{
    *(connection->earlier != NULL ? &connection->earlier->later : &list->first) = connection->later;
    *(connection->later != NULL ? &connection->later->earlier : &list->last) = connection->earlier;
}

static void end_connection(struct server *server, struct connection *connection)
{
    detach(list_of(server, connection), connection);
    close(connection->fd);
    free(connection);
}

/* Sends back what was read, and reads on. Returns 0 once the connection is to be closed. */
static int serve(const struct server *server, struct connection *connection)
{
    int turns;

    /* Others have their turn too; epoll brings what is left again. */
    for (turns = 0; turns < 16; turns++) {
        ssize_t n;

        while (connection->start < connection->end) {
            n = send(connection->fd, connection->echo + connection->start, connection->end - connection->start,
                     MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0 && errno == EAGAIN) {
                /* A peer that sends and does not read is not read from either. */
                wait_for(server, connection, EPOLLOUT);
                return 1;
            }
            if (n < 0)
                return 0;
            connection->start += (size_t)n;
        }
        if (connection->peer_has_ended)
            return 0;
        connection->start = connection->end = 0;
        n = recv(connection->fd, connection->echo, sizeof connection->echo, 0);
        if (n > 0) {
            connection->end = (size_t)n;
        } else if (n == 0) {
            connection->peer_has_ended = 1;
        } else if (errno == EAGAIN) {
            wait_for(server, connection, EPOLLIN);
            return 1;
        } else if (errno != EINTR) {
            return 0;
        }
    }
    wait_for(server, connection, connection->start < connection->end ? EPOLLOUT : EPOLLIN);
    return 1;
}

/* The header, as far as it has arrived; then the payload. */
static void advance(struct server *server, struct connection *connection)
{
    if (!connection->established) {
        struct realpeer_established who;
        enum realpeer_status status;

        status = realpeer_handshake_run(&connection->handshake, connection->fd, realpeer_now_ms(), &who, sizeof who);
        if (status == REALPEER_STATUS_NEED_DATA)
            return;
        if (status != REALPEER_STATUS_DONE) {
            report_failure(&connection->handshake, &connection->peer, connection->peer_len);
            end_connection(server, connection);
            return;
        }
        detach(&server->pending, connection);
        connection->established = 1;
        append(&server->established, connection);
        report(&connection->peer, connection->peer_len, &who);
    }
    if (!serve(server, connection))
        end_connection(server, connection);
}

static void accept_all(struct server *server)
{
    for (;;) {
        struct realpeer_config config = {sizeof config, server->trust, REALPEER_VERSIONS_ANY, 0, 0, 0};
        struct connection *connection = (struct connection *)calloc(1, sizeof *connection);

        if (connection == NULL) {
            errno = ENOMEM;
        } else {
            connection->peer_len = sizeof connection->peer;
            connection->fd = accept4(server->listener, (struct sockaddr *)&connection->peer, &connection->peer_len,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        if (connection == NULL || connection->fd < 0) {
            free(connection);
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                /* The connection is still waiting, so the listener would be readable without end. */
                watch(server, EPOLL_CTL_MOD, server->listener, 0, NULL);
                server->accept_again = realpeer_now_ms() + PAUSE_MS;
                return;
            }
            if (errno == EAGAIN)
                return;
            continue; /* EINTR, or an error of one connection, which is gone */
        }
        realpeer_handshake_init(&connection->handshake, sizeof connection->handshake, &config,
                                (struct sockaddr *)&connection->peer, connection->peer_len, connection->header,
                                sizeof connection->header, realpeer_now_ms());
        append(&server->pending, connection);
        watch(server, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
        connection->waits_for = EPOLLIN;
        /* Refused peers are closed here, and a header that is here already is read. */
        advance(server, connection);
    }
}

/* Milliseconds until something is to be done though nothing arrives; -1 for never. */
static int time_to_wait(const struct server *server)
{
    uint64_t now = realpeer_now_ms();
    uint64_t until = UINT64_MAX;

    if (server->pending.first != NULL)
        until = realpeer_handshake_deadline(&server->pending.first->handshake);
    if (server->accept_again != 0 && server->accept_again < until)
        until = server->accept_again;
    if (until == UINT64_MAX)
        return -1;
    return until > now ? (int)(until - now) : 0;
}

static void run(struct server *server)
{
    struct epoll_event events[EVENTS];
    sigset_t while_waiting;
    sigset_t otherwise;

    /* A signal counts only while waiting, so that none is missed just before. */
    sigemptyset(&otherwise);
    sigaddset(&otherwise, SIGTERM);
    sigaddset(&otherwise, SIGINT);
    sigprocmask(SIG_BLOCK, &otherwise, &while_waiting);
    while (!stopping) {
        int n = epoll_pwait(server->epoll, events, EVENTS, time_to_wait(server), &while_waiting);
        int at;

        for (at = 0; at < n; at++) {
            if (events[at].data.ptr == NULL)
                accept_all(server);
            else
                advance(server, (struct connection *)events[at].data.ptr);
        }
        /* Those whose time is over. */
        while (server->pending.first != NULL &&
               realpeer_handshake_deadline(&server->pending.first->handshake) <= realpeer_now_ms())
            advance(server, server->pending.first);
        if (server->accept_again != 0 && server->accept_again <= realpeer_now_ms()) {
            server->accept_again = 0;
            watch(server, EPOLL_CTL_MOD, server->listener, EPOLLIN, NULL);
        }
    }
    while (server->pending.first != NULL)
        end_connection(server, server->pending.first);
    while (server->established.first != NULL)
        end_connection(server, server->established.first);
}

int main(int argc, char **argv)
{
    struct realpeer_network networks[64];
    struct realpeer_trust trust;
    struct server server;

    if (argc != 4) {
        fprintf(stderr, "usage: %s HOST PORT TRUSTED\n", argv[0]);
        return 2;
    }
    memset(&server, 0, sizeof server);
    if (read_trust(&trust, networks, sizeof networks / sizeof *networks, argv[3]) < 0)
        return 2;
    server.trust = &trust;
    stop_on_signals();
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.listener = listen_on(argv[1], argv[2]);
    if (server.listener < 0 || server.epoll < 0)
        return 1;
    watch(&server, EPOLL_CTL_ADD, server.listener, EPOLLIN, NULL);
    run(&server);
    close(server.listener);
    close(server.epoll);
    return 0;
}
