/* Names of processes, from /proc; see process.h. */
#include "mnist_dist/base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char UNKNOWN[] = "unknown";

/* The first word of a file or, of what is a link, its target; "unknown" if there is none. */
static void read_word(char word[64], const char *path) {
    ssize_t length = readlink(path, word, 63);
    FILE *file = length < 0 ? fopen(path, "re") : NULL;
    if (file != NULL) {
        length = fscanf(file, "%63s", word) == 1 ? (ssize_t)strlen(word) : -1;
        (void)fclose(file);
    }
    if (length < 0) length = snprintf(word, 64, "%s", UNKNOWN);
    word[length] = '\0';
}

/* When the process started, in clock ticks after boot; false if there is none, or no more than a
 * zombie. The name in brackets may hold brackets and spaces itself. */
static bool read_start(unsigned long long *started, long pid) {
    char path[64], text[1024], state = 'X';
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    const char *behind_name = strrchr(text, ')');
    if (behind_name == NULL) return false;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes numbers that fit */
    int got = sscanf(behind_name + 1,
                     " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                     " %llu",
                     &state, started);
    return got == 2 && state != 'Z' && state != 'X';
}

void process_name(ProcessName *own) {
    *own = (ProcessName){.pid = (long)getpid()};
    gethostname(own->host, sizeof own->host - 1);
    own->host[strcspn(own->host, " \t\r\n")] = '\0';
    if (own->host[0] == '\0') snprintf(own->host, sizeof own->host, "%s", UNKNOWN);
    read_word(own->boot, "/proc/sys/kernel/random/boot_id");
    read_word(own->space, "/proc/self/ns/pid");
    read_start(&own->started, own->pid);
}

/* Where /proc hides the processes of others, or is not there, the number is all there is. */
static bool is_hidden(long pid) {
    if (kill((pid_t)pid, 0) != 0) return errno == EPERM;
    return access("/proc/self/stat", R_OK) != 0;
}

bool process_is_running(long pid) {
    unsigned long long started;
    return read_start(&started, pid) || is_hidden(pid);
}

static ProcessLife life_here(const ProcessName *name) {
    unsigned long long started = 0;
    bool same = read_start(&started, name->pid) ? started == name->started : is_hidden(name->pid);
    return same ? PROCESS_ALIVE : PROCESS_GONE;
}

ProcessLife process_life(const ProcessName *name, const ProcessName *own) {
    bool same_host = strcmp(name->host, own->host) == 0;
    bool same_boot = strcmp(name->boot, own->boot) == 0;
    bool same_space = strcmp(name->space, own->space) == 0;
    bool known = strcmp(own->boot, UNKNOWN) != 0;
    if (same_boot && same_space && (known || same_host)) return life_here(name);
    bool rebooted = same_host && !same_boot && known && strcmp(name->boot, UNKNOWN) != 0;
    return rebooted ? PROCESS_GONE : PROCESS_UNSEEN;
}
