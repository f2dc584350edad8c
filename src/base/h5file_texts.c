/* Lists of texts beside an object, as other writers leave them: of variable or of fixed length. An
 * empty list may be of any type (Keras writes numbers of shape {0}). */
#include "h5file_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXTS = 100000, LONGEST_TEXT = 1 << 16 };

static const char UNREADABLE[] = "cannot be read";

/* An open attribute. */
typedef struct List {
    hid_t owner, id, type, space;
    size_t count;
    char label[256];
} List;

static Status open_list(List *list, H5File *file, const char *object, const char *name) {
    const char *label = list->label;
    Status status;
    *list = (List){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0, ""};
    snprintf(list->label, sizeof list->label, "%.120s@%.100s", object, name);
    TRY(h5file_ready(file));
    TRY(h5file_open_object(&list->owner, file, object));
    if (H5Aexists(list->owner, name) <= 0) TRY(h5file_refuse(file, label, "is missing"));
    TRY(h5file_take(&list->id, file, label, UNREADABLE, H5Aopen(list->owner, name, H5P_DEFAULT)));
    TRY(h5file_take(&list->type, file, label, UNREADABLE, H5Aget_type(list->id)));
    TRY(h5file_take(&list->space, file, label, UNREADABLE, H5Aget_space(list->id)));
    hssize_t count = H5Sget_simple_extent_npoints(list->space);
    if (count < 0 || count > MOST_TEXTS) TRY(h5file_refuse(file, label, "is no list of texts"));
    list->count = (size_t)count;
    if (list->count > 0 && H5Tget_class(list->type) != H5T_STRING)
        TRY(h5file_refuse(file, label, "is no list of texts"));
cleanup:
    return status;
}

static void close_list(List *list, H5File *file) {
    h5file_release(file, list->label, H5Sclose, list->space);
    h5file_release(file, list->label, H5Tclose, list->type);
    h5file_release(file, list->label, H5Aclose, list->id);
    h5file_release(file, list->label, H5Oclose, list->owner);
}

/* gcc 12's analyzer forgets what a loop has stored in an array of pointers, and takes it for lost.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

static bool copy_text(char **copy, const char *text, size_t most) {
    *copy = strndup(text == NULL ? "" : text, most);
    return *copy != NULL;
}

static Status read_variable(char **texts, H5File *file, const List *list) {
    Status status = STATUS_OK;
    bool good = true, read = false;
    char **given = calloc(list->count, sizeof *given);
    if (given == NULL) TRY(h5file_refuse(file, list->label, "out of memory"));
    TRY(h5file_check(file, list->label, UNREADABLE, H5Aread(list->id, list->type, given)));
    read = true;
    for (size_t i = 0; i < list->count && good; i++)
        good = copy_text(&texts[i], given[i], LONGEST_TEXT);
    if (!good) TRY(h5file_refuse(file, list->label, "out of memory"));
cleanup:
    if (read) H5Dvlen_reclaim(list->type, list->space, H5P_DEFAULT, given);
    free(given);
    return status;
}

/* Each is padded to one length, with or without a NUL at its end. */
static Status read_fixed(char **texts, H5File *file, const List *list) {
    size_t size = H5Tget_size(list->type);
    Status status = STATUS_OK;
    bool good = true;
    char *given = NULL;
    if (size == 0 || size > LONGEST_TEXT)
        TRY(h5file_refuse(file, list->label, "holds texts of no sensible length"));
    given = calloc(list->count, size);
    if (given == NULL) TRY(h5file_refuse(file, list->label, "out of memory"));
    TRY(h5file_check(file, list->label, UNREADABLE, H5Aread(list->id, list->type, given)));
    for (size_t i = 0; i < list->count && good; i++)
        good = copy_text(&texts[i], given + i * size, size);
    if (!good) TRY(h5file_refuse(file, list->label, "out of memory"));
cleanup:
    free(given);
    return status;
}

Status h5file_get_texts(char ***texts, size_t *count, H5File *file, const char *object,
                        const char *name) {
    List list;
    Status status;
    *texts = NULL;
    *count = 0;
    TRY(open_list(&list, file, object, name));
    *texts = calloc(list.count + 1, sizeof **texts);
    if (*texts == NULL) TRY(h5file_refuse(file, list.label, "out of memory"));
    *count = list.count;
    if (list.count > 0)
        TRY(H5Tis_variable_str(list.type) > 0 ? read_variable(*texts, file, &list)
                                              : read_fixed(*texts, file, &list));
cleanup:
    close_list(&list, file);
    if (file->failure == STATUS_OK) return STATUS_OK;
    h5file_free_texts(*texts, *count);
    *texts = NULL;
    *count = 0;
    return file->failure;
}

void h5file_free_texts(char **texts, size_t count) {
    for (size_t i = 0; texts != NULL && i < count; i++) free(texts[i]);
    free(texts);
}
