/* Pictures of digits, read and shown in the terminal; see predict_images.h. */
#include "command/predict_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/judge.h"
#include "command/screen.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/data/picture.h"

enum { GUESSES = 3, BAR = 20, WIDE = DIGIT_SIDE + 4 + 13 + BAR, HIGH = DIGIT_SIDE / 2 };

typedef struct Pictures {
    uint8_t *images;      /* (count, 28, 28) those that could be read */
    uint8_t *labels;      /* (count) DIGIT_UNLABELLED */
    const char **paths;   /* (count) */
    float *probabilities; /* (count, 10) */
    size_t count;
} Pictures;

/* ---- reading ---- */

static Status allocate(Pictures *pictures, size_t most) {
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&pictures->images, most * DIGIT_PIXELS));
    TRY(MEMORY_NEW(&pictures->labels, most));
    TRY(MEMORY_NEW(&pictures->paths, most));
    TRY(MEMORY_NEW(&pictures->probabilities, most * DIGIT_CLASSES));
    for (size_t i = 0; i < most; i++) pictures->labels[i] = DIGIT_UNLABELLED;
cleanup:
    return status;
}

/* Rank 0: reads all of them. A single one that fails is the command's failure; of several, each
 * gets its line at once. */
static Status read_all(Pictures *pictures, const Arguments *arguments) {
    for (size_t i = 0; i < arguments->image_count; i++) {
        const char *path = arguments->images[i];
        Status status = picture_read(pictures->images + pictures->count * DIGIT_PIXELS, path);
        if (status == STATUS_OK) {
            pictures->paths[pictures->count++] = path;
            continue;
        }
        if (arguments->image_count == 1) return status;
        log_error("%s", status_message());
        status_clear();
    }
    return STATUS_OK;
}

/* **Collective.** */
static void share(Pictures *pictures, Comm *comm) {
    comm_broadcast(comm, &pictures->count, sizeof pictures->count, 0);
    comm_broadcast(comm, pictures->images, pictures->count * DIGIT_PIXELS, 0);
}

/* ---- showing ---- */

static void best_guesses(int guesses[GUESSES], const float *probabilities) {
    bool taken[DIGIT_CLASSES] = {false};
    for (int i = 0; i < GUESSES; i++) {
        int best = -1;
        for (int digit = 0; digit < DIGIT_CLASSES; digit++)
            if (!taken[digit] && (best < 0 || probabilities[digit] > probabilities[best]))
                best = digit;
        guesses[i] = best;
        taken[best] = true;
    }
}

/* Two rows of pixels are one of characters: the upper and the lower half of a block. */
static void draw_digit(Screen *screen, const uint8_t *image) {
    static const uint32_t halves[] = {' ', 0x2580, 0x2584, 0x2588};
    enum { HALF_INK = 96 };
    for (int row = 0; row < HIGH; row++)
        for (int x = 0; x < DIGIT_SIDE; x++) {
            const uint8_t *upper = image + (2 * row * DIGIT_SIDE + x);
            int half = (upper[0] >= HALF_INK) | (upper[DIGIT_SIDE] >= HALF_INK) << 1;
            screen_set(screen, row, x, halves[half], INK_PLAIN);
        }
}

static void draw_guesses(Screen *screen, const float *probabilities) {
    int guesses[GUESSES];
    best_guesses(guesses, probabilities);
    for (int i = 0; i < GUESSES; i++) {
        double share = (double)probabilities[guesses[i]];
        int row = HIGH / 2 - 2 + i * 2, column = DIGIT_SIDE + 4;
        column = screen_print(screen, row, column, INK_BOLD, "%d  %6.2f %%  ", guesses[i],
                              100.0 * share);
        screen_bar(screen, row, column, BAR, share, INK_PLAIN);
    }
}

/* Rank 0: one picture as the network sees it, and what it says. */
static Status show(const Pictures *pictures, size_t i) {
    Screen screen = {0};
    char *text = NULL;
    Status status;
    TRY(screen_new(&screen, HIGH, WIDE));
    draw_digit(&screen, pictures->images + i * DIGIT_PIXELS);
    draw_guesses(&screen, pictures->probabilities + i * DIGIT_CLASSES);
    TRY(screen_show(&text, &screen, SCREEN_LINES));
    log_line("%s\n%s\n", pictures->paths[i], text);
cleanup:
    free(text);
    screen_destroy(&screen);
    return status;
}

/* ---- the CSV file ---- */

/* Quoted as RFC 4180 has it, if need be. */
static void put_field(FILE *out, const char *text) {
    bool plain = text[strcspn(text, ",\"\r\n")] == '\0';
    if (!plain) fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    if (!plain) fputc('"', out);
}

static void put_rows(FILE *out, const Pictures *pictures) {
    fputs("file,label", out);
    for (int digit = 0; digit < DIGIT_CLASSES; digit++) fprintf(out, ",p%d", digit);
    fputc('\n', out);
    for (size_t i = 0; i < pictures->count; i++) {
        const float *probabilities = pictures->probabilities + i * DIGIT_CLASSES;
        int guesses[GUESSES];
        best_guesses(guesses, probabilities);
        put_field(out, pictures->paths[i]);
        fprintf(out, ",%d", guesses[0]);
        for (int digit = 0; digit < DIGIT_CLASSES; digit++)
            fprintf(out, ",%.6f", (double)probabilities[digit]);
        fputc('\n', out);
    }
}

static Status write_csv(const char *path, const Pictures *pictures) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "%s", path);
    put_rows(out, pictures);
    Status status = fclose(out) != 0 ? status_fail_errno(STATUS_FAILED, "%s", path)
                                     : safefile_write(path, text, size, STATUS_FAILED);
    free(text);
    return status;
}

/* ---- the whole ---- */

/* Rank 0. */
static Status tell(const Pictures *pictures, const Arguments *arguments) {
    Status status = STATUS_OK;
    for (size_t i = 0; i < pictures->count; i++) TRY(show(pictures, i));
    if (arguments->output != NULL) TRY(write_csv(arguments->output, pictures));
    if (pictures->count < arguments->image_count)
        status = status_fail(STATUS_DATA, "%zu of %zu pictures could not be read",
                             arguments->image_count - pictures->count, arguments->image_count);
cleanup:
    return status;
}

Status predict_images(Comm *comm, const Arguments *arguments) {
    Judge judge;
    Pictures pictures = {0};
    Tally ignored;
    Status status = STATUS_OK;
    TRY(judge_open(&judge, comm, arguments));
    TRY(comm_agree(comm, allocate(&pictures, arguments->image_count)));
    if (comm_rank(comm) == 0) status = read_all(&pictures, arguments);
    TRY(comm_agree(comm, status));
    share(&pictures, comm);
    EvaluationImages images = {
        .images = pictures.images, .labels = pictures.labels, .count = pictures.count};
    if (pictures.count > 0) TRY(judge_run(&judge, &ignored, pictures.probabilities, &images));
    if (comm_rank(comm) == 0) status = tell(&pictures, arguments);
    TRY(comm_agree(comm, status));
cleanup:
    free(pictures.images);
    free(pictures.labels);
    free(pictures.paths);
    free(pictures.probabilities);
    judge_close(&judge);
    return status;
}
