/* HDF5 files with every return checked: opening, closing, and the failure that stays with the file.
 * See the public header for why, and h5file_parts.h for the files beside this one.
 *
 * Refused: the high-level library H5LT, which checks neither links nor shapes; file locking, since
 * nothing here shares an open file and on NFS or Lustre a lock may fail. */
#include "h5file_parts.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/heartbeat.h"

enum { REASON_LENGTH = 120, IMAGE_NAME = 64 };

/* ---- Failures -------------------------------------------------------------------------------- */

Status h5file_record(H5File *file, const char *object, const char *format, ...) {
    if (file->failure != STATUS_OK) return file->failure;
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *colon = *object == '\0' ? "" : ": ";
    snprintf(file->line, sizeof file->line, "%s%s%.200s: %s", file->path, colon, object, what);
    file->failure = file->blame;
    return status_fail(file->failure, "%s", file->line);
}

Status h5file_starve(H5File *file) {
    Status blame = file->blame;
    file->blame = STATUS_FAILED;
    h5file_refuse(file, "", "out of memory");
    file->blame = blame;
    return file->failure;
}

/* The innermost entry of the error stack; its operating system's part alone if it has one. */
static herr_t take_reason(unsigned depth, const H5E_error2_t *entry, void *reason) {
    static const char MARK[] = "error message = '";
    if (depth > 0 || entry->desc == NULL) return 0;
    const char *start = strstr(entry->desc, MARK);
    start = start == NULL ? entry->desc : start + sizeof MARK - 1;
    size_t length = start == entry->desc ? strlen(start) : strcspn(start, "'");
    if (length < REASON_LENGTH) snprintf(reason, REASON_LENGTH, "%.*s", (int)length, start);
    return 0;
}

/* Must follow the failed call at once: the next one clears the error stack. */
static Status library_failed(H5File *file, const char *object, const char *what) {
    char reason[REASON_LENGTH] = "";
    if (file->source != NULL && file->source->damage[0] != '\0')
        return h5file_refuse(file, "", "%s", file->source->damage);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    if (reason[0] == '\0') return h5file_refuse(file, object, "%s", what);
    return h5file_refuse(file, object, "%s (%s)", what, reason);
}

Status h5file_check(H5File *file, const char *object, const char *what, herr_t result) {
    return result < 0 ? library_failed(file, object, what) : STATUS_OK;
}

Status h5file_take(hid_t *id, H5File *file, const char *object, const char *what, hid_t got) {
    *id = got;
    return got < 0 ? library_failed(file, object, what) : STATUS_OK;
}

void h5file_release(H5File *file, const char *object, herr_t (*close_id)(hid_t), hid_t id) {
    if (id >= 0 && close_id(id) < 0) library_failed(file, object, "cannot be completed");
}

