/* HDF5 with every return checked: see the header for why.
 *
 * All failures go through library_failed() or refuse(), which keep the first one with the file; so
 * each function below ends in `return file->failure` after it has released its ids, and a failing
 * H5Dclose (which is how HDF5 1.10 reports a full disk) cannot be overlooked. Names are walked link
 * by link before an object is opened, since H5Oopen would follow links into other files. Refused:
 * the high-level library H5LT, which checks neither links nor shapes; file locking, since nothing
 * here shares an open file and on NFS or Lustre a lock may fail. */
#include "mnist_dist/base/h5file.h"

#include <errno.h>
#include <hdf5.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct H5File {
    hid_t id;
    void *bytes; /* the caller's, or NULL for a file on disk */
    Status blame;
    Status failure; /* the first one, or STATUS_OK */
    char path[PATH_MAX];
    char line[PATH_MAX + 512]; /* and what it was */
};

enum {
    CHUNK_BYTES = 1 << 20, /* what a chunk of a whole array aims at: HDF5's chunk cache */
    DEFLATE_RATIO = 1100,  /* more than deflate can reach (1,032) */
    REASON_LENGTH = 120,
    MAX_TEXT = 1 << 24
};

/* ---- Failures -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static Status refuse(H5File *file, const char *object,
                                                           const char *format, ...) {
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
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    if (reason[0] == '\0') return refuse(file, object, "%s", what);
    return refuse(file, object, "%s (%s)", what, reason);
}

static Status check(H5File *file, const char *object, const char *what, herr_t result) {
    return result < 0 ? library_failed(file, object, what) : STATUS_OK;
}

static Status take(hid_t *id, H5File *file, const char *object, const char *what, hid_t got) {
    *id = got;
    return got < 0 ? library_failed(file, object, what) : STATUS_OK;
}

static void release(H5File *file, const char *object, herr_t (*close_id)(hid_t), hid_t id) {
    if (id >= 0 && close_id(id) < 0) library_failed(file, object, "cannot be completed");
}

/* A failure of this file stays: it is said again should the caller have cleared it. */
static Status ready(const H5File *file) {
    if (file->failure == STATUS_OK) return STATUS_OK;
    return status_fail(file->failure, "%s", file->line);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void start_library(void) {
    H5dont_atexit(); /* after a failed close HDF5 may crash at exit */
    H5open();
    H5PLset_loading_state(0);
}

static Status new_file(H5File **out, const char *name, Status blame) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* the error stack is the thread's */
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
    TRY(take(list, file, "", WHAT, H5Pcreate(H5P_FILE_ACCESS)));
    TRY(check(file, "", WHAT, H5Pset_libver_bounds(*list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST)));
    TRY(check(file, "", WHAT, H5Pset_fclose_degree(*list, H5F_CLOSE_STRONG)));
    TRY(check(file, "", WHAT, H5Pset_file_locking(*list, false, true)));
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
    TRY(take(&creation, file, "", "HDF5 takes no options", H5Pcreate(H5P_FILE_CREATE)));
    TRY(check(file, "", "not a size for a user block", H5Pset_userblock(creation, user_block)));
    TRY(take(&file->id, file, "", "cannot be created",
             H5Fcreate(path, H5F_ACC_TRUNC, creation, access)));
cleanup:
    release(file, "", H5Pclose, creation);
    release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

/* H5Fopen would wait for a FIFO, and does not say that a file is missing. */
static Status check_regular(H5File *file) {
    struct stat info;
    if (stat(file->path, &info) != 0) return refuse(file, "", "%s", strerror(errno));
    return S_ISREG(info.st_mode) ? STATUS_OK : refuse(file, "", "is no regular file");
}

Status h5file_open(H5File **out, const char *path, Status blame) {
    Status status;
    hid_t access = H5I_INVALID_HID;
    H5File *file = NULL;
    *out = NULL;
    status = new_file(&file, path, blame);
    if (status != STATUS_OK) return status;
    TRY(check_regular(file));
    TRY(access_list(&access, file));
    TRY(take(&file->id, file, "", "is not an HDF5 file, or a damaged one",
             H5Fopen(path, H5F_ACC_RDONLY, access)));
cleanup:
    release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

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
    TRY(check(file, "", WHAT, H5Pset_fapl_core(access, CHUNK_BYTES, false)));
    TRY(check(file, "", WHAT, H5Pset_file_image_callbacks(access, &callbacks)));
    TRY(check(file, "", WHAT, H5Pset_file_image(access, file->bytes, count)));
cleanup:
    return status;
}

Status h5file_open_bytes(H5File **out, const void *bytes, size_t count, const char *name,
                         Status blame) {
    /* HDF5's core driver wants a name that no file has, and takes equal names for one file. */
    static atomic_uint images;
    char image[64];
    Status status;
    hid_t access = H5I_INVALID_HID;
    H5File *file = NULL;
    *out = NULL;
    snprintf(image, sizeof image, "/dev/null/%u", atomic_fetch_add(&images, 1U));
    status = new_file(&file, name, blame);
    if (status != STATUS_OK) return status;
    TRY(access_list(&access, file));
    TRY(use_bytes(file, access, bytes, count));
    TRY(take(&file->id, file, "", "is not an HDF5 file, or a damaged one",
             H5Fopen(image, H5F_ACC_RDONLY, access)));
cleanup:
    release(file, "", H5Pclose, access);
    return finish_opening(out, file);
}

Status h5file_close(H5File *file) {
    release(file, "", H5Fclose, file->id);
    file->id = H5I_INVALID_HID;
    Status failure = ready(file);
    free(file);
    return failure;
}

void h5file_destroy(H5File *file) {
    if (file == NULL) return;
    if (file->id >= 0) H5Fclose(file->id);
    free(file);
}

void h5file_version(char text[32]) {
    unsigned major = 0, minor = 0, patch = 0;
    H5get_libversion(&major, &minor, &patch);
    snprintf(text, 32, "%u.%u.%u", major, minor, patch);
}

/* ---- Names and objects ----------------------------------------------------------------------- */

/* Walks the name link by link: *exists is whether the object is there; links other than hard ones
 * are refused. */
static Status walk(bool *exists, H5File *file, const char *name) {
    char part[1024];
    H5L_info_t link;
    size_t length = strlen(name);
    *exists = true;
    if (name[0] != '/' || length >= sizeof part) return refuse(file, name, "is no object's name");
    for (size_t i = 1; i <= length && length > 1; i++) {
        if (name[i] != '/' && name[i] != '\0') continue;
        snprintf(part, sizeof part, "%.*s", (int)i, name);
        htri_t found = H5Lexists(file->id, part, H5P_DEFAULT);
        if (found < 0) return library_failed(file, part, "cannot be looked up");
        if (found == 0) {
            *exists = false;
            return STATUS_OK;
        }
        if (H5Lget_info(file->id, part, &link, H5P_DEFAULT) < 0)
            return library_failed(file, part, "cannot be looked up");
        if (link.type != H5L_TYPE_HARD)
            return refuse(file, part, "is a soft or external link, which is not followed");
    }
    return STATUS_OK;
}

bool h5file_has(H5File *file, const char *name) {
    bool exists = false;
    return file->failure == STATUS_OK && walk(&exists, file, name) == STATUS_OK && exists;
}

static Status open_object(hid_t *object, H5File *file, const char *name) {
    Status status;
    bool exists = false;
    TRY(walk(&exists, file, name));
    if (!exists) TRY(refuse(file, name, "is missing"));
    TRY(take(object, file, name, "cannot be opened", H5Oopen(file->id, name, H5P_DEFAULT)));
cleanup:
    return status;
}

static Status check_filters(H5File *file, const char *name, hid_t creation) {
    int count = H5Pget_nfilters(creation);
    for (int i = 0; i < count; i++) {
        unsigned flags = 0, configuration = 0;
        size_t parameters = 0;
        H5Z_filter_t filter = H5Pget_filter2(creation, (unsigned)i, &flags, &parameters, NULL, 0,
                                             NULL, &configuration);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
            filter != H5Z_FILTER_FLETCHER32)
            return refuse(file, name, "is stored with filter %d, which is not taken", (int)filter);
    }
    return STATUS_OK;
}

