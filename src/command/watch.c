/* `mnist_dist watch [RUN]`: the live view of a run, from the files of its directory alone.
 *
 * So it needs no way to the running program, and works as well for a run on another machine whose
 * directory is shared, or for one that ended long ago. Where there is no terminal it prints what it
 * sees once. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/terminal.h"
#include "command/watch.h"
#include "mnist_dist/base/log.h"

enum { REFRESH_MILLISECONDS = 500 };

/* Whether it is the number of a Slurm job whose run is here, and no folder's name. */
static bool is_job(const char *word) {
    return word[strspn(word, "0123456789")] == '\0' && access(word, F_OK) != 0;
}

static Status choose_directory(Watch *watch, const Arguments *arguments) {
    const char *word = arguments->file_count > 0 ? arguments->files[0] : "runs/latest";
    size_t size = sizeof watch->directory;
    int length = snprintf(watch->directory, size, "%s%s", is_job(word) ? "runs/slurm-" : "", word);
    if ((size_t)length >= size)
        return status_fail(STATUS_USAGE, "%.100s...: the path is too long", word);
    while (length > 1 && watch->directory[length - 1] == '/') watch->directory[--length] = '\0';
    if (access(watch->directory, F_OK) != 0)
        return status_fail_errno(STATUS_USAGE, "%s: no run is there; name its folder",
                                 watch->directory);
    return STATUS_OK;
}

static Status draw(char **text, const Watch *watch, ScreenStyle style, const char *hint) {
    int rows, columns;
    Screen screen = {0};
    Status status;
    terminal_size(&rows, &columns);
    if (style == SCREEN_LINES && terminal_is_there()) rows = rows > 2 ? rows - 2 : 1; /* a prompt */
    TRY(screen_new(&screen, rows, columns));
    watch_draw(&screen, watch, hint);
    TRY(screen_show(text, &screen, style));
cleanup:
    screen_destroy(&screen);
    return status;
}

static Status print_snapshot(const Watch *watch) {
    char *text = NULL;
    Status status = draw(&text, watch, SCREEN_LINES, "");
    if (status == STATUS_OK) log_line("%s", text);
    free(text);
    return status;
}

/* Redraws until the run has ended or the user leaves. */
static Status follow(Watch *watch) {
    ScreenStyle style = terminal_has_colours() ? SCREEN_COLOURS : SCREEN_TERMINAL;
    Status status = STATUS_OK;
    char *text = NULL;
    terminal_enter();
    do {
        watch_refresh(watch);
        free(text);
        text = NULL;
        TRY(draw(&text, watch, style, "q leaves; the run goes on"));
        if (watch_has_ended(watch) || !terminal_write(text)) break;
    } while (!terminal_wait(REFRESH_MILLISECONDS));
cleanup:
    terminal_leave();
    free(text);
    return status;
}

Status command_watch(Comm *comm, const Arguments *arguments) {
    Watch watch = {.age = 0.0};
    Status status;
    (void)comm;
    TRY(choose_directory(&watch, arguments));
    TRY(watch_open(&watch));
    if (terminal_is_there() && !watch_has_ended(&watch)) TRY(follow(&watch));
    TRY(print_snapshot(&watch));
cleanup:
    watch_close(&watch);
    return status;
}
