/* Which call goes wrong, and how; see faults.h. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CHANGING = CALL_CREATE | CALL_WRITE | CALL_TRUNCATE | CALL_SYNC | CALL_RENAME | CALL_UNLINK |
               CALL_MKDIR | CALL_LINK,
    GROWING = CALL_CREATE | CALL_WRITE | CALL_TRUNCATE | CALL_SYNC | CALL_CLOSE | CALL_RENAME |
              CALL_MKDIR | CALL_LINK,
    OPENING = CALL_OPEN | CALL_CREATE | CALL_LIST,
    ALL_OF_FILES = CHANGING | OPENING | CALL_READ | CALL_CLOSE | CALL_STAT
};

typedef enum Effect { ERROR, CUT, LOSS, DEATH_BEFORE, DEATH_WITHIN, NO_RETURN } Effect;

static const struct Kind {
    const char *name;
    Effect effect;
    int code; /* errno */
    int calls;
} KINDS[] = {
    {"kill", DEATH_BEFORE, 0, CHANGING | CALL_CLOSE},
    {"tear", DEATH_WITHIN, 0, CALL_WRITE},
    {"short", CUT, 0, CALL_WRITE},
    {"lost", LOSS, 0, CALL_WRITE},
    {"eio", ERROR, EIO, ALL_OF_FILES},
    {"enospc", ERROR, ENOSPC, GROWING},
    {"edquot", ERROR, EDQUOT, GROWING},
    {"erofs", ERROR, EROFS, CHANGING & ~CALL_SYNC},
    {"emfile", ERROR, EMFILE, OPENING},
    {"eintr", ERROR, EINTR, CALL_READ | CALL_WRITE},
    {"sync", ERROR, EIO, CALL_SYNC},
    {"stall", NO_RETURN, 0, CALL_SYNC},
    {"memory", ERROR, ENOMEM, CALL_ALLOCATE},
};

static struct {
    char folder[PATH_MAX], working[PATH_MAX];
    size_t folder_length;
    const struct Kind *kind;
    long at;
    bool on;
    int report;
    atomic_long count;
} state = {.report = -1};

static const struct Kind *find_kind(const char *name) {
    for (size_t i = 0; name != NULL && i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0) return &KINDS[i];
    return NULL;
}

/* Launchers and shells inherit the environment. */
static bool is_wanted_process(void) {
    if (strcmp(program_invocation_short_name, "mnist_dist") != 0) return false;
    const char *wanted = getenv("FAULTS_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    return wanted == NULL || (rank != NULL && strcmp(wanted, rank) == 0);
}

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("FAULTS_FOLDER"), *at = getenv("FAULTS_AT");
    const char *report = getenv("FAULTS_REPORT");
    if (folder == NULL || !is_wanted_process()) return;
    if (getcwd(state.working, sizeof state.working) == NULL) return;
    if (report != NULL)
        state.report = (int)syscall(SYS_openat, AT_FDCWD, report,
                                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    state.on = getenv("FAULTS_ON") != NULL;
    state.at = at == NULL ? 0 : strtol(at, NULL, 10);
    state.kind = find_kind(getenv("FAULTS_KIND"));
    snprintf(state.folder, sizeof state.folder, "%s", folder);
    state.folder_length = strlen(state.folder);
}

__attribute__((destructor)) static void end(void) {
    if (state.kind != NULL) faults_report("counted %ld", atomic_load(&state.count));
}

void faults_report(const char *format, ...) {
    char line[PATH_MAX + 64];
    if (state.report < 0) return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[length] = '\n';
    syscall(SYS_write, state.report, line, (size_t)length + 1);
}

void *faults_original(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

const char *faults_guarded(char *full, const char *at, const char *path) {
    if (state.folder_length == 0 || path == NULL) return NULL;
    const char *before = *path == '/' ? "" : at != NULL ? at : state.working;
    if (snprintf(full, PATH_MAX, "%s%s%s", before, *before == '\0' ? "" : "/", path) >= PATH_MAX)
        return NULL;
    if (strncmp(full, state.folder, state.folder_length) != 0) return NULL;
    char next = full[state.folder_length];
    return next == '/' || next == '\0' ? full : NULL;
}

void faults_cut(void) {
    if (state.kind->effect == DEATH_WITHIN) kill(getpid(), SIGKILL);
}

bool faults_counts(Call call) {
    return state.kind != NULL && (state.kind->calls & (int)call) != 0;
}

Verdict faults_judge(Call call, const char *path) {
    if (!faults_counts(call)) return PASSES;
    long number = atomic_fetch_add(&state.count, 1) + 1;
    if (state.at == 0 || number < state.at || (number > state.at && !state.on)) return PASSES;
    if (number == state.at) faults_report("hit %ld %d %s", number, (int)call, path);
    if (state.kind->effect == DEATH_BEFORE) kill(getpid(), SIGKILL);
    while (state.kind->effect == NO_RETURN) pause();
    if (state.kind->effect == LOSS) return IS_LOST;
    if (state.kind->effect != ERROR) return IS_CUT;
    errno = state.kind->code;
    return FAILS;
}