/* The numbers must lie in this file: no external storage, no virtual dataset. */
static Status check_storage(H5File *file, const char *name, hid_t dataset) {
    Status status;
    hid_t creation = H5I_INVALID_HID;
    TRY(take(&creation, file, name, "cannot be read", H5Dget_create_plist(dataset)));
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
        TRY(refuse(file, name, "is stored in another file, which is not followed"));
    TRY(check_filters(file, name, creation));
cleanup:
    release(file, name, H5Pclose, creation);
    return status;
}

static Status open_dataset(hid_t *dataset, H5File *file, const char *name) {
    Status status;
    TRY(open_object(dataset, file, name));
    if (H5Iget_type(*dataset) != H5I_DATASET) TRY(refuse(file, name, "is not a dataset"));
    TRY(check_storage(file, name, *dataset));
cleanup:
    return status;
}

/* The groups above a new object are made with it. */
static Status link_list(hid_t *list, H5File *file, const char *name) {
    static const char WHAT[] = "cannot be linked";
    Status status;
    TRY(take(list, file, name, WHAT, H5Pcreate(H5P_LINK_CREATE)));
    TRY(check(file, name, WHAT, H5Pset_create_intermediate_group(*list, 1)));
cleanup:
    return status;
}

Status h5file_make_group(H5File *file, const char *name) {
    Status status;
    bool exists = false;
    hid_t links = H5I_INVALID_HID, group = H5I_INVALID_HID;
    TRY(ready(file));
    TRY(walk(&exists, file, name));
    if (exists) goto cleanup;
    TRY(link_list(&links, file, name));
    TRY(take(&group, file, name, "cannot be made",
             H5Gcreate2(file->id, name, links, H5P_DEFAULT, H5P_DEFAULT)));
cleanup:
    release(file, name, H5Gclose, group);
    release(file, name, H5Pclose, links);
    return file->failure;
}