/* The error stack is the thread's, which need not be that which opened the file. */
static void silence_library(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* What comes before each operation, and so is a beat of this process. */
Status h5file_ready(const H5File *file) {
    silence_library();
    heartbeat_beat();
    if (file->failure == STATUS_OK) return STATUS_OK;
    return status_fail(file->failure, "%s", file->line);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void start_library(void) {
    H5dont_atexit(); /* after a failed close HDF5 may crash at exit */
    H5open();
    H5PLset_loading_state(0);
}

static Status new_file(H5File **out, const char *name, Status blame) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    silence_library();
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", name);
    (*out)->id = H5I_INVALID_HID;
    (*out)->blame = blame;
    snprintf((*out)->path, sizeof(*out)->path, "%s", name);
    return STATUS_OK;
}

static Status access_list(hid_t *list, H5File *file) {
    static const char WHAT[] = "HDF5 takes no options";
    Status status;
    TRY(h5file_take(list, file, "", WHAT, H5Pcreate(H5P_FILE_ACCESS)));
    TRY(h5file_check(file, "", WHAT,
                     H5Pset_libver_bounds(*list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST)));
    TRY(h5file_check(file, "", WHAT, H5Pset_fclose_degree(*list, H5F_CLOSE_STRONG)));
    TRY(h5file_check(file, "", WHAT, H5Pset_file_locking(*list, false, true)));
cleanup:
    return status;
}

/* Hands the file over, or frees it after a failure. */
static Status finish_opening(H5File **out, H5File *file) {
    Status failure = file->failure;
    *out = file;
    if (failure == STATUS_OK) return STATUS_OK;
    h5file_destroy(file);
    *out = NULL;
    return failure;
}

Status h5file_create(H5File **out, const char *path, size_t user_block, Status blame) {
    Status status;
    hid_t access = H5I_INVALID_HID, creation = H5I_INVALID_HID;
    H5File *file = NULL;
    *out = NULL;
    status = new_file(&file, path, blame);
    if (status != STATUS_OK) return status;
    TRY(access_list(&access, file));
    TRY(h5file_take(&creation, file, "", "HDF5 takes no options", H5Pcreate(H5P_FILE_CREATE)));
    TRY(h5file_check(file, "", "not a size for a user block",
                     H5Pset_userblock(creation, user_block)));
    TRY(h5file_check(file, "", "HDF5 takes no options", H5Pset_obj_track_times(creation, false)));
    TRY(h5file_take(&file->id, file, "", "cannot be created",
                    H5Fcreate(path, H5F_ACC_TRUNC, creation, access)));
cleanup:
    h5file_release(file, "", H5Pclose, creation);
    h5file_release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

Status h5file_create_sealed(H5File **out, const char *path, Status blame) {
    Status status = h5file_create(out, path, H5FILE_BLOCK, blame);
    if (status == STATUS_OK) (*out)->is_sealed = true;
    return status;
}

static Status open_for_reading(H5File *file, const char *path, hid_t access) {
    return h5file_take(&file->id, file, "", "is not an HDF5 file, or a damaged one",
                       H5Fopen(path, H5F_ACC_RDONLY, access));
}

Status h5file_open(H5File **out, const char *path, Status blame) {
    Status status;
    hid_t access = H5I_INVALID_HID;
    H5File *file = NULL;
    *out = NULL;
    status = new_file(&file, path, blame);
    if (status != STATUS_OK) return status;
    file->source = h5source_open(file, path);
    TRY(file->failure);
    TRY(access_list(&access, file));
    TRY(h5file_use_source(file, access));
    TRY(open_for_reading(file, path, access));
cleanup:
    h5file_release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

/* ---- Opening bytes --------------------------------------------------------------------------- */

/* HDF5 would copy the bytes three times; these callbacks hand it the caller's each time it asks for
 * memory for an image. Nothing is ever written to them: the file is open for reading only. */
static void *image_malloc(size_t size, H5FD_file_image_op_t operation, void *file) {
    (void)size, (void)operation;
    return ((H5File *)file)->bytes;
}

static void *image_memcpy(void *into, const void *from, size_t size, H5FD_file_image_op_t operation,
                          void *file) {
    (void)size, (void)operation, (void)file;
    return into == from ? into : NULL;
}

static void *image_realloc(void *bytes, size_t size, H5FD_file_image_op_t operation, void *file) {
    (void)bytes, (void)size, (void)operation, (void)file;
    return NULL;
}

static herr_t image_free(void *bytes, H5FD_file_image_op_t operation, void *file) {
    (void)bytes, (void)operation, (void)file;
    return 0;
}

static void *same_file(void *file) {
    return file;
}

static herr_t keep_file(void *file) {
    (void)file;
    return 0;
}

static Status use_bytes(H5File *file, hid_t access, const void *bytes, size_t count) {
    static const char WHAT[] = "HDF5 takes no bytes";
    H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                             .image_memcpy = image_memcpy,
                                             .image_realloc = image_realloc,
                                             .image_free = image_free,
                                             .udata_copy = same_file,
                                             .udata_free = keep_file,
                                             .udata = file};
    Status status;
    file->bytes = (void *)bytes;
    TRY(h5file_check(file, "", WHAT, H5Pset_fapl_core(access, H5FILE_CHUNK, false)));
    TRY(h5file_check(file, "", WHAT, H5Pset_file_image_callbacks(access, &callbacks)));
    TRY(h5file_check(file, "", WHAT, H5Pset_file_image(access, file->bytes, count)));
cleanup:
    return status;
}

/* HDF5's core driver wants a name that no file has, and takes equal names for one file. */
static void name_image(char image[IMAGE_NAME]) {
    static atomic_uint images;
    snprintf(image, IMAGE_NAME, "/dev/null/%u", atomic_fetch_add(&images, 1U));
}

Status h5file_open_bytes(H5File **out, const void *bytes, size_t count, const char *name,
                         Status blame) {
    char image[IMAGE_NAME];
    Status status;
    hid_t access = H5I_INVALID_HID;
    H5File *file = NULL;
    *out = NULL;
    name_image(image);
    status = new_file(&file, name, blame);
    if (status != STATUS_OK) return status;
    TRY(access_list(&access, file));
    TRY(use_bytes(file, access, bytes, count));
    TRY(open_for_reading(file, image, access));
cleanup:
    h5file_release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

/* ---- Closing --------------------------------------------------------------------------------- */

Status h5file_close(H5File *file) {
    h5file_release(file, "", H5Fclose, file->id);
    file->id = H5I_INVALID_HID;
    Status failure = h5file_ready(file);
    if (failure == STATUS_OK && file->is_sealed) failure = h5file_seal(file->path, file->blame);
    h5file_destroy(file);
    return failure;
}

void h5file_destroy(H5File *file) {
    if (file == NULL) return;
    if (file->id >= 0) H5Fclose(file->id);
    h5source_close(file->source);
    free(file);
}

bool h5file_is_threadsafe(void) {
    hbool_t is_threadsafe = false;
    return H5is_library_threadsafe(&is_threadsafe) >= 0 && is_threadsafe;
}

void h5file_version(char text[32]) {
    unsigned major = 0, minor = 0, patch = 0;
    H5get_libversion(&major, &minor, &patch);
    snprintf(text, 32, "%u.%u.%u", major, minor, patch);
}
