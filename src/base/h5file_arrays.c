/* Arrays in an HDF5 file: whole ones, and rows of those that grow.
 *
 * A whole array must be able to lie in what the file stores for it, so that no small file makes the
 * caller ask for a huge memory. Chunks carry fletcher32, so that a flipped bit is found when it is
 * read. Refused: HDF5's conversion of numbers on reading (but for their byte order), which would
 * hide that a file holds another type than it should. */
#include "h5file_parts.h"

enum { DEFLATE_RATIO = 1100 }; /* more than deflate can reach (1,032) */

/* ---- Types and shapes ------------------------------------------------------------------------ */

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
    h5file_refuse(file, name, "has %d dimensions, of at most %d", rank, (int)H5FILE_MAX_RANK);
    return false;
}

static Status get_type(H5Type *type, H5File *file, const char *name, hid_t dataset) {
    Status status;
    hid_t stored = H5I_INVALID_HID;
    int i = 0;
    TRY(h5file_take(&stored, file, name, "cannot be read", H5Dget_type(dataset)));
    while (i < TYPES && H5Tequal(stored, file_type((H5Type)i)) <= 0) i++;
    if (i == TYPES)
        TRY(h5file_refuse(file, name, "holds another type of number than is known here"));
    *type = (H5Type)i;
cleanup:
    h5file_release(file, name, H5Tclose, stored);
    return file->failure;
}

static Status get_shape(int *rank, hsize_t dims[], H5File *file, const char *name, hid_t dataset) {
    Status status;
    hid_t space = H5I_INVALID_HID;
    TRY(h5file_take(&space, file, name, "cannot be read", H5Dget_space(dataset)));
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
        TRY(h5file_refuse(file, name, "holds nothing"));
    *rank = H5Sget_simple_extent_ndims(space);
    if (!rank_fits(file, name, *rank)) goto cleanup;
    TRY(h5file_check(file, name, "cannot be read", H5Sget_simple_extent_dims(space, dims, NULL)));
cleanup:
    h5file_release(file, name, H5Sclose, space);
    return file->failure;
}

/* A small file can declare a huge array: what it declares must be able to lie in what it stores. */
static Status check_size(H5File *file, const char *name, hid_t dataset, H5Type type, int rank,
                         const hsize_t dims[]) {
    size_t bytes = TYPE_BYTES[type];
    bool overflow = false;
    for (int i = 0; i < rank; i++)
        overflow = overflow || __builtin_mul_overflow(bytes, dims[i], &bytes);
    hsize_t file_bytes = 0; /* asked first: the storage of a million chunks takes long to add up */
    if (H5Fget_filesize(file->id, &file_bytes) < 0) file_bytes = 0;
    if (overflow || bytes / DEFLATE_RATIO > file_bytes ||
        bytes / DEFLATE_RATIO > H5Dget_storage_size(dataset))
        return h5file_refuse(file, name, "declares more numbers than the file holds");
    return STATUS_OK;
}

static Status expect_type(hsize_t dims[], H5File *file, const char *name, hid_t dataset,
                          H5Type type, int rank) {
    Status status;
    H5Type stored = H5_U8;
    int stored_rank = 0;
    TRY(get_type(&stored, file, name, dataset));
    TRY(get_shape(&stored_rank, dims, file, name, dataset));
    if (stored != type || stored_rank != rank)
        TRY(h5file_refuse(file, name, "is %s with %d dimensions, not %s with %d",
                          TYPE_NAMES[stored], stored_rank, TYPE_NAMES[type], rank));
    TRY(check_size(file, name, dataset, type, rank, dims));
cleanup:
    return status;
}

/* As expect_type, with these dimensions; *count is the array's count of numbers. */
static Status expect_shape(size_t *count, H5File *file, const char *name, hid_t dataset,
                           H5Type type, int rank, const size_t dims[]) {
    Status status;
    hsize_t extent[H5S_MAX_RANK] = {0};
    TRY(expect_type(extent, file, name, dataset, type, rank));
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (extent[i] != dims[i])
            TRY(h5file_refuse(file, name, "has %llu in dimension %d, not %zu",
                              (unsigned long long)extent[i], i + 1, dims[i]));
        *count *= dims[i];
    }
