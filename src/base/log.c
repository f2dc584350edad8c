/* Lines for people: to standard output, standard error and the run's log file.
 *
 * A progress line is worth redrawing only where a person looks on. isatty cannot tell: Open MPI
 * gives each rank a pseudo-terminal of its own, whatever becomes of mpirun's output. So under a
 * launcher the launcher's own standard output is looked at, through /proc; where it cannot be seen
 * (another node, another user), nobody is taken to be watching.
 *
 * Text may hold names and lines out of files. Control characters in it are written as \xNN, so that
 * they can neither drive the terminal nor look like a line of ours. Refused: a logging library with
 * levels and time stamps; the run's figures are in metrics.h5, and this is what a person reads. */
#include "mnist_dist/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/heartbeat.h"

enum { MOST_ANCESTORS = 8, USUAL_WIDTH = 80, BRIEF = 2048 };

#define ERASE_LINE "\r\033[K"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* lines of several threads */

static struct {
    bool mute;
    int terminal; /* what the person looks at; -1: nobody does */
    bool progress_is_shown;
    FILE *file;
    bool file_has_failed;
} state = {.terminal = -1};

/* Control characters become \xNN; tabs and, unless `one_line`, line ends stay. Freed by the caller;
 * NULL if there is no memory. */
static char *escape(const char *text, bool one_line) {
    char *escaped = malloc(4 * strlen(text) + 1);
    if (escaped == NULL) return NULL;
    char *to = escaped;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 0x20 && c != 0x7f) || c == '\t' || (c == '\n' && !one_line);
        if (plain) {
            *to++ = *text;
        } else {
            to += sprintf(to, "\\x%02x", c);
        }
    }
    *to = '\0';
    return escaped;
}

static char *compose(bool one_line, const char *format, va_list arguments) {
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) return NULL;
    char *escaped = escape(text, one_line);
    free(text);
    return escaped;
}

/* Without memory: what there is room for, control characters blank. */
static void compose_brief(char text[BRIEF], bool one_line, const char *format, va_list arguments) {
    vsnprintf(text, BRIEF, format, arguments);
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 || *text == 0x7f) && (*text != '\n' || one_line))
            *text = ' ';
}

/* What cannot be written is lost; the next line is tried anew. False if it was. */
static bool put(FILE *stream, const char *prefix, const char *text) {
    bool good = fprintf(stream, "%s%s\n", prefix, text) >= 0;
    good = fflush(stream) == 0 && good;
    clearerr(stream);
    return good;
}

static void erase_progress(void) {
    if (!state.progress_is_shown) return;
    state.progress_is_shown = false;
    fputs(ERASE_LINE, stdout);
    (void)fflush(stdout);
    clearerr(stdout);
}

static void put_in_file(const char *prefix, const char *text) {
    if (state.file == NULL || put(state.file, prefix, text)) return;
    if (state.file_has_failed) return;
    state.file_has_failed = true;
    fprintf(stderr, "mnist_dist: warning: the log file cannot be written, lines are missing: %s\n",
            strerror(errno));
}

static void say(FILE *stream, const char *prefix, const char *text) {
    pthread_mutex_lock(&mutex);
    heartbeat_speaks();
    erase_progress();
    put(stream, prefix, text);
    heartbeat_has_spoken();
    put_in_file(prefix, text);
    pthread_mutex_unlock(&mutex);
}

/* A descriptor closed by the caller would be given to the next file opened, and our lines would end
 * up in that file. */
static void occupy_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
    }
}

/* The parent of a process by /proc/PID/stat, whose second field is a name in parentheses; -1 if it
 * cannot be known. */
static long parent_of(long pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    const char *name_end = strrchr(text, ')');
    if (name_end == NULL || strlen(name_end) < strlen(") S 1")) return -1;
    return strtol(name_end + strlen(") S "), NULL, 10);
}