/* ---- Datasets -------------------------------------------------------------------------------- */

/* The type in the file (little-endian on every machine), and in memory. */
static hid_t file_type(H5Type type) {
    const hid_t types[] = {H5T_STD_U8LE,  H5T_STD_I32LE,  H5T_STD_U32LE, H5T_STD_I64LE,
                           H5T_STD_U64LE, H5T_IEEE_F32LE, H5T_IEEE_F64LE};
    return types[type];
}

static hid_t memory_type(H5Type type) {
    const hid_t types[] = {H5T_NATIVE_UINT8,  H5T_NATIVE_INT32, H5T_NATIVE_UINT32, H5T_NATIVE_INT64,
                           H5T_NATIVE_UINT64, H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE};
    return types[type];
}

static const size_t TYPE_BYTES[] = {1, 4, 4, 8, 8, 4, 8};
static const char *const TYPE_NAMES[] = {"u8", "i32", "u32", "i64", "u64", "f32", "f64"};
enum { TYPES = sizeof TYPE_BYTES / sizeof TYPE_BYTES[0] };

static bool rank_fits(H5File *file, const char *name, int rank) {
    if (rank >= 0 && rank <= H5FILE_MAX_RANK) return true;
    refuse(file, name, "has %d dimensions, of at most %d", rank, (int)H5FILE_MAX_RANK);
    return false;
}

/* Type and shape of an open dataset. */
static Status get_shape(H5Type *type, int *rank, hsize_t dims[], H5File *file, const char *name,
                        hid_t dataset) {
    Status status;
    hid_t stored = H5I_INVALID_HID, space = H5I_INVALID_HID;
    int i = 0;
    TRY(take(&stored, file, name, "cannot be read", H5Dget_type(dataset)));
    while (i < TYPES && H5Tequal(stored, file_type((H5Type)i)) <= 0) i++;
    if (i == TYPES) TRY(refuse(file, name, "holds another type of number than is known here"));
    *type = (H5Type)i;
    TRY(take(&space, file, name, "cannot be read", H5Dget_space(dataset)));
    if (H5Sget_simple_extent_type(space) == H5S_NULL) TRY(refuse(file, name, "holds nothing"));
    *rank = H5Sget_simple_extent_ndims(space);
    if (!rank_fits(file, name, *rank)) goto cleanup;
    TRY(check(file, name, "cannot be read", H5Sget_simple_extent_dims(space, dims, NULL)));
cleanup:
    release(file, name, H5Sclose, space);
    release(file, name, H5Tclose, stored);
    return file->failure;
}

