/* Fork, limits, pipe; see the header for what is promised.
 *
 * The child sends one Reply and the answer's bytes behind it. Whatever else comes over the pipe, or
 * does not come in time, is a failure of the child. */
#include "mnist_dist/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/base/h5file.h"

enum { PIPE = STDERR_FILENO + 1, MEBI = 1 << 20, LINE = 2048 };

typedef struct Reply {
    uint64_t count;
    int32_t status;
    char line[LINE];
} Reply;

Status sandbox_add(SandboxAnswer *answer, const void *bytes, size_t count) {
    if (count > answer->capacity - answer->count) {
        size_t capacity = 2 * answer->capacity + count;
        char *grown = realloc(answer->bytes, capacity);
        if (grown == NULL) return status_fail(STATUS_FAILED, "out of memory");
        answer->bytes = grown;
        answer->capacity = capacity;
    }
    if (count > 0) memcpy(answer->bytes + answer->count, bytes, count);
    answer->count += count;
    return STATUS_OK;
}

SandboxLimits sandbox_limits(size_t file_size) {
    return (SandboxLimits){.memory = (size_t)512 * MEBI + 8 * file_size,
                           .seconds = 10 + (unsigned)(file_size / 8 / MEBI)};
}

/* ---- The child ------------------------------------------------------------------------------- */

static size_t mapped_bytes(void) {
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fgets(text, sizeof text, file) == NULL) text[0] = '\0';
    (void)fclose(file);
    return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static bool limit(int resource, size_t value) {
    const struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

/* Nothing is open but the pipe. */
static bool close_files(int pipe_end) {
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(nowhere, fd) < 0) return false;
    if (pipe_end != PIPE && dup2(pipe_end, PIPE) < 0) return false;
    return close_range(PIPE + 1, ~0U, 0) == 0;
}

/* Those of the parent's handlers that would print or wait must not run here. */
static bool set_signals(void) {
    const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP};
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    return pthread_sigmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool set_limits(const SandboxLimits *limits) {
    size_t mapped = mapped_bytes();
    return mapped > 0 && limit(RLIMIT_AS, mapped + limits->memory) &&
           limit(RLIMIT_CPU, limits->seconds + 1) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_NOFILE, limits->files == 0 ? 0 : PIPE + 1 + limits->files) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool send_all(const void *bytes, size_t count) {
    for (const char *next = bytes; count > 0;) {
        ssize_t put = write(PIPE, next, count);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        next += put, count -= (size_t)put;
    }
    return true;
}

static _Noreturn void be_child(int pipe_end, pid_t parent,
                               Status (*task)(SandboxAnswer *answer, void *context), void *context,
                               const SandboxLimits *limits) {
    SandboxAnswer answer = {NULL, 0, 0};
    Reply reply = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !set_signals() || !close_files(pipe_end) || !set_limits(limits))
        _exit(1);
    status_clear();
    reply.status = (int32_t)task(&answer, context);
    reply.count = reply.status == STATUS_OK ? answer.count : 0;
    snprintf(reply.line, sizeof reply.line, "%s", status_message());
    bool sent = send_all(&reply, sizeof reply) && send_all(answer.bytes, (size_t)reply.count);
    _exit(sent ? 0 : 1);
}

/* ---- The parent ------------------------------------------------------------------------------ */

typedef struct Child {
    pid_t id;
    int pipe_end;
    int64_t deadline; /* in milliseconds of the monotonic clock */
    bool is_late;
} Child;

static int64_t now_in_milliseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The child begins with all signals blocked, so that no handler of ours runs in it. */
static pid_t fork_quietly(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t id = fork();
    int error = errno;
    if (id != 0) pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return id;
}

static Status start(Child *child, Status (*task)(SandboxAnswer *answer, void *context),
                    void *context, const SandboxLimits *limits, const char *name) {
    int ends[2];
    pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return status_fail_errno(STATUS_FAILED, "%s: no pipe to a process that reads it", name);
    child->deadline = now_in_milliseconds() + 1000 * (int64_t)limits->seconds;
    child->is_late = false;
    child->id = fork_quietly();
    if (child->id == 0) be_child(ends[1], self, task, context, limits);
    int error = errno;
    close(ends[1]);
    child->pipe_end = ends[0];
    errno = error;
    if (child->id > 0) return STATUS_OK;
    close(ends[0]);
    errno = error;
    return status_fail_errno(STATUS_FAILED, "%s: no process to read it in", name);
}