/* The standard output of a process if it is a terminal, opened; else -1. */
static int open_terminal_of(const char *path) {
    int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && !isatty(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The launcher is the nearest ancestor whose output is not the pseudo-terminal it gave to us:
 * scripts and debuggers between it and us share that. */
static int launcher_terminal(void) {
    struct stat ours, theirs;
    if (fstat(STDOUT_FILENO, &ours) != 0) return -1;
    long pid = getppid();
    for (int i = 0; i < MOST_ANCESTORS && pid > 0; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%ld/fd/1", pid);
        if (stat(path, &theirs) != 0) return -1;
        bool shared = S_ISCHR(theirs.st_mode) && theirs.st_rdev == ours.st_rdev;
        if (!shared) return S_ISCHR(theirs.st_mode) ? open_terminal_of(path) : -1;
        pid = parent_of(pid);
    }
    return -1;
}

static int find_terminal(void) {
    const char *term = getenv("TERM");
    bool launched = getenv("OMPI_COMM_WORLD_RANK") != NULL || getenv("PMIX_RANK") != NULL;
    if (!isatty(STDOUT_FILENO)) return -1;
    if (term == NULL || *term == '\0' || strcmp(term, "dumb") == 0) return -1;
    return launched ? launcher_terminal() : STDOUT_FILENO;
}

void log_prepare(void) {
    signal(SIGPIPE, SIG_IGN);
    occupy_standard_streams();
}

void log_start(bool speaks) {
    state.mute = !speaks;
    state.terminal = speaks ? find_terminal() : -1;
}

/* Through no link that someone has put there, and without waiting for the reader of a FIFO. */
static FILE *open_for_appending(const char *path) {
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(path, flags, 0666);
    return fd < 0 ? NULL : fdopen(fd, "a");
}

void log_open(const char *path) {
    if (state.mute) return;
    log_close();
    state.file_has_failed = false;
    state.file = open_for_appending(path);
    if (state.file != NULL) return;
    const char *reason = errno == ELOOP ? "it is a symbolic link" : strerror(errno);
    log_warning("%s: no log is written: %s", path, reason);
}

void log_close(void) {
    erase_progress();
    if (state.file != NULL) (void)fclose(state.file);
    state.file = NULL;
}

bool log_is_watched(void) {
    return state.terminal >= 0;
}

static void say_formatted(FILE *stream, const char *prefix, const char *format, va_list arguments) {
    if (state.mute) return;
    char brief[BRIEF];
    va_list again;
    va_copy(again, arguments);
    char *text = compose(stream == stderr, format, arguments);
    if (text == NULL) compose_brief(brief, stream == stderr, format, again);
    va_end(again);
    say(stream, prefix, text != NULL ? text : brief);
    free(text);
}

void log_line(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_formatted(stdout, "", format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_formatted(stderr, "mnist_dist: warning: ", format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_formatted(stderr, "mnist_dist: error: ", format, arguments);
    va_end(arguments);
}

/* Columns of the terminal; mpirun's pseudo-terminal and some others say 0. */
static size_t terminal_width(void) {
    struct winsize size = {0};
    if (ioctl(state.terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    long width = columns == NULL ? 0 : strtol(columns, NULL, 10);
    return width > 0 && width < 10000 ? (size_t)width : USUAL_WIDTH;
}

/* Cuts UTF-8 text after `columns` characters, taking each to be one column wide. */
static void cut(char *text, size_t columns) {
    size_t used = 0;
    for (; *text != '\0'; text++) {
        bool begins = ((unsigned char)*text & 0xc0) != 0x80;
        if (begins && used++ == columns) {
            *text = '\0';
            return;
        }
    }
}

void log_progress(const char *format, ...) {
    if (state.mute || !log_is_watched()) return;
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(true, format, arguments);
    va_end(arguments);
    if (text == NULL) return;
    cut(text, terminal_width() - 1); /* a full line would wrap */
    pthread_mutex_lock(&mutex);
    heartbeat_speaks();
    fprintf(stdout, "\r%s\033[K", text);
    (void)fflush(stdout);
    heartbeat_has_spoken();
    clearerr(stdout);
    state.progress_is_shown = true;
    pthread_mutex_unlock(&mutex);
    free(text);
}