/* A small file can declare a huge array: what it declares must be able to lie in what it stores. */
static Status check_size(H5File *file, const char *name, hid_t dataset, H5Type type, int rank,
                         const hsize_t dims[]) {
    size_t bytes = TYPE_BYTES[type];
    bool overflow = false;
    for (int i = 0; i < rank; i++)
        overflow = overflow || __builtin_mul_overflow(bytes, dims[i], &bytes);
    if (overflow || bytes / DEFLATE_RATIO > H5Dget_storage_size(dataset))
        return refuse(file, name, "declares more numbers than the file holds");
    return STATUS_OK;
}

static Status expect_type(hsize_t dims[], H5File *file, const char *name, hid_t dataset,
                          H5Type type, int rank) {
    Status status;
    H5Type stored;
    int stored_rank;
    TRY(get_shape(&stored, &stored_rank, dims, file, name, dataset));
    if (stored != type || stored_rank != rank)
        TRY(refuse(file, name, "is %s with %d dimensions, not %s with %d", TYPE_NAMES[stored],
                   stored_rank, TYPE_NAMES[type], rank));
    TRY(check_size(file, name, dataset, type, rank, dims));
cleanup:
    return status;
}

/* The creation list of a dataset with these chunks; no chunks if `chunk` is NULL. */
static Status creation_list(hid_t *list, H5File *file, const char *name, int rank,
                            const hsize_t *chunk) {
    static const char WHAT[] = "HDF5 takes no options";
    Status status;
    TRY(take(list, file, name, WHAT, H5Pcreate(H5P_DATASET_CREATE)));
    if (chunk == NULL) goto cleanup;
    TRY(check(file, name, "cannot be cut into chunks", H5Pset_chunk(*list, rank, chunk)));
    TRY(check(file, name, WHAT, H5Pset_fletcher32(*list)));
cleanup:
    return status;
}

static Status create_dataset(hid_t *dataset, H5File *file, const char *name, H5Type type, int rank,
                             const hsize_t dims[], const hsize_t maximum[], const hsize_t *chunk) {
    Status status;
    bool exists = false;
    hid_t links = H5I_INVALID_HID, creation = H5I_INVALID_HID, space = H5I_INVALID_HID;
    TRY(walk(&exists, file, name));
    TRY(link_list(&links, file, name));
    TRY(creation_list(&creation, file, name, rank, chunk));
    TRY(take(&space, file, name, "has an impossible shape",
             rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, maximum)));
    TRY(take(dataset, file, name, "cannot be made",
             H5Dcreate2(file->id, name, file_type(type), space, links, creation, H5P_DEFAULT)));
cleanup:
    release(file, name, H5Sclose, space);
    release(file, name, H5Pclose, creation);
    release(file, name, H5Pclose, links);
    return file->failure;
}

/* Whole rows, as many as fit CHUNK_BYTES, one at least. Returns the array's count of numbers. */
static size_t choose_chunk(hsize_t chunk[], int rank, const size_t dims[], H5Type type) {
    size_t row = 1;
    for (int i = 1; i < rank; i++) chunk[i] = dims[i], row *= dims[i];
    if (rank == 0) return 1;
    size_t fit = row == 0 ? 1 : CHUNK_BYTES / (row * TYPE_BYTES[type]);
    chunk[0] = fit == 0 ? 1 : fit < dims[0] ? fit : dims[0];
    return row * dims[0];
}

Status h5file_write(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                    const void *values) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5FILE_MAX_RANK], chunk[H5FILE_MAX_RANK];
    TRY(ready(file));
    if (!rank_fits(file, name, rank)) goto cleanup;
    for (int i = 0; i < rank; i++) extent[i] = dims[i];
    size_t count = choose_chunk(chunk, rank, dims, type);
    bool chunked = rank > 0 && count > 0;
    TRY(create_dataset(&dataset, file, name, type, rank, extent, NULL, chunked ? chunk : NULL));
    if (count > 0)
        TRY(check(file, name, "cannot be written",
                  H5Dwrite(dataset, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values)));
