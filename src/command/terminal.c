/* A terminal by termios and the escape sequences that all of them share; see terminal.h. */
#include "command/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER_SCREEN "\033[?1049h\033[?25l\033[2J" /* the second screen, no cursor, empty */
#define LEAVE_SCREEN "\033[0m\033[?25h\033[?1049l"

enum { USUAL_ROWS = 24, USUAL_COLUMNS = 80, MOST = 1000 };

static struct {
    bool entered, has_keys;
    struct termios before;
} terminal;

static volatile sig_atomic_t wants_to_leave;

bool terminal_is_there(void) {
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool terminal_has_colours(void) {
    const char *refused = getenv("NO_COLOR");
    return terminal_is_there() && (refused == NULL || *refused == '\0');
}

static int choose_size(int told, const char *variable, int usual) {
    const char *text = getenv(variable);
    if (told <= 0 && text != NULL) told = (int)strtol(text, NULL, 10);
    if (told <= 0) told = usual;
    return told < MOST ? told : MOST;
}

void terminal_size(int *rows, int *columns) {
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
    *rows = choose_size(size.ws_row, "LINES", USUAL_ROWS);
    *columns = choose_size(size.ws_col, "COLUMNS", USUAL_COLUMNS);
}

static void on_signal(int number) {
    if (number != SIGWINCH) wants_to_leave = 1;
}

/* Without SA_RESTART, so that a signal ends the wait for a key. */
static void catch_signals(void (*handler)(int)) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    struct sigaction action = {.sa_handler = handler};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

/* Keys come at once and unechoed; Ctrl-Z, which would leave the second screen up, is off. */
static void take_keys(void) {
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before) != 0) return;
    struct termios raw = terminal.before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    terminal.has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void terminal_enter(void) {
    wants_to_leave = 0;
    catch_signals(on_signal);
    take_keys();
    terminal.entered = terminal_write(ENTER_SCREEN);
}

void terminal_leave(void) {
    if (terminal.entered) terminal_write(LEAVE_SCREEN);
    if (terminal.has_keys) tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    terminal.entered = terminal.has_keys = false;
    catch_signals(SIG_DFL);
}

bool terminal_write(const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t done = write(STDOUT_FILENO, text, left);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        text += done, left -= (size_t)done;
    }
    return true;
}

/* Escape is a key by itself, and the beginning of what others send: arrows, for one. */
static bool asks_to_leave(const char *keys, ssize_t count) {
    if (count == 1 && (keys[0] == '\033' || keys[0] == '\004' /* Ctrl-D */)) return true;
    return keys[0] != '\033' &&
           (memchr(keys, 'q', (size_t)count) != NULL || memchr(keys, 'Q', (size_t)count) != NULL);
}

bool terminal_wait(int milliseconds) {
    struct pollfd input = {.fd = terminal.has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    char keys[64];
    if (wants_to_leave) return true;
    int ready = poll(&input, 1, milliseconds);
    if (wants_to_leave) return true;
    if (ready <= 0) return false;
    ssize_t count = read(STDIN_FILENO, keys, sizeof keys);
    if (count <= 0) return count == 0 || errno != EINTR;
    return asks_to_leave(keys, count);
}
