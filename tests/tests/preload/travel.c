/* Accepts, and has a copy, a process that is handed the socket, and a program that inherits it say who the peer is. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(int fd, const char *who) {
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    char line[100], ip[INET_ADDRSTRLEN];
    if (getpeername(fd, (void *)&peer, &len) < 0) exit(1);
    int n = snprintf(line, sizeof line, "%s %s:%d\n", who, inet_ntop(AF_INET, &peer.sin_addr, ip, sizeof ip), ntohs(peer.sin_port));
    if (write(fd, line, n) != n) exit(1);
}

static void hand_over(int fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) exit(1);
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (fork() == 0) {
        close(fd);
        if (recvmsg(pair[1], &header, 0) < 0) exit(1);
        int received;
        memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof received);
        say(received, "scm");
        exit(0);
    }
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(pair[0], &header, 0) < 0) exit(1);
    wait(0);
    close(pair[0]), close(pair[1]);
}

int main(int argc, char **argv) {
    if (argc == 3) {
        say(atoi(argv[2]), "exec");
        return 0;
    }
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&name, sizeof name) < 0 || listen(listener, 5) < 0) return perror("listen"), 1;
    puts("ready"), fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        int copy = dup(fd);
        say(copy, "dup");
        close(copy);
        hand_over(fd);
        if (fork() == 0) {
            char number[12];
            sprintf(number, "%d", fd);
            execl("/proc/self/exe", argv[0], argv[1], number, (char *)NULL);
            exit(1);
        }
        wait(0);
        close(fd);
    }
}