cleanup:
    release(file, name, H5Dclose, dataset);
    return file->failure;
}

Status h5file_shape(H5File *file, const char *name, H5Type type, int rank, size_t dims[]) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5S_MAX_RANK];
    TRY(ready(file));
    TRY(open_dataset(&dataset, file, name));
    TRY(expect_type(extent, file, name, dataset, type, rank));
    for (int i = 0; i < rank; i++) dims[i] = extent[i];
cleanup:
    release(file, name, H5Oclose, dataset);
    return file->failure;
}

Status h5file_read(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                   void *values) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5S_MAX_RANK];
    size_t count = 1;
    TRY(ready(file));
    TRY(open_dataset(&dataset, file, name));
    TRY(expect_type(extent, file, name, dataset, type, rank));
    for (int i = 0; i < rank; count *= dims[i], i++) {
        if (extent[i] != dims[i])
            TRY(refuse(file, name, "has %llu in dimension %d, not %zu",
                       (unsigned long long)extent[i], i + 1, dims[i]));
    }
    if (count > 0)
        TRY(check(file, name, "cannot be read",
                  H5Dread(dataset, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values)));
cleanup:
    release(file, name, H5Oclose, dataset);
    return file->failure;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

Status h5file_make_rows(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                        size_t chunk_rows) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5FILE_MAX_RANK] = {0}, maximum[H5FILE_MAX_RANK] = {H5S_UNLIMITED};
    hsize_t chunk[H5FILE_MAX_RANK] = {chunk_rows};
    TRY(ready(file));
    if (rank < 1) TRY(refuse(file, name, "has no rows"));
    if (!rank_fits(file, name, rank)) goto cleanup;
    for (int i = 1; i < rank; i++) extent[i] = maximum[i] = chunk[i] = dims[i];
    TRY(create_dataset(&dataset, file, name, type, rank, extent, maximum, chunk));
cleanup:
    release(file, name, H5Dclose, dataset);
    return file->failure;
}

/* An open array of rows, its extent, and the place of some rows in it. */
typedef struct Rows {
    hid_t dataset, place, memory;
    H5Type type;
    int rank;
    hsize_t dims[H5S_MAX_RANK];
} Rows;

static Status open_rows(Rows *rows, H5File *file, const char *name) {
    Status status;
    *rows = (Rows){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, H5_U8, 0, {0}};
    TRY(ready(file));
    TRY(open_dataset(&rows->dataset, file, name));
    TRY(get_shape(&rows->type, &rows->rank, rows->dims, file, name, rows->dataset));
    if (rows->rank < 1) TRY(refuse(file, name, "has no rows"));
cleanup:
    return status;
}

static Status select_rows(Rows *rows, H5File *file, const char *name, size_t first, size_t count) {
    Status status;
    hsize_t start[H5S_MAX_RANK] = {first}, size[H5S_MAX_RANK] = {count};
    for (int i = 1; i < rows->rank; i++) size[i] = rows->dims[i];
    TRY(take(&rows->place, file, name, "has no such rows", H5Dget_space(rows->dataset)));
    TRY(check(file, name, "has no such rows",
              H5Sselect_hyperslab(rows->place, H5S_SELECT_SET, start, NULL, size, NULL)));
    TRY(take(&rows->memory, file, name, "has no such rows",
             H5Screate_simple(rows->rank, size, NULL)));
cleanup:
    return status;
}

static void close_rows(Rows *rows, H5File *file, const char *name) {
    release(file, name, H5Sclose, rows->memory);
    release(file, name, H5Sclose, rows->place);
    release(file, name, H5Oclose, rows->dataset);
}