cleanup:
    return status;
}

/* ---- Whole arrays ---------------------------------------------------------------------------- */

/* The creation list of a dataset with these chunks; no chunks if `chunk` is NULL. */
static Status creation_list(hid_t *list, H5File *file, const char *name, int rank,
                            const hsize_t *chunk) {
    static const char WHAT[] = "HDF5 takes no options";
    Status status;
    TRY(h5file_take(list, file, name, WHAT, H5Pcreate(H5P_DATASET_CREATE)));
    /* No times, so that the same content is the same file. */
    TRY(h5file_check(file, name, WHAT, H5Pset_obj_track_times(*list, false)));
    if (chunk == NULL) goto cleanup;
    TRY(h5file_check(file, name, "cannot be cut into chunks", H5Pset_chunk(*list, rank, chunk)));
    TRY(h5file_check(file, name, WHAT, H5Pset_fletcher32(*list)));
cleanup:
    return status;
}

static Status create_dataset(hid_t *dataset, H5File *file, const char *name, H5Type type, int rank,
                             const hsize_t dims[], const hsize_t maximum[], const hsize_t *chunk) {
    Status status;
    bool exists = false;
    hid_t links = H5I_INVALID_HID, creation = H5I_INVALID_HID, space = H5I_INVALID_HID;
    TRY(h5file_find(&exists, file, name));
    TRY(h5file_link_list(&links, file, name));
    TRY(creation_list(&creation, file, name, rank, chunk));
    TRY(h5file_take(&space, file, name, "has an impossible shape",
                    rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, maximum)));
    TRY(h5file_take(
        dataset, file, name, "cannot be made",
        H5Dcreate2(file->id, name, file_type(type), space, links, creation, H5P_DEFAULT)));
cleanup:
    h5file_release(file, name, H5Sclose, space);
    h5file_release(file, name, H5Pclose, creation);
    h5file_release(file, name, H5Pclose, links);
    return file->failure;
}

/* Whole rows, as many as fit H5FILE_CHUNK, one at least. Returns the array's count of numbers. */
static size_t choose_chunk(hsize_t chunk[], int rank, const size_t dims[], H5Type type) {
    size_t row = 1;
    for (int i = 1; i < rank; i++) chunk[i] = dims[i], row *= dims[i];
    if (rank == 0) return 1;
    size_t fit = row == 0 ? 1 : H5FILE_CHUNK / (row * TYPE_BYTES[type]);
    chunk[0] = fit == 0 ? 1 : fit < dims[0] ? fit : dims[0];
    return row * dims[0];
}

Status h5file_write(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                    const void *values) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hid_t memory = memory_type(type);
    hsize_t extent[H5FILE_MAX_RANK], chunk[H5FILE_MAX_RANK];
    TRY(h5file_ready(file));
    if (!rank_fits(file, name, rank)) goto cleanup;
    for (int i = 0; i < rank; i++) extent[i] = dims[i];
    size_t count = choose_chunk(chunk, rank, dims, type);
    bool chunked = rank > 0 && count > 0;
    TRY(create_dataset(&dataset, file, name, type, rank, extent, NULL, chunked ? chunk : NULL));
    if (count > 0)
        TRY(h5file_check(file, name, "cannot be written",
                         H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values)));
cleanup:
    h5file_release(file, name, H5Dclose, dataset);
    return file->failure;
}

Status h5file_shape(H5File *file, const char *name, H5Type type, int rank, size_t dims[]) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5S_MAX_RANK] = {0};
    TRY(h5file_ready(file));
    TRY(h5file_open_dataset(&dataset, file, name));
    TRY(expect_type(extent, file, name, dataset, type, rank));
    for (int i = 0; i < rank; i++) dims[i] = extent[i];
cleanup:
    h5file_release(file, name, H5Oclose, dataset);
    return file->failure;
}

