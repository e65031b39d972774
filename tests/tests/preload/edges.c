/* Does what is rare to a listening socket, and says what came of it. It must say the same with the library in it.
 *
 * usage: edges PORT         all of it; HEADER in the environment has its clients send it first
 *        edges PORT COUNT   accepts that often, and asks for the peer
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_in name = {.sin_family = AF_INET};
static volatile sig_atomic_t signals;

static void on_signal(int number) { (void)number, signals++; }

static int listen_on(int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Who waits in accept shall not be woken before the header is there. */
    if (getenv("HEADER")) setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
    if (bind(fd, (void *)&name, sizeof name) < 0 || listen(fd, 16) < 0) perror("listen"), exit(1);
    return fd;
}

static int client(void) {
    const char *header = getenv("HEADER");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&name, sizeof name) < 0) perror("connect"), exit(1);
    if (header && write(fd, header, strlen(header)) < 0) perror("write"), exit(1);
    return fd;
}

static int say(const char *what, int answer) {
    if (answer < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: ok, %d signals\n", what, (int)signals);
    fflush(stdout);
    return answer;
}

static int say_and_close(const char *what, int answer) {
    if (say(what, answer) >= 0) close(answer);
    return answer;
}

/* A listener that something happens to while a thread waits in accept. */
struct job {
    int listener;
    void (*what)(int);
};

static void *later(void *argument) {
    struct job *job = argument;
    usleep(100000);
    job->what(job->listener);
    return NULL;
}

static void meanwhile(const char *name_of_it, void (*what)(int)) {
    struct job job = {listen_on(0), what};
    pthread_t thread;
    pthread_create(&thread, NULL, later, &job);
    say_and_close(name_of_it, accept(job.listener, NULL, NULL));
    pthread_join(thread, NULL);
    say_and_close("and then", accept4(job.listener, NULL, NULL, SOCK_NONBLOCK));
    close(job.listener);
}

static void shut_down(int listener) { shutdown(listener, SHUT_RDWR); }
static void close_and_connect(int listener) { close(listener), client(); }
static void connect_to_it(int listener) { client(), fcntl(listener, F_SETFL, O_NONBLOCK); }

static void alarm_in(int milliseconds, int flags) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 0}, {0, milliseconds * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void time_limits(void) {
    int listener = listen_on(0);
    struct timeval limit = {0, 100000};
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    say_and_close("a time limit", accept(listener, NULL, NULL));
    client();
    say_and_close("a connection within it", accept(listener, NULL, NULL));
    say_and_close("a time limit again", accept(listener, NULL, NULL));
    close(listener);
}

static void interruptions(void) {
    int listener = listen_on(0);
    alarm_in(50, 0);
    say_and_close("a signal", accept(listener, NULL, NULL));
    close(listener);
    alarm_in(50, SA_RESTART);
    meanwhile("a signal that restarts, then a connection", connect_to_it);
}

static void wrong_arguments(void) {
    int listener = listen_on(SOCK_NONBLOCK), pair[2];
    char room[128];
    socklen_t len = sizeof room, wrong = (socklen_t)-1;
    say("nothing to accept", accept(listener, NULL, NULL));
    say("no descriptor", accept(-1, NULL, NULL));
    say("no socket", accept(0, NULL, NULL));
    say("not listening", accept(socket(AF_INET, SOCK_STREAM, 0), NULL, NULL));
    say("datagrams", accept(socket(AF_INET, SOCK_DGRAM, 0), NULL, NULL));
#ifdef __GLIBC__
    /* musl calls accept instead; the hook gives the kernel's answer here, too. */
    say("unknown flags", accept4(listener, NULL, NULL, 1));
#endif
    client(), say("no length", accept(listener, (void *)room, NULL));
    client(), say("a negative length", accept(listener, (void *)room, &wrong));
    client(), say("no name", accept(listener, NULL, &len));
    say("peer of a listener", getpeername(listener, (void *)room, &len));
    say("peer of no descriptor", getpeername(-1, (void *)room, &len));
    say("peer of no socket", getpeername(0, (void *)room, &len));
    say("peer without a length", getpeername(listener, (void *)room, NULL));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) say("peer of a pair", getpeername(pair[0], (void *)room, &len));
    say("own end of a listener", getsockname(listener, (void *)room, &len));
    close(listener);
}

int main(int argc, char **argv) {
    name.sin_port = htons(atoi(argv[1])), name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3) {
        int listener = listen_on(0);
        for (int i = 0; i < atoi(argv[2]); i++) {
            struct sockaddr_in peer;
            socklen_t len = sizeof peer;
            int other = client(), fd = accept(listener, (void *)&peer, &len);
            if (fd < 0 || getpeername(fd, (void *)&peer, &len) < 0) return perror("accept"), 1;
            close(fd), close(other);
        }
        return 0;
    }
    time_limits();
    meanwhile("shut down by another thread", shut_down);
    meanwhile("closed by another thread, then a connection", close_and_connect);
    interruptions();
    wrong_arguments();
    return 0;
}
