/* Ways to give one frame to many sockets, for `python -m loadtest.ways` alone: nothing of it is in the product.
   Each returns how many sockets took all of it, or -1 where the kernel does not offer the way. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

typedef struct {
    const int *fds;
    long count;
    const char *data;
    size_t size;
    long whole;
} share;

long way_loop(const int *fds, long count, const char *data, size_t size) {
    long whole = 0;
    for (long i = 0; i < count; i++)
        whole += send(fds[i], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
    return whole;
}

static void *run_share(void *given) {
    share *mine = given;
    mine->whole = way_loop(mine->fds, mine->count, mine->data, mine->size);
    return NULL;
}

/* A second thread has one half. It is made anew each time, which takes some 30 us: a kept one would save that. */
long way_helper(const int *fds, long count, const char *data, size_t size) {
    pthread_t thread;
    share theirs = {fds + count / 2, count - count / 2, data, size, 0};
    if (pthread_create(&thread, NULL, run_share, &theirs) != 0) return -1;
    long whole = way_loop(fds, count / 2, data, size);
    pthread_join(thread, NULL);
    return whole + theirs.whole;
}

/* The same bytes in `parts` sends, as for as many channels of one connection, or in one writev (cork). */
long way_parts(const int *fds, long count, const char *data, size_t size, int parts) {
    long whole = 0;
    size_t each = size / parts;
    for (long i = 0; i < count; i++) {
        int good = 1;
        for (int part = 0; part < parts; part++)
            good &= send(fds[i], data + part * each, each, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)each;
        whole += good;
    }
    return whole;
}

long way_cork(const int *fds, long count, const char *data, size_t size, int parts) {
    long whole = 0;
    struct iovec pieces[16];
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = parts};
    for (int part = 0; part < parts; part++) {
        pieces[part].iov_base = (char *)data + part * (size / parts);
        pieces[part].iov_len = size / parts;
    }
    for (long i = 0; i < count; i++)
        whole += sendmsg(fds[i], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
    return whole;
}

/* Pages are lent to the kernel, which tells on the error queue when it has done with them. */
long way_zerocopy(const int *fds, long count, const char *data, size_t size) {
    long whole = 0;
    char control[128];
    for (long i = 0; i < count; i++) {
        int one = 1;
        if (setsockopt(fds[i], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one) != 0) return -1;
        whole += send(fds[i], data, size, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_ZEROCOPY) == (ssize_t)size;
    }
    for (long i = 0; i < count; i++) {
        struct msghdr told = {.msg_control = control, .msg_controllen = sizeof control};
        while (recvmsg(fds[i], &told, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) told.msg_controllen = sizeof control;
    }
    return whole;
}

#define ENTRIES 256
static struct {
    int fd;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    unsigned *sq_tail, *sq_array, *cq_head, *cq_tail, sq_mask, cq_mask;
} ring = {.fd = -1};

static int ring_open(void) {
    struct io_uring_params p;
    memset(&p, 0, sizeof p);
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    int fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
    if (fd < 0) return -1;
    size_t sq = p.sq_off.array + p.sq_entries * sizeof(unsigned), cq = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, sq > cq ? sq : cq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
    ring.sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                     IORING_OFF_SQES);
    if (rings == MAP_FAILED || ring.sqes == MAP_FAILED || !(p.features & IORING_FEAT_SINGLE_MMAP)) return -1;
    ring.sq_tail = (unsigned *)(rings + p.sq_off.tail);
    ring.sq_mask = *(unsigned *)(rings + p.sq_off.ring_mask);
    ring.sq_array = (unsigned *)(rings + p.sq_off.array);
    ring.cq_head = (unsigned *)(rings + p.cq_off.head);
    ring.cq_tail = (unsigned *)(rings + p.cq_off.tail);
    ring.cq_mask = *(unsigned *)(rings + p.cq_off.ring_mask);
    ring.cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
    ring.fd = fd;
    return 0;
}

/* 256 sends with one system call. */
long way_uring(const int *fds, long count, const char *data, size_t size) {
    long whole = 0;
    if (ring.fd < 0 && ring_open() != 0) return -1;
    for (long at = 0; at < count;) {
        unsigned batch = count - at < ENTRIES ? (unsigned)(count - at) : ENTRIES, tail = *ring.sq_tail;
        for (unsigned i = 0; i < batch; i++, tail++) {
            unsigned slot = tail & ring.sq_mask;
            struct io_uring_sqe *sqe = &ring.sqes[slot];
            memset(sqe, 0, sizeof *sqe);
            sqe->opcode = IORING_OP_SEND;
            sqe->fd = fds[at + i];
            sqe->addr = (uint64_t)(uintptr_t)data;
            sqe->len = (unsigned)size;
            sqe->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
            ring.sq_array[slot] = slot;
        }
        __atomic_store_n(ring.sq_tail, tail, __ATOMIC_RELEASE);
        if (syscall(__NR_io_uring_enter, ring.fd, batch, batch, IORING_ENTER_GETEVENTS, NULL, 0) != (long)batch) return -1;
        unsigned head = *ring.cq_head, end = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
        for (; head != end; head++) whole += ring.cqes[head & ring.cq_mask].res == (int)size;
        __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
        at += batch;
    }
    return whole;
}