Status h5file_write_rows(H5File *file, const char *name, size_t first, size_t count,
                         const void *values) {
    Status status;
    Rows rows;
    TRY(open_rows(&rows, file, name));
    if (count == 0) goto cleanup;
    if (first > SIZE_MAX - count) TRY(refuse(file, name, "has no such rows"));
    if (first + count > rows.dims[0]) {
        rows.dims[0] = first + count;
        TRY(check(file, name, "cannot grow", H5Dset_extent(rows.dataset, rows.dims)));
    }
    TRY(select_rows(&rows, file, name, first, count));
    TRY(check(file, name, "cannot be written",
              H5Dwrite(rows.dataset, memory_type(rows.type), rows.memory, rows.place, H5P_DEFAULT,
                       values)));
cleanup:
    close_rows(&rows, file, name);
    return file->failure;
}

Status h5file_read_rows(H5File *file, const char *name, size_t first, size_t count, void *values) {
    Status status;
    Rows rows;
    TRY(open_rows(&rows, file, name));
    if (count == 0) goto cleanup;
    if (first > rows.dims[0] || count > rows.dims[0] - first)
        TRY(refuse(file, name, "has %llu rows, not %zu", (unsigned long long)rows.dims[0],
                   first + count));
    TRY(select_rows(&rows, file, name, first, count));
    TRY(check(file, name, "cannot be read",
              H5Dread(rows.dataset, memory_type(rows.type), rows.memory, rows.place, H5P_DEFAULT,
                      values)));
cleanup:
    close_rows(&rows, file, name);
    return file->failure;
}

/* ---- Attributes ------------------------------------------------------------------------------ */

/* Variable-length ASCII, as Keras writes it. */
static Status text_type(hid_t *type, H5File *file, const char *object) {
    static const char WHAT[] = "takes no text";
    Status status;
    TRY(take(type, file, object, WHAT, H5Tcopy(H5T_C_S1)));
    TRY(check(file, object, WHAT, H5Tset_size(*type, H5T_VARIABLE)));
cleanup:
    return status;
}

/* Writes a new attribute; count is -1 for a scalar, else the length of a list. */
static Status write_attribute(H5File *file, const char *object, const char *name, hid_t stored,
                              hid_t memory, ssize_t count, const void *value) {
    char label[256];
    Status status;
    hid_t owner = H5I_INVALID_HID, space = H5I_INVALID_HID, attribute = H5I_INVALID_HID;
    hsize_t extent = count < 0 ? 1 : (hsize_t)count;
    snprintf(label, sizeof label, "%s@%s", object, name);
    TRY(ready(file));
    TRY(open_object(&owner, file, object));
    TRY(take(&space, file, label, "cannot be made",
             count < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, NULL)));
    TRY(take(&attribute, file, label, "cannot be made",
             H5Acreate2(owner, name, stored, space, H5P_DEFAULT, H5P_DEFAULT)));
    if (count != 0)
        TRY(check(file, label, "cannot be written", H5Awrite(attribute, memory, value)));
cleanup:
    release(file, label, H5Aclose, attribute);
    release(file, label, H5Sclose, space);
    release(file, label, H5Oclose, owner);
    return file->failure;
}

static Status write_texts(H5File *file, const char *object, const char *name, ssize_t count,
                          const char *const texts[]) {
    Status status;
    hid_t type = H5I_INVALID_HID;
    TRY(ready(file));
    TRY(text_type(&type, file, object));
    TRY(write_attribute(file, object, name, type, type, count, texts));
cleanup:
    release(file, object, H5Tclose, type);
    return file->failure;
}

Status h5file_set_text(H5File *file, const char *object, const char *name, const char *text) {
    return write_texts(file, object, name, -1, &text);
}

Status h5file_set_texts(H5File *file, const char *object, const char *name,
                        const char *const texts[], size_t count) {
    return write_texts(file, object, name, (ssize_t)count, texts);
}

Status h5file_set_i64(H5File *file, const char *object, const char *name, int64_t value) {
    return write_attribute(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, -1, &value);
}

Status h5file_set_f64(H5File *file, const char *object, const char *name, double value) {
    return write_attribute(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, -1, &value);
}

/* An open attribute that holds one value. */
typedef struct Attribute {
    hid_t owner, id, type;
    char label[256];
} Attribute;

