/* An echo server behind a proxy, with blocking sockets and a thread for each connection:
 * `my_accept_blocking HOST PORT TRUSTED`.
 *
 * The header is read in the connection's own thread, not in the loop that accepts: a silent peer delays nobody.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>

#include "common.h"

struct connection {
    int fd;
    struct sockaddr_storage peer;
    socklen_t peer_len;
    const struct realpeer_trust *trust;
};

/* Waits for the header. Returns -1 if there is none: the connection is to be closed. */
static int establish(const struct connection *connection, struct realpeer_established *who)
{
    struct realpeer_config config = {sizeof config, connection->trust, REALPEER_VERSIONS_ANY, 0, 0, 0};
    struct realpeer_handshake handshake;
    unsigned char header[536];
    enum realpeer_status status;

    realpeer_handshake_init(&handshake, sizeof handshake, &config, (const struct sockaddr *)&connection->peer,
                            connection->peer_len, header, sizeof header, realpeer_now_ms());
    while ((status = realpeer_handshake_run(&handshake, connection->fd, realpeer_now_ms(), who, sizeof *who)) ==
           REALPEER_STATUS_NEED_DATA) {
        uint64_t now = realpeer_now_ms();
        uint64_t deadline = realpeer_handshake_deadline(&handshake);
        struct pollfd readable;

        readable.fd = connection->fd;
        readable.events = POLLIN;
        poll(&readable, 1, deadline > now ? (int)(deadline - now) : 0);
    }
    if (status != REALPEER_STATUS_DONE)
        report_failure(&handshake, &connection->peer, connection->peer_len);
    return status == REALPEER_STATUS_DONE ? 0 : -1;
}

static void echo(int fd)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof bytes, 0)) != 0) {
        ssize_t sent = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        while (sent < n) {
            ssize_t more = send(fd, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL);

            if (more < 0 && errno != EINTR)
                return;
            if (more > 0)
                sent += more;
        }
    }
}

static void *serve(void *argument)
{
    struct connection *connection = (struct connection *)argument;
    struct realpeer_established who;
    int fd = connection->fd;
    int established = establish(connection, &who) == 0;

    if (established)
        report(&connection->peer, connection->peer_len, &who);
    free(connection);
    if (established)
        echo(fd);
    close(fd);
    return NULL;
}

/* Waits for a connection. Signals count only meanwhile, and only in this thread, so that none is missed. */
static int wait_for_connection(int listener, const sigset_t *while_waiting)
{
    fd_set readable;

    FD_ZERO(&readable);
    FD_SET(listener, &readable);
    return pselect(listener + 1, &readable, NULL, NULL, NULL, while_waiting) > 0;
}

/* Hands the next connection to a thread. Returns -1 if there is none. */
static int accept_one(int listener, const struct realpeer_trust *trust, const pthread_attr_t *detached)
{
    struct connection *connection = (struct connection *)calloc(1, sizeof *connection);
    pthread_t thread;

    if (connection == NULL) {
        errno = ENOMEM;
        return -1;
    }
    connection->trust = trust;
    connection->peer_len = sizeof connection->peer;
    /* On Linux the socket is in blocking mode, whatever the listener's is. */
    connection->fd = accept(listener, (struct sockaddr *)&connection->peer, &connection->peer_len);
    if (connection->fd < 0) {
        free(connection);
        return -1;
    }
    if (pthread_create(&thread, detached, serve, connection) != 0) {
        close(connection->fd);
        free(connection);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct realpeer_network networks[64];
    struct realpeer_trust trust;
    pthread_attr_t detached;
    sigset_t while_waiting;
    sigset_t otherwise;
    int listener;

    if (argc != 4) {
        fprintf(stderr, "usage: %s HOST PORT TRUSTED\n", argv[0]);
        return 2;
    }
    if (read_trust(&trust, networks, sizeof networks / sizeof *networks, argv[3]) < 0)
        return 2;
    stop_on_signals();
    listener = listen_on(argv[1], argv[2]);
    if (listener < 0)
        return 1;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 65536 > PTHREAD_STACK_MIN ? 65536 : PTHREAD_STACK_MIN);
    sigemptyset(&otherwise);
    sigaddset(&otherwise, SIGTERM);
    sigaddset(&otherwise, SIGINT);
    pthread_sigmask(SIG_BLOCK, &otherwise, &while_waiting);
    while (!stopping) {
        if (wait_for_connection(listener, &while_waiting) && accept_one(listener, &trust, &detached) < 0 &&
            (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            poll(NULL, 0, 50); /* the connection is still waiting */
    }
    pthread_attr_destroy(&detached);
    close(listener);
    return 0;
}
