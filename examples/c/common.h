/* What both servers do around the PROXY protocol: the command line, listening, writing addresses, stopping. */
#ifndef COMMON_H
#define COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <realpeer.h>

#define ADDRESS_TEXT 256

static volatile sig_atomic_t stopping;

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

/* SIGTERM and SIGINT interrupt a wait, and so end the program in order. */
static void stop_on_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Writes "192.0.2.1:443", "[2001:db8::1]:443", "unix:/path" or "unix:@abstract". */
static void write_address(const struct sockaddr_storage *address, socklen_t len, char *text)
{
    char ip[INET6_ADDRSTRLEN] = "?";

    snprintf(text, ADDRESS_TEXT, "unknown");
    if (len == 0)
        return;
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, ip, sizeof ip);
        snprintf(text, ADDRESS_TEXT, "%s:%d", ip, ntohs(in.sin_port));
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, ip, sizeof ip);
        snprintf(text, ADDRESS_TEXT, "[%s]:%d", ip, ntohs(in6.sin6_port));
    } else if (address->ss_family == AF_UNIX) {
        /* The name may lack a NUL at its end, and is a sender's word: any byte may be in it. */
        const char *name = (const char *)address + offsetof(struct sockaddr_un, sun_path);
        size_t left = len - offsetof(struct sockaddr_un, sun_path);
        size_t at = (size_t)snprintf(text, ADDRESS_TEXT, "unix:");

        if (left > 0 && name[0] == 0) {
            text[at++] = '@';
            name++;
            left--;
        }
        for (; left > 0 && *name != 0; name++, left--)
            text[at++] = *name > ' ' && *name < 127 ? *name : '?';
        text[at] = 0;
    }
}

/* One line for each connection: whose it is, and through whom it came. */
static void report(const struct sockaddr_storage *peer, socklen_t peer_len, const struct realpeer_established *who)
{
    char source[ADDRESS_TEXT];
    char destination[ADDRESS_TEXT];
    char proxy[ADDRESS_TEXT];

    write_address(&who->source, who->source_len, source);
    write_address(&who->destination, who->destination_len, destination);
    write_address(peer, peer_len, proxy);
    printf("%s -> %s through %s\n", source, destination, proxy);
}

/* Why a connection is closed. That a peer left without a byte, as health checks do, is not worth a line. */
static void report_failure(struct realpeer_handshake *handshake, const struct sockaddr_storage *peer,
                           socklen_t peer_len)
{
    struct realpeer_error error;
    char proxy[ADDRESS_TEXT];

    if (realpeer_handshake_error(handshake, &error, sizeof error) == REALPEER_STATUS_DONE &&
        error.status != REALPEER_STATUS_CLOSED) {
        write_address(peer, peer_len, proxy);
        fprintf(stderr, "%s: %s\n", proxy, error.text);
    }
}

/* Listens on "HOST PORT", and says where. Returns -1 if it can't. The listener is in non-blocking mode: a connection that
 * is gone before it is accepted must not leave us waiting there. */
static int listen_on(const char *host, const char *port)
{
    struct addrinfo hints;
    struct addrinfo *found;
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char text[ADDRESS_TEXT];
    int on = 1;
    int listener;
    int error;

    memset(&hints, 0, sizeof hints);
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        fprintf(stderr, "%s %s: %s\n", host, port, gai_strerror(error));
        return -1;
    }
    listener = socket(found->ai_family, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listener, found->ai_addr, found->ai_addrlen) < 0 || listen(listener, SOMAXCONN) < 0 ||
        fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
        perror("listening");
        if (listener >= 0)
            close(listener);
        listener = -1;
    } else {
        write_address(&address, len, text);
        fprintf(stderr, "listening on %s\n", text);
    }
    freeaddrinfo(found);
    return listener;
}

/* The proxies that the command line names, such as "10.0.0.0/8,unix". Returns -1 if it names none. */
static int read_trust(struct realpeer_trust *trust, struct realpeer_network *networks, size_t capacity,
                      const char *text)
{
    struct realpeer_error error;

    if (realpeer_trust_init(trust, sizeof *trust, networks, capacity) < 0)
        return -1;
    switch (realpeer_trust_add(trust, text, &error, sizeof error)) {
    case REALPEER_STATUS_DONE:
        return 0;
    case REALPEER_STATUS_NOT_A_NETWORK:
        fprintf(stderr, "%s\n", error.text);
        return -1;
    default:
        fprintf(stderr, "too many networks\n");
        return -1;
    }
}

#endif