static Status open_attribute(Attribute *attribute, H5File *file, const char *object,
                             const char *name, H5T_class_t class) {
    Status status;
    hid_t space = H5I_INVALID_HID;
    *attribute = (Attribute){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, ""};
    char *label = attribute->label;
    snprintf(label, sizeof attribute->label, "%s@%s", object, name);
    TRY(ready(file));
    TRY(open_object(&attribute->owner, file, object));
    if (H5Aexists(attribute->owner, name) <= 0) TRY(refuse(file, label, "is missing"));
    TRY(take(&attribute->id, file, label, "cannot be read",
             H5Aopen(attribute->owner, name, H5P_DEFAULT)));
    TRY(take(&attribute->type, file, label, "cannot be read", H5Aget_type(attribute->id)));
    TRY(take(&space, file, label, "cannot be read", H5Aget_space(attribute->id)));
    if (H5Tget_class(attribute->type) != class || H5Sget_simple_extent_npoints(space) != 1)
        TRY(refuse(file, label, "is not one %s", class == H5T_STRING ? "text" : "number"));
cleanup:
    release(file, label, H5Sclose, space);
    return status;
}

static void close_attribute(Attribute *attribute, H5File *file) {
    release(file, attribute->label, H5Tclose, attribute->type);
    release(file, attribute->label, H5Aclose, attribute->id);
    release(file, attribute->label, H5Oclose, attribute->owner);
}

static Status read_variable_text(char **text, H5File *file, const Attribute *attribute) {
    char *read = NULL;
    Status status = check(file, attribute->label, "cannot be read",
                          H5Aread(attribute->id, attribute->type, &read));
    if (status != STATUS_OK) return status;
    *text = strdup(read == NULL ? "" : read);
    H5free_memory(read);
    return *text == NULL ? refuse(file, attribute->label, "out of memory") : STATUS_OK;
}

/* Read as NUL-terminated text of one byte more, so that HDF5 itself undoes any padding. */
static Status read_fixed_text(char **text, H5File *file, const Attribute *attribute) {
    static const char WHAT[] = "cannot be read";
    const char *label = attribute->label;
    Status status;
    hid_t memory = H5I_INVALID_HID;
    size_t size = H5Tget_size(attribute->type);
    if (size == 0 || size > MAX_TEXT) TRY(refuse(file, label, "is no text of a sensible length"));
    TRY(take(&memory, file, label, WHAT, H5Tcopy(H5T_C_S1)));
    TRY(check(file, label, WHAT, H5Tset_size(memory, size + 1)));
    TRY(check(file, label, WHAT, H5Tset_cset(memory, H5Tget_cset(attribute->type))));
    *text = calloc(1, size + 1);
    if (*text == NULL) TRY(refuse(file, label, "out of memory"));
    TRY(check(file, label, WHAT, H5Aread(attribute->id, memory, *text)));
cleanup:
    release(file, label, H5Tclose, memory);
    return status;
}

Status h5file_get_text(char **text, H5File *file, const char *object, const char *name) {
    Status status;
    Attribute attribute;
    *text = NULL;
    TRY(open_attribute(&attribute, file, object, name, H5T_STRING));
    if (H5Tis_variable_str(attribute.type) > 0) {
        TRY(read_variable_text(text, file, &attribute));
    } else {
        TRY(read_fixed_text(text, file, &attribute));
    }
cleanup:
    close_attribute(&attribute, file);
    if (file->failure != STATUS_OK) free(*text), *text = NULL;
    return file->failure;
}

static Status read_number(H5File *file, const char *object, const char *name, H5T_class_t class,
                          hid_t type, void *value) {
    Status status;
    Attribute attribute;
    TRY(open_attribute(&attribute, file, object, name, class));
    TRY(check(file, attribute.label, "cannot be read", H5Aread(attribute.id, type, value)));
cleanup:
    close_attribute(&attribute, file);
    return file->failure;
}

Status h5file_get_i64(int64_t *value, H5File *file, const char *object, const char *name) {
    return read_number(file, object, name, H5T_INTEGER, H5T_NATIVE_INT64, value);
}

Status h5file_get_f64(double *value, H5File *file, const char *object, const char *name) {
    return read_number(file, object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value);
}
