/* An Ethernet switch in user space, whose lines have a delay, a rate and a loss: for kernels that
 * have no netem.
 *
 *   net_switch LINK NAMESPACE...        "." is the network namespace that it is started in
 *
 * Port k is a TAP device eth0 in the k-th namespace, whose address is 02:00:00:00:00:k; so where a
 * frame goes stands in it, and nothing is learnt. The file LINK holds "DELAY MBIT LOSS":
 * microseconds one way, Mbit/s of a line in each direction (0: any), frames of a million that are
 * lost. It is read at the start and on SIGHUP. "ready" on standard output says that the devices are
 * there.
 *
 * A frame occupies its sender's line, then the receiver's, which begins to get it before the
 * sender's line is free again, as on a switch that does not store. Frames leave a port in the order
 * in which they came to it, so each port has one queue, without end: what is lost is lost by LOSS.
 * Devices take and give TCP's data in lumps of up to 64 KB (IFF_VNET_HDR): a call for each 1,500
 * bytes would be the limit. So a lost frame may be such a lump. Its own limits, where it has a
 * core: 5 Gbit/s, and delays that are up to 0.1 ms longer than said. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 64, FRAMES_AT_ONCE = 64, HEADER = sizeof(struct virtio_net_hdr), LARGEST = 70000 };

typedef struct Frame {
    STAILQ_ENTRY(Frame) next;
    int64_t due; /* ns: when the last of it has arrived */
    size_t size;
    unsigned char bytes[]; /* HEADER, then the frame */
} Frame;

typedef struct Port {
    int device;
    int64_t sends_until, receives_until; /* ns: when its line is free again */
    STAILQ_HEAD(, Frame) queue;          /* of what it is to be given */
} Port;

typedef struct Link {
    double delay, rate, loss; /* ns, bits a ns, of a million */
} Link;

typedef struct Switch {
    const char *file;
    Link link;
    Port ports[PORTS];
    int count;
    unsigned short dice[3];
} Switch;

static volatile sig_atomic_t link_changed = 1;

static void note_change(int signal) {
    (void)signal;
    link_changed = 1;
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "net_switch: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static void enter(int namespace, const char *name) {
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) != 0) die(name);
}

static void name_port(int device, int port) {
    struct ifreq request = {.ifr_name = "eth0"};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(device, TUNSETIFF, &request) != 0) die("TUNSETIFF");
    if (ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
        die("TUNSETOFFLOAD");
    const unsigned char address[ETH_ALEN] = {2, 0, 0, 0, 0, (unsigned char)port};
    request.ifr_hwaddr.sa_family = 1; /* Ethernet */
    memcpy(request.ifr_hwaddr.sa_data, address, sizeof address);
    if (ioctl(device, SIOCSIFHWADDR, &request) != 0) die("SIOCSIFHWADDR");
}

static void open_port(Switch *all, const char *namespace, int home) {
    char path[256];
    Port *port = &all->ports[all->count];
    snprintf(path, sizeof path, "/run/netns/%s", namespace);
    bool here = strcmp(namespace, ".") == 0;
    int there = here ? home : open(path, O_RDONLY | O_CLOEXEC);
    enter(there, path);
    port->device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port->device < 0) die("/dev/net/tun");
    name_port(port->device, all->count++);
    STAILQ_INIT(&port->queue);
    enter(home, "the namespace that this was started in");
    if (!here) close(there);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static void read_link(Switch *all) {
    double microseconds = 0, mbit = 0, loss = 0;
    link_changed = 0;
    FILE *file = fopen(all->file, "r");
    if (file == NULL || fscanf(file, "%lf %lf %lf", &microseconds, &mbit, &loss) != 3)
        die(all->file);
    fclose(file);
    all->link = (Link){1000 * microseconds, mbit / 1000, loss};
}

/* Occupies a line for `span` from `begin` on, or from when it is free. Returns when that ends. */
static int64_t occupy(int64_t *busy_until, int64_t begin, int64_t span) {
    *busy_until = (*busy_until > begin ? *busy_until : begin) + span;
    return *busy_until;
}