Status h5file_read(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                   void *values) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hid_t memory = memory_type(type);
    size_t count;
    TRY(h5file_ready(file));
    TRY(h5file_open_dataset(&dataset, file, name));
    TRY(expect_shape(&count, file, name, dataset, type, rank, dims));
    if (count > 0)
        TRY(h5file_check(file, name, "cannot be read",
                         H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values)));
cleanup:
    h5file_release(file, name, H5Oclose, dataset);
    return file->failure;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

Status h5file_make_rows(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                        size_t chunk_rows) {
    Status status;
    hid_t dataset = H5I_INVALID_HID;
    hsize_t extent[H5FILE_MAX_RANK] = {0}, maximum[H5FILE_MAX_RANK] = {H5S_UNLIMITED};
    hsize_t chunk[H5FILE_MAX_RANK] = {chunk_rows};
    TRY(h5file_ready(file));
    if (rank < 1) TRY(h5file_refuse(file, name, "has no rows"));
    if (!rank_fits(file, name, rank)) goto cleanup;
    for (int i = 1; i < rank; i++) extent[i] = maximum[i] = chunk[i] = dims[i];
    TRY(create_dataset(&dataset, file, name, type, rank, extent, maximum, chunk));
cleanup:
    h5file_release(file, name, H5Dclose, dataset);
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
    TRY(h5file_ready(file));
    TRY(h5file_open_dataset(&rows->dataset, file, name));
    TRY(get_type(&rows->type, file, name, rows->dataset));
    TRY(get_shape(&rows->rank, rows->dims, file, name, rows->dataset));
    if (rows->rank < 1) TRY(h5file_refuse(file, name, "has no rows"));
cleanup:
    return status;
}

static Status select_rows(Rows *rows, H5File *file, const char *name, size_t first, size_t count) {
    Status status;
    hsize_t start[H5S_MAX_RANK] = {first}, size[H5S_MAX_RANK] = {count};
    for (int i = 1; i < rows->rank; i++) size[i] = rows->dims[i];
    TRY(h5file_take(&rows->place, file, name, "has no such rows", H5Dget_space(rows->dataset)));
    TRY(h5file_check(file, name, "has no such rows",
                     H5Sselect_hyperslab(rows->place, H5S_SELECT_SET, start, NULL, size, NULL)));
    TRY(h5file_take(&rows->memory, file, name, "has no such rows",
                    H5Screate_simple(rows->rank, size, NULL)));
cleanup:
    return status;
}

static void close_rows(Rows *rows, H5File *file, const char *name) {
    h5file_release(file, name, H5Sclose, rows->memory);
    h5file_release(file, name, H5Sclose, rows->place);
    h5file_release(file, name, H5Oclose, rows->dataset);
}

Status h5file_write_rows(H5File *file, const char *name, size_t first, size_t count,
                         const void *values) {
    Status status;
    Rows rows;
    TRY(open_rows(&rows, file, name));
    if (count == 0) goto cleanup;
    if (first > SIZE_MAX - count) TRY(h5file_refuse(file, name, "has no such rows"));
    if (first + count > rows.dims[0]) {
        rows.dims[0] = first + count;
        TRY(h5file_check(file, name, "cannot grow", H5Dset_extent(rows.dataset, rows.dims)));
    }
    TRY(select_rows(&rows, file, name, first, count));
    TRY(h5file_check(file, name, "cannot be written",
                     H5Dwrite(rows.dataset, memory_type(rows.type), rows.memory, rows.place,
                              H5P_DEFAULT, values)));
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
        TRY(h5file_refuse(file, name, "has %llu rows, not %zu", (unsigned long long)rows.dims[0],
                          first + count));
    TRY(select_rows(&rows, file, name, first, count));
    TRY(h5file_check(file, name, "cannot be read",
                     H5Dread(rows.dataset, memory_type(rows.type), rows.memory, rows.place,
                             H5P_DEFAULT, values)));
cleanup:
    close_rows(&rows, file, name);
    return file->failure;
}