/* All of these bytes, before the deadline. */
static bool receive(void *bytes, size_t count, Child *child) {
    for (char *next = bytes; count > 0;) {
        struct pollfd input = {.fd = child->pipe_end, .events = POLLIN};
        int64_t left = child->deadline - now_in_milliseconds();
        child->is_late = left <= 0;
        if (child->is_late) return false;
        int ready = poll(&input, 1, left > 1000 ? 1000 : (int)left);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t got = ready < 0 ? -1 : read(child->pipe_end, next, count);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        next += got, count -= (size_t)got;
    }
    return true;
}

/* Of a child that sent no reply. */
static Status say_what_happened(const Child *child, int ended, const SandboxLimits *limits,
                                const char *name, Status blame) {
    bool by_signal = WIFSIGNALED(ended);
    if (child->is_late || (by_signal && WTERMSIG(ended) == SIGXCPU))
        return status_fail(blame, "%s: not read within %u s: damaged, or made to do harm", name,
                           limits->seconds);
    if (by_signal)
        return status_fail(blame, "%s: whoever reads it crashes (%s): damaged, or made to do harm",
                           name, strsignal(WTERMSIG(ended)));
    return status_fail(STATUS_FAILED, "%s: the process that should read it could not", name);
}

/* The child's own line, with the file's name in front if it has not got it. */
static Status pass_on(const Reply *reply, const char *name, Status blame) {
    const char *line = reply->line;
    bool has_name = strncmp(line, name, strlen(name)) == 0;
    return status_fail(blame, "%s%s%s", has_name ? "" : name, has_name ? "" : ": ", line);
}

static Status take_answer(SandboxAnswer *answer, Child *child, const Reply *reply,
                          const SandboxLimits *limits, const char *name, Status blame) {
    if (reply->status != STATUS_OK) return pass_on(reply, name, blame);
    if (reply->count > limits->memory)
        return status_fail(blame, "%s: holds more than %zu bytes, which is not taken", name,
                           limits->memory);
    answer->bytes = malloc((size_t)reply->count + 1);
    if (answer->bytes == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", name);
    if (receive(answer->bytes, (size_t)reply->count, child)) {
        answer->count = (size_t)reply->count;
        return STATUS_OK;
    }
    free(answer->bytes);
    answer->bytes = NULL;
    return status_fail(blame, "%s: not read within %u s: damaged, or made to do harm", name,
                       limits->seconds);
}

Status sandbox_run(SandboxAnswer *answer, Status (*task)(SandboxAnswer *answer, void *context),
                   void *context, const SandboxLimits *limits, const char *name, Status blame) {
    Child child;
    Reply reply = {0};
    int ended = 0;
    *answer = (SandboxAnswer){NULL, 0, 0};
    Status status = start(&child, task, context, limits, name);
    if (status != STATUS_OK) return status;
    bool replied = receive(&reply, sizeof reply, &child);
    reply.line[LINE - 1] = '\0';
    if (replied) status = take_answer(answer, &child, &reply, limits, name, blame);
    kill(child.id, SIGKILL); /* how it ended by itself, if it has, stands already */
    while (waitpid(child.id, &ended, 0) < 0 && errno == EINTR) continue;
    close(child.pipe_end);
    return replied ? status : say_what_happened(&child, ended, limits, name, blame);
}

/* ---- A reader tried ------------------------------------------------------------------------- */

typedef struct Trial {
    Status (*read)(const char *path);
    const char *path;
} Trial;

static Status run_trial(SandboxAnswer *answer, void *context) {
    const Trial *trial = context;
    (void)answer;
    return trial->read(trial->path);
}

Status sandbox_try(Status (*read)(const char *path), const char *path, Status blame) {
    struct stat info;
    SandboxAnswer answer;
    Trial trial = {read, path};
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || h5file_is_sealed(path))
        return STATUS_OK;
    SandboxLimits limits = sandbox_limits((size_t)info.st_size);
    limits.files = 1;
    Status status = sandbox_run(&answer, run_trial, &trial, &limits, path, blame);
    free(answer.bytes);
    return status;
}