static void enqueue(Port *port, const unsigned char *bytes, size_t size, int64_t due) {
    Frame *frame = malloc(sizeof *frame + size);
    if (frame == NULL) die("memory");
    frame->due = due;
    frame->size = size;
    memcpy(frame->bytes, bytes, size);
    STAILQ_INSERT_TAIL(&port->queue, frame, next);
}

/* To the port that its first bytes name, or to all others. */
static void forward(Switch *all, int from, const unsigned char *bytes, size_t size) {
    const unsigned char *to = bytes + HEADER;
    const double rate = all->link.rate;
    int64_t span = rate > 0 ? (int64_t)((double)(8 * (size - HEADER)) / rate) : 0;
    int64_t sent = occupy(&all->ports[from].sends_until, now(), span);
    if (1e6 * erand48(all->dice) < all->link.loss) return;
    for (int k = 0; k < all->count; k++) {
        Port *port = &all->ports[k];
        bool meant = (to[0] & 1) != 0 || to[ETH_ALEN - 1] == k;
        if (k == from || !meant) continue;
        int64_t arrives = sent - span + (int64_t)all->link.delay;
        enqueue(port, bytes, size, occupy(&port->receives_until, arrives, span));
    }
}

static void take(Switch *all, int from) {
    unsigned char bytes[LARGEST];
    for (int i = 0; i < FRAMES_AT_ONCE; i++) {
        ssize_t size = read(all->ports[from].device, bytes, sizeof bytes);
        if (size < (ssize_t)(HEADER + ETH_HLEN)) return;
        forward(all, from, bytes, (size_t)size);
    }
}

/* What is due. A device that is down, or full, loses it. */
static void give(Port *port, int64_t time) {
    while (!STAILQ_EMPTY(&port->queue) && STAILQ_FIRST(&port->queue)->due <= time) {
        Frame *frame = STAILQ_FIRST(&port->queue);
        STAILQ_REMOVE_HEAD(&port->queue, next);
        if (write(port->device, frame->bytes, frame->size) < 0 && errno != EIO && errno != EAGAIN)
            die("a frame");
        free(frame);
    }
}

/* Nanoseconds until the next frame is due; a second, if none is. */
static int64_t time_left(const Switch *all, int64_t time) {
    int64_t left = 1000000000;
    for (int k = 0; k < all->count; k++) {
        const Frame *frame = STAILQ_FIRST(&all->ports[k].queue);
        if (frame != NULL && frame->due - time < left) left = frame->due - time;
    }
    return left > 0 ? left : 0;
}

static void wait_for_frames(const Switch *all, struct pollfd polls[]) {
    int64_t left = time_left(all, now());
    struct timespec most = {left / 1000000000, left % 1000000000};
    for (int k = 0; k < all->count; k++)
        polls[k] = (struct pollfd){.fd = all->ports[k].device, .events = POLLIN};
    if (ppoll(polls, (nfds_t)all->count, &most, NULL) < 0)
        for (int k = 0; k < all->count; k++) polls[k].revents = 0;
}

static void run(Switch *all) {
    struct pollfd polls[PORTS];
    for (;;) {
        if (link_changed) read_link(all);
        wait_for_frames(all, polls);
        for (int k = 0; k < all->count; k++)
            if ((polls[k].revents & POLLIN) != 0) take(all, k);
        int64_t time = now();
        for (int k = 0; k < all->count; k++) give(&all->ports[k], time);
    }
}

int main(int argc, char *argv[]) {
    static Switch all = {.dice = {1, 2, 3}};
    const struct sigaction change = {.sa_handler = note_change};
    const struct sched_param first = {.sched_priority = 1};
    if (argc < 3 || argc - 2 > PORTS) {
        fprintf(stderr, "usage: net_switch LINK NAMESPACE... (up to %d)\n", PORTS);
        return 2;
    }
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    all.file = argv[1];
    for (int i = 2; i < argc; i++) open_port(&all, argv[i], home);
    sigaction(SIGHUP, &change, NULL);
    /* Late frames are a longer delay: it goes before others, where it may. */
    sched_setscheduler(0, SCHED_FIFO, &first);
    prctl(PR_SET_TIMERSLACK, 1);
    printf("ready\n");
    fflush(stdout);
    run(&all);
}
