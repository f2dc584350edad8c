/* From a file to a digit; see picture.h. */
#include "mnist_dist/data/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gray.h"
#include "ink.h"
#include "mnist_dist/data/centre.h"

typedef struct File {
    const char *path;
    uint8_t *bytes;
    size_t count;
} File;

static Status read_file(File *file, const char *path) {
    Source *source = NULL;
    file->path = path;
    Status status = source_open(&source, path, NULL);
    if (status == STATUS_OK) status = gray_read_bytes(&file->bytes, &file->count, source);
    source_close(source);
    return status;
}

static Status decode(Gray *gray, const File *file, uint8_t paper) {
    if (gray_is_png(file->bytes, file->count))
        return gray_from_png(gray, file->path, file->bytes, file->count, paper);
    if (gray_is_jpeg(file->bytes, file->count))
        return gray_from_jpeg(gray, file->path, file->bytes, file->count);
    return status_fail(STATUS_DATA, "%s: is neither PNG nor JPEG; convert it to one of them",
                       file->path);
}

static void to_bytes(uint8_t image[DIGIT_PIXELS], const float digit[DIGIT_PIXELS]) {
    for (size_t i = 0; i < DIGIT_PIXELS; i++) image[i] = (uint8_t)lroundf(255.0F * digit[i]);
}

/* With the background taken to be one thing. *sure says whether the ink is drawn in strokes. */
static Status place_from(uint8_t image[DIGIT_PIXELS], bool *found, bool *sure, const Gray *gray,
                         InkPaper paper) {
    Ink ink;
    float digit[DIGIT_PIXELS];
    Status status;
    TRY(ink_read(&ink, found, gray, paper));
    if (*found) TRY(ink_keep_digit(&ink, found));
    if (!*found) goto cleanup;
    ink_finish(&ink);
    *sure = ink_has_strokes(&ink);
    *found = centre_digit(digit, ink.values, ink.height, ink.width);
    to_bytes(image, digit);
cleanup:
    ink_free(&ink);
    return status;
}

/* The first background under which there are strokes; else the first under which there is anything.
 */
static Status place_digit(uint8_t image[DIGIT_PIXELS], bool *found, const Gray *gray) {
    for (InkPaper paper = INK_ON_SMOOTH; paper < INK_PAPERS; paper++) {
        uint8_t tried[DIGIT_PIXELS];
        bool here = false, sure = false;
        Status status = place_from(tried, &here, &sure, gray, paper);
        if (status != STATUS_OK) return status;
        if (here && (sure || !*found)) memcpy(image, tried, sizeof tried);
        *found = *found || here;
        if (sure) break;
    }
    return STATUS_OK;
}

/* What is drawn in white on nothing shows on black paper only. */
static Status look(uint8_t image[DIGIT_PIXELS], bool *found, bool *again, const File *file,
                   uint8_t paper) {
    Gray gray = {.path = file->path};
    Status status;
    *found = false;
    TRY(decode(&gray, file, paper));
    TRY(place_digit(image, found, &gray));
    *again = gray.transparent && !*found;
cleanup:
    gray_free(&gray);
    return status;
}

Status picture_read(uint8_t image[DIGIT_PIXELS], const char *path) {
    File file = {0};
    bool found = false, again = false;
    Status status;
    TRY(read_file(&file, path));
    TRY(look(image, &found, &again, &file, 255));
    if (again) TRY(look(image, &found, &again, &file, 0));
    if (!found)
        status = status_fail(STATUS_DATA,
                             "%s: no digit is found in it: nothing stands out from its background",
                             path);
cleanup:
    free(file.bytes);
    return status;
}
