/* A process of another user who tries to get something from a lot, or through it from a server.
 *
 * usage: stranger LOT PORT; prints what it got, "nothing" if all is well.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int got;

static socklen_t lot_address(struct sockaddr_un *un, const char *lot) {
    un->sun_family = AF_UNIX;
    int n = sprintf(un->sun_path + 1, "realpeer-lot/%s", lot);
    un->sun_path[0] = 0;
    return offsetof(struct sockaddr_un, sun_path) + 1 + n;
}

static void ask(const char *lot, const char *message, size_t len, int fd, const char *what) {
    struct sockaddr_un un = {0};
    int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (connect(s, (void *)&un, lot_address(&un, lot)) < 0) {
        printf("%s: connect: %s\n", what, strerror(errno)), got++;
        return;
    }
    char control[CMSG_SPACE(sizeof(int))] = {0}, answer[64];
    struct iovec iov = {(void *)message, len};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = control, header.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    sendmsg(s, &header, MSG_NOSIGNAL);
    struct iovec in = {answer, sizeof answer};
    struct msghdr reply = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct pollfd entry = {s, POLLIN, 0};
    poll(&entry, 1, 2000);
    int n = recvmsg(s, &reply, MSG_DONTWAIT);
    if (n > 0 && CMSG_FIRSTHDR(&reply)) printf("%s: got a descriptor\n", what), got++;
    close(s);
}

static int connect_tcp(int port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&in, sizeof in) < 0) perror("connect"), exit(1);
    return s;
}

/* A ring that nobody has been parked for, and then whatever the server says to it. */
static void ring(int port, const char *lot, const char *what) {
    char bytes[40] = "\x01rpring1", answer[256];
    memcpy(bytes + 8, lot, 16), memset(bytes + 24, 'n', 16);
    int s = connect_tcp(port);
    write(s, bytes, sizeof bytes);
    struct pollfd entry = {s, POLLIN, 0};
    if (poll(&entry, 1, 5000) != 1)
        printf("%s: the server keeps it\n", what), got++;
    else if (read(s, answer, sizeof answer) > 0)
        printf("%s: the server answers\n", what), got++;
    close(s);
}

int main(int argc, char **argv) {
    (void)argc;
    const char *lot = argv[1];
    int port = atoi(argv[2]);
    char message[20] = {1, 'F'};
    for (int i = 0; i < 20; i++) memset(message + 4, i, 16), ask(lot, message, sizeof message, -1, "fetch");
    message[1] = 'H', ask(lot, message, sizeof message, -1, "hello");
    message[1] = 'P', ask(lot, message, sizeof message, connect_tcp(port), "park");
    ask(lot, "", 0, -1, "nothing"), ask(lot, "abc", 3, 0, "rubbish");
    char *long_one = calloc(1, 60000);
    ask(lot, long_one, 60000, 0, "a long message");
    /* Rings that name the real lot, none, and one of ours, which hands out a descriptor to whoever asks. */
    ring(port, lot, "ring of the real lot");
    ring(port, "0123456789abcdef", "ring of no lot");
    struct sockaddr_un un = {0};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (bind(listener, (void *)&un, lot_address(&un, "00000000deadbeef")) < 0 || listen(listener, 5) < 0) return 1;
    ring(port, "00000000deadbeef", "ring of our lot");
    /* Visitors who say nothing, more than anybody has patience for. */
    for (int i = 0; i < 400; i++) {
        int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
        socklen_t len = lot_address(&un, lot);
        connect(s, (void *)&un, len);
    }
    puts(got ? "something" : "nothing");
    fflush(stdout);
    sleep(1);
    return 0;
}
