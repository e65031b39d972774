/* Starts a program as Docker does by default: no new privileges, and a filter for system calls.
 *
 * usage: confined PROGRAM [ARGUMENT]...
 *
 * The filter has Docker's default actions, and of the calls that its default profile allows without capabilities those
 * that a server, `realpeer run` and what starts them may need. Whatever else they call fails here, so a call that Docker
 * refuses would be noticed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif
/* The CLONE_NEW flags, as the profile has them. */
#define NAMESPACES 0x7E020000

static const int allowed[] = {
    SYS_accept, SYS_accept4, SYS_bind, SYS_brk, SYS_capget, SYS_chdir, SYS_clock_gettime, SYS_clock_nanosleep, SYS_close,
    SYS_close_range, SYS_connect, SYS_dup, SYS_dup3, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_execve,
    SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fcntl, SYS_fgetxattr, SYS_fstat, SYS_futex, SYS_getcwd,
    SYS_getegid, SYS_geteuid, SYS_getgid, SYS_getpeername, SYS_getpid, SYS_getppid, SYS_getrandom, SYS_getsockname,
    SYS_getsockopt, SYS_gettid, SYS_getuid, SYS_ioctl, SYS_listen, SYS_lseek, SYS_madvise, SYS_memfd_create, SYS_mmap,
    SYS_mprotect, SYS_mremap, SYS_munmap, SYS_nanosleep, SYS_newfstatat, SYS_openat, SYS_pidfd_open, SYS_pidfd_send_signal,
    SYS_pipe2, SYS_ppoll, SYS_prctl, SYS_pread64, SYS_prlimit64, SYS_pselect6, SYS_read, SYS_readlinkat, SYS_recvfrom,
    SYS_recvmsg, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_sched_getaffinity, SYS_sched_yield, SYS_sendmsg, SYS_sendto, SYS_set_robust_list, SYS_set_tid_address,
    SYS_setitimer, SYS_setpgid, SYS_setsid, SYS_setsockopt, SYS_shutdown, SYS_sigaltstack, SYS_socketpair, SYS_statx,
    SYS_sysinfo, SYS_tgkill, SYS_uname, SYS_wait4, SYS_write, SYS_writev,
#ifdef __x86_64__
    SYS_access, SYS_arch_prctl, SYS_dup2, SYS_epoll_wait, SYS_fork, SYS_getpgrp, SYS_getrlimit, SYS_open, SYS_pause,
    SYS_pipe, SYS_poll, SYS_readlink, SYS_select, SYS_stat, SYS_vfork,
#endif
};

#define COUNT (sizeof allowed / sizeof *allowed)
static struct sock_filter filter[2 * COUNT + 32];
static unsigned short len;

static void add(unsigned short code, unsigned word, unsigned char if_true, unsigned char if_false) {
    filter[len++] = (struct sock_filter){code, if_true, if_false, word};
}

static void load(unsigned at) { add(BPF_LD | BPF_W | BPF_ABS, at, 0, 0); }
static void answer(unsigned action) { add(BPF_RET | BPF_K, action, 0, 0); }
static void if_equal(unsigned word, unsigned action) { add(BPF_JMP | BPF_JEQ | BPF_K, word, 0, 1), answer(action); }

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    load(offsetof(struct seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), answer(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(struct seccomp_data, nr));
    if_equal(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    for (size_t i = 0; i < COUNT; i++) if_equal(allowed[i], SECCOMP_RET_ALLOW);
    /* clone is allowed without new namespaces. */
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load(offsetof(struct seccomp_data, args[0]));
    add(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1), answer(SECCOMP_RET_ERRNO | EPERM), answer(SECCOMP_RET_ALLOW);
    /* socket is allowed but for two families, AF_VSOCK and AF_ALG. */
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 6);
    load(offsetof(struct seccomp_data, args[0]));
    if_equal(40, SECCOMP_RET_ERRNO | EPERM), if_equal(38, SECCOMP_RET_ERRNO | EPERM);
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {len, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return perror("seccomp"), 2;
    /* What the profile refuses is refused: without it both would fail otherwise. */
    if (syscall(SYS_pidfd_getfd, -1, -1, 0) == 0 || errno != EPERM) return fputs("no filter\n", stderr), 2;
    if (syscall(SYS_clone3, NULL, 0) == 0 || errno != ENOSYS) return fputs("no filter\n", stderr), 2;
    execv(argv[1], argv + 1);
    return perror(argv[1]), 2;
}
