/* A server that knows nothing of the PROXY protocol. It tells each client how it sees it, then echoes.
 *
 * usage: server HOW ADDRESS...   ADDRESS: PORT (IPv4 loopback), 6:PORT ([::]), /path
 * HOW: block, poll, select, lt, et, oneshot, exclusive, threads, fork; with "+n" non-blocking, "+s" a signal every
 * 100 us, "+16" an address buffer of 16 bytes, "+0" none.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int listeners[8], count, nonblocking, buffer_size = sizeof(struct sockaddr_storage);
static volatile sig_atomic_t signals;

static void on_signal(int number) { (void)number, signals++; }

static void die(const char *what) { perror(what), exit(1); }

static void print(char *out, size_t room, struct sockaddr_storage *name, socklen_t len) {
    char ip[INET6_ADDRSTRLEN];
    if (name->ss_family == AF_INET) {
        struct sockaddr_in *in = (void *)name;
        snprintf(out, room, "%s:%d/%d", inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip), ntohs(in->sin_port), len);
    } else if (name->ss_family == AF_INET6) {
        struct sockaddr_in6 *in = (void *)name;
        snprintf(out, room, "[%s]:%d/%d", inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip), ntohs(in->sin6_port), len);
    } else
        snprintf(out, room, "unix/%d", len);
}

static void *serve(void *argument) {
    int fd = (int)(long)argument, n;
    char bytes[65536];
    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        for (int at = 0, sent; n > 0 && at < n; at += sent > 0 ? sent : 0)
            if ((sent = write(fd, bytes + at, n - at)) < 0 && errno != EINTR) {
                close(fd);
                return 0;
            }
    close(fd);
    return 0;
}

static void serve_fork(int fd) {
    if (fork() == 0) serve((void *)(long)fd), _exit(0);
    close(fd);
    while (waitpid(-1, 0, WNOHANG) > 0)
        ;
}

/* Returns 0 if there was nothing to accept. */
static int accept_one(int listener, int forking) {
    struct sockaddr_storage name, peer, local;
    memset(&name, 0xEE, sizeof name);
    socklen_t len = buffer_size, peer_len = sizeof peer, local_len = sizeof local;
    errno = 4711;
    int fd = accept4(listener, buffer_size ? (void *)&name : NULL, buffer_size ? &len : NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR) printf("accept: %s\n", strerror(errno)), fflush(stdout);
        return errno == EINTR && nonblocking;
    }
    int kept = errno == 4711, flags = fcntl(fd, F_GETFL) & O_NONBLOCK, cloexec = fcntl(fd, F_GETFD);
    char line[512], first[80] = "-", second[80], third[80];
    if (buffer_size) print(first, sizeof first, &name, len);
    if (getpeername(fd, (void *)&peer, &peer_len) < 0)
        snprintf(second, sizeof second, "%s", strerror(errno)), printf("getpeername: %s\n", second), fflush(stdout);
    else
        print(second, sizeof second, &peer, peer_len);
    if (getsockname(fd, (void *)&local, &local_len) < 0) die("getsockname");
    print(third, sizeof third, &local, local_len);
    int n = snprintf(line, sizeof line, "%s %s %s errno=%s nonblock=%d cloexec=%d pid=%d\n", first, second, third,
                     kept ? "kept" : "changed", !!flags, cloexec, getpid());
    if (write(fd, line, n) != n) { /* the client is gone */ }
    pthread_t thread;
    if (forking)
        serve_fork(fd);
    else if (pthread_create(&thread, NULL, serve, (void *)(long)fd) == 0)
        pthread_detach(thread);
    return 1;
}

static void *accept_forever(void *listener) {
    for (;;) accept_one((int)(long)listener, 0);
    return 0;
}

int main(int argc, char **argv) {
    char *how = argv[1], *options = strchr(how, '+');
    if (options) *options++ = 0;
    for (char *option = options ? strtok(options, "+") : NULL; option; option = strtok(NULL, "+")) {
        if (*option == 'n') nonblocking = 1;
        if (*option == '1') buffer_size = 16;
        if (*option == '0') buffer_size = 0;
        if (*option == 's') {
            struct sigaction action = {.sa_handler = on_signal};
            sigaction(SIGALRM, &action, NULL);
            struct itimerval timer = {{0, 100}, {0, 100}};
            setitimer(ITIMER_REAL, &timer, NULL);
        }
    }
    signal(SIGPIPE, SIG_IGN);
    for (; count < argc - 2; count++) {
        char *text = argv[count + 2];
        struct sockaddr_storage name = {0};
        socklen_t len = sizeof(struct sockaddr_in);
        if (*text == '/') {
            struct sockaddr_un *un = (void *)&name;
            un->sun_family = AF_UNIX, strcpy(un->sun_path, text), len = sizeof *un;
        } else if (text[0] == '6' && text[1] == ':') {
            struct sockaddr_in6 *in = (void *)&name;
            in->sin6_family = AF_INET6, in->sin6_port = htons(atoi(text + 2)), len = sizeof *in;
        } else {
            struct sockaddr_in *in = (void *)&name;
            in->sin_family = AF_INET, in->sin_port = htons(atoi(text)), in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        }
        int listener = socket(name.ss_family, SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), 0), on = 1;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (getenv("REUSEPORT")) setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        int backlog = getenv("BACKLOG") ? atoi(getenv("BACKLOG")) : 511;
        if (bind(listener, (void *)&name, len) < 0 || listen(listener, backlog) < 0) die(text);
        getsockname(listener, (void *)&name, &len);
        char shown[80];
        print(shown, sizeof shown, &name, len);
        printf("listening on %s\n", shown);
        listeners[count] = listener;
    }
    int queue = epoll_create1(0), once = !strcmp(how, "oneshot");
    printf("ready\n"), fflush(stdout);
    if (!strcmp(how, "block") || !strcmp(how, "fork"))
        for (;;) accept_one(listeners[0], *how == 'f');
    if (!strcmp(how, "threads")) {
        for (int i = 0; i < 8; i++) {
            pthread_t thread;
            pthread_create(&thread, NULL, accept_forever, (void *)(long)listeners[i % count]);
        }
        for (;;) pause();
    }
    if (!strcmp(how, "poll") || !strcmp(how, "select"))
        for (;;) {
            struct pollfd entries[8];
            fd_set set;
            FD_ZERO(&set);
            for (int i = 0; i < count; i++) entries[i] = (struct pollfd){listeners[i], POLLIN, 0}, FD_SET(listeners[i], &set);
            int ready = *how == 'p' ? poll(entries, count, -1) : select(listeners[count - 1] + 1, &set, 0, 0, 0);
            for (int i = 0; ready > 0 && i < count; i++)
                if (*how == 'p' ? entries[i].revents : FD_ISSET(listeners[i], &set))
                    while (accept_one(listeners[i], 0) && nonblocking)
                        ;
        }
    unsigned mask = EPOLLIN | (!strcmp(how, "et") ? EPOLLET : once ? EPOLLONESHOT : !strcmp(how, "exclusive") ? EPOLLEXCLUSIVE : 0);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = mask, .data.fd = listeners[i]};
        if (epoll_ctl(queue, EPOLL_CTL_ADD, listeners[i], &event) < 0) die("epoll_ctl");
    }
    for (;;) {
        struct epoll_event event;
        if (epoll_wait(queue, &event, 1, -1) != 1) continue;
        while (accept_one(event.data.fd, 0) && nonblocking)
            ;
        if (once) event.events = mask, epoll_ctl(queue, EPOLL_CTL_MOD, event.data.fd, &event);
    }
}
