/* HDF5 round trips, refusals and sticky failures. Each test runs in a folder of its own. Files
 * that our own writer cannot make come from Python's h5py; where that is missing the test says
 * that it was skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/h5file.h"
#include "work_folder.h"

static H5File *create(void) {
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 0, STATUS_DATA), STATUS_OK);
    return file;
}

static H5File *reopen(H5File *written) {
    H5File *file;
    assert_int_equal(h5file_close(written), STATUS_OK);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    return file;
}

static void assert_line(const char *part) {
    if (strstr(status_message(), part) == NULL)
        fail_msg("'%s' is not in '%s'", part, status_message());
    status_clear();
}

/* Makes x.h5 by a line of Python in which `f` is the open h5py file; skips without h5py. */
static void make_with_h5py(const char *lines) {
    FILE *script = fopen("make.py", "w");
    assert_non_null(script);
    fprintf(script, "import h5py, numpy as np\nwith h5py.File('x.h5', 'w') as f:\n%s", lines);
    fclose(script);
    if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
        print_message("skipped: /usr/bin/python3 has no h5py\n");
        skip();
    }
    assert_int_equal(system("/usr/bin/python3 make.py"), 0);
}

static void arrays_of_all_types_come_back(void **state) {
    (void)state;
    const uint8_t u8[] = {0, 1, 255};
    const int32_t i32[] = {INT32_MIN, 0, INT32_MAX};
    const uint32_t u32[] = {0, 1, UINT32_MAX};
    const int64_t i64[] = {INT64_MIN, 0, INT64_MAX};
    const uint64_t u64[] = {0, 1, UINT64_MAX};
    const float f32[] = {-0.0F, FLT_TRUE_MIN, FLT_MAX};
    const double f64[] = {-0.0, DBL_TRUE_MIN, DBL_MAX};
    const void *values[] = {u8, i32, u32, i64, u64, f32, f64};
    const size_t bytes[] = {1, 4, 4, 8, 8, 4, 8}, dims[] = {3};
    char name[32];
    H5File *file = create();
    for (int type = H5_U8; type <= H5_F64; type++) {
        snprintf(name, sizeof name, "/all/of/%d", type);
        assert_int_equal(h5file_write(file, name, (H5Type)type, 1, dims, values[type]), STATUS_OK);
    }
    file = reopen(file);
    for (int type = H5_U8; type <= H5_F64; type++) {
        unsigned char back[24];
        size_t shape[1] = {0};
        snprintf(name, sizeof name, "/all/of/%d", type);
        assert_int_equal(h5file_shape(file, name, (H5Type)type, 1, shape), STATUS_OK);
        assert_int_equal(shape[0], 3);
        assert_int_equal(h5file_read(file, name, (H5Type)type, 1, dims, back), STATUS_OK);
        assert_memory_equal(back, values[type], 3 * bytes[type]);
    }
    assert_int_equal(h5file_close(file), STATUS_OK);
}

static void arrays_of_all_ranks_come_back(void **state) {
    (void)state;
    const size_t dims[] = {3, 2, 4, 5};
    float values[120], back[120];
    char name[32];
    for (int i = 0; i < 120; i++) values[i] = (float)i / 7;
    H5File *file = create();
    for (int rank = 0; rank <= 4; rank++) {
        snprintf(name, sizeof name, "/rank%d", rank);
        assert_int_equal(h5file_write(file, name, H5_F32, rank, dims, values), STATUS_OK);
    }
    file = reopen(file);
    for (int rank = 0; rank <= 4; rank++) {
        const size_t counts[] = {1, 3, 6, 24, 120};
        memset(back, 0, sizeof back);
        snprintf(name, sizeof name, "/rank%d", rank);
        assert_int_equal(h5file_read(file, name, H5_F32, rank, dims, back), STATUS_OK);
        assert_memory_equal(back, values, counts[rank] * sizeof *values);
    }
    assert_int_equal(h5file_write(file, "/rank5", H5_F32, 5, dims, values), STATUS_DATA);
    h5file_destroy(file);
}

static void array_of_several_chunks_comes_back(void **state) {
    (void)state;
    const size_t count = 700001, dims[] = {count};
    float *values = calloc(count, sizeof *values), *back = calloc(count, sizeof *back);
    for (size_t i = 0; i < count; i++) values[i] = (float)i;
    H5File *file = create();
    assert_int_equal(h5file_write(file, "/long", H5_F32, 1, dims, values), STATUS_OK);
    file = reopen(file);
    assert_int_equal(h5file_read(file, "/long", H5_F32, 1, dims, back), STATUS_OK);
    assert_memory_equal(back, values, count * sizeof *values);
    assert_int_equal(h5file_close(file), STATUS_OK);
    free(values);
    free(back);
}

static void empty_array_comes_back(void **state) {
    (void)state;
    const size_t dims[] = {0, 7};
    size_t shape[2] = {1, 1};
    H5File *file = create();
    assert_int_equal(h5file_write(file, "/none", H5_U8, 2, dims, NULL), STATUS_OK);
    file = reopen(file);
    assert_int_equal(h5file_shape(file, "/none", H5_U8, 2, shape), STATUS_OK);
    assert_int_equal(shape[0], 0);
    assert_int_equal(shape[1], 7);
    assert_int_equal(h5file_read(file, "/none", H5_U8, 2, dims, NULL), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
}

static void rows_grow_and_come_back(void **state) {
    (void)state;
    const size_t dims[] = {0, 3};
    uint8_t rows[300], back[300];
    size_t shape[2];
    for (int i = 0; i < 300; i++) rows[i] = (uint8_t)i;
    H5File *file = create();
    assert_int_equal(h5file_make_rows(file, "/p/rows", H5_U8, 2, dims, 16), STATUS_OK);
    assert_int_equal(h5file_write_rows(file, "/p/rows", 0, 50, rows), STATUS_OK);
    assert_int_equal(h5file_write_rows(file, "/p/rows", 50, 50, rows + 150), STATUS_OK);
    assert_int_equal(h5file_write_rows(file, "/p/rows", 100, 0, NULL), STATUS_OK);
    assert_int_equal(h5file_shape(file, "/p/rows", H5_U8, 2, shape), STATUS_OK);
    file = reopen(file);
    assert_int_equal(h5file_shape(file, "/p/rows", H5_U8, 2, shape), STATUS_OK);
    assert_int_equal(shape[0], 100);
    assert_int_equal(shape[1], 3);
    assert_int_equal(h5file_read_rows(file, "/p/rows", 0, 100, back), STATUS_OK);
    assert_memory_equal(back, rows, 300);
    assert_int_equal(h5file_read_rows(file, "/p/rows", 99, 1, back), STATUS_OK);
    assert_memory_equal(back, rows + 297, 3);
    assert_int_equal(h5file_read_rows(file, "/p/rows", 99, 2, back), STATUS_DATA);
    assert_line("x.h5: /p/rows: has 100 rows");
    h5file_destroy(file);
}

static void attributes_come_back(void **state) {
    (void)state;
    char *text, *large = malloc(100001);
    int64_t whole;
    double real;
    const char *const list[] = {"a", "bc"};
    memset(large, 'y', 100000);
    large[100000] = '\0';
    H5File *file = create();
    assert_int_equal(h5file_make_group(file, "/g/h"), STATUS_OK);
    assert_int_equal(h5file_make_group(file, "/g/h"), STATUS_OK);
    assert_int_equal(h5file_set_text(file, "/", "name", "digits"), STATUS_OK);
    assert_int_equal(h5file_set_text(file, "/g/h", "none", ""), STATUS_OK);
    assert_int_equal(h5file_set_text(file, "/g/h", "large", large), STATUS_OK);
    assert_int_equal(h5file_set_texts(file, "/g", "list", list, 2), STATUS_OK);
    assert_int_equal(h5file_set_texts(file, "/g", "empty", NULL, 0), STATUS_OK);
    assert_int_equal(h5file_set_i64(file, "/g", "whole", INT64_MIN), STATUS_OK);
    assert_int_equal(h5file_set_f64(file, "/g", "real", 0.1), STATUS_OK);
    file = reopen(file);
    assert_int_equal(h5file_get_text(&text, file, "/", "name"), STATUS_OK);
    assert_string_equal(text, "digits");
    free(text);
    assert_int_equal(h5file_get_text(&text, file, "/g/h", "none"), STATUS_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(h5file_get_text(&text, file, "/g/h", "large"), STATUS_OK);
    assert_string_equal(text, large);
    free(text);
    free(large);
    assert_int_equal(h5file_get_i64(&whole, file, "/g", "whole"), STATUS_OK);
    assert_true(whole == INT64_MIN);
    assert_int_equal(h5file_get_f64(&real, file, "/g", "real"), STATUS_OK);
    assert_true(real == 0.1);
    assert_int_equal(h5file_get_text(&text, file, "/g", "list"), STATUS_DATA);
    assert_null(text);
    assert_line("/g@list: is not one text");
    h5file_destroy(file);
}

static void wrong_shapes_and_types_are_refused(void **state) {
    (void)state;
    const uint8_t values[6] = {0};
    const size_t dims[] = {2, 3}, other[] = {2, 4};
    size_t shape[2];
    uint8_t back[16];
    double real;
    const struct {
        H5Type type;
        int rank;
        const size_t *dims;
        const char *line;
    } wrong[] = {{H5_U8, 2, other, "has 3 in dimension 2, not 4"},
                 {H5_I32, 2, dims, "is u8 with 2 dimensions, not i32 with 2"},
                 {H5_U8, 1, dims, "is u8 with 2 dimensions, not u8 with 1"}};
    H5File *file = create();
    assert_int_equal(h5file_write(file, "/a", H5_U8, 2, dims, values), STATUS_OK);
    assert_int_equal(h5file_make_group(file, "/g"), STATUS_OK);
    assert_int_equal(h5file_set_i64(file, "/a", "n", 1), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
        assert_int_equal(h5file_read(file, "/a", wrong[i].type, wrong[i].rank, wrong[i].dims, back),
                         STATUS_DATA);
        assert_line(wrong[i].line);
        h5file_destroy(file);
    }
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_shape(file, "/g", H5_U8, 2, shape), STATUS_DATA);
    assert_line("x.h5: /g: is not a dataset");
    h5file_destroy(file);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_get_f64(&real, file, "/a", "n"), STATUS_DATA);
    assert_line("/a@n: is not one number");
    h5file_destroy(file);
}

static void failure_stays_with_the_file(void **state) {
    (void)state;
    const size_t dims[] = {1};
    uint8_t value = 1;
    H5File *file = create();
    assert_int_equal(h5file_write(file, "/a", H5_U8, 1, dims, &value), STATUS_OK);
    assert_int_equal(h5file_write(file, "/a", H5_U8, 1, dims, &value), STATUS_DATA);
    assert_line("x.h5: /a: ");
    assert_false(h5file_has(file, "/a"));
    assert_int_equal(h5file_read(file, "/a", H5_U8, 1, dims, &value), STATUS_DATA);
    assert_line("x.h5: /a: ");
    assert_int_equal(h5file_set_i64(file, "/a", "n", 1), STATUS_DATA);
    assert_int_equal(h5file_make_group(file, "/g"), STATUS_DATA);
    assert_int_equal(h5file_make_rows(file, "/r", H5_U8, 1, dims, 1), STATUS_DATA);
    assert_int_equal(h5file_write_rows(file, "/a", 0, 1, &value), STATUS_DATA);
    status_clear();
    assert_int_equal(h5file_close(file), STATUS_DATA);
    assert_line("x.h5: /a: ");
}

/* The limit stands in for a full disk: HDF5 1.10 then fails in H5Dclose, not in H5Dwrite. */
static void full_disk_is_not_overlooked(void **state) {
    (void)state;
    const size_t dims[] = {100, 256};
    float *values = calloc(100 * 256, sizeof *values);
    struct rlimit before, tight;
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 512, STATUS_CHECKPOINT), STATUS_OK);
    setrlimit(RLIMIT_FSIZE, &tight);
    h5file_write(file, "/a", H5_F32, 2, dims, values);
    Status status = h5file_close(file);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_CHECKPOINT);
    assert_line("File too large");
    free(values);
}

static void user_block_is_left_and_skipped(void **state) {
    (void)state;
    const size_t dims[] = {3};
    uint8_t values[] = {7, 8, 9}, back[3];
    char bytes[16384];
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 512, STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_write(file, "/a", H5_U8, 1, dims, values), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    FILE *raw = fopen("x.h5", "r+");
    assert_int_equal(fputs("ours", raw) >= 0, 1);
    rewind(raw);
    size_t count = fread(bytes, 1, sizeof bytes, raw);
    fclose(raw);
    assert_true(count > 512 && count < sizeof bytes);
    assert_memory_equal(bytes + 512, "\211HDF\r\n\032\n", 8);
    assert_int_equal(h5file_open_bytes(&file, bytes, count, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_read(file, "/a", H5_U8, 1, dims, back), STATUS_OK);
    assert_memory_equal(back, values, 3);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_DATA);
    assert_line("x.h5: is not an HDF5 file, or a damaged one (its first bytes are others)");
}

/* A sealed x.h5 with an array larger than a piece; returns its size. */
static size_t write_sealed(const uint8_t *values, size_t count) {
    H5File *file;
    struct stat facts;
    assert_int_equal(h5file_create_sealed(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_write(file, "/a", H5_U8, 1, &count, values), STATUS_OK);
    assert_int_equal(h5file_write(file, "/b", H5_U8, 1, &count, values), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(stat("x.h5", &facts), 0);
    return (size_t)facts.st_size;
}

static void change_byte(size_t at) {
    FILE *raw = fopen("x.h5", "r+");
    assert_int_equal(fseek(raw, (long)at, SEEK_SET), 0);
    int byte = fgetc(raw);
    assert_int_equal(fseek(raw, (long)at, SEEK_SET), 0);
    fputc(byte ^ 1, raw);
    fclose(raw);
}

static void sealed_file_comes_back(void **state) {
    (void)state;
    enum { COUNT = 150000 };
    static uint8_t values[COUNT], back[COUNT];
    const size_t count = COUNT;
    H5File *file;
    for (size_t i = 0; i < COUNT; i++) values[i] = (uint8_t)(i / 7);
    write_sealed(values, COUNT);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_read(file, "/a", H5_U8, 1, &count, back), STATUS_OK);
    assert_memory_equal(back, values, COUNT);
    assert_int_equal(h5file_check_rest(file), STATUS_OK);
    h5file_destroy(file);
    if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") == 0)
        assert_int_equal(system("/usr/bin/python3 -c \"import h5py; f = h5py.File('x.h5', 'r'); "
                                "assert f['a'][149999] == (149999 // 7) % 256\""),
                         0);
}

/* Damage to what is read is found by whoever reads it, other damage by h5file_check_rest. */
static void damage_to_a_sealed_file_is_found(void **state) {
    (void)state;
    enum { COUNT = 150000 };
    static uint8_t values[COUNT], back[COUNT];
    const size_t count = COUNT;
    H5File *file;
    const size_t size = write_sealed(values, COUNT);
    for (size_t at = 0; at < size; at += at < 600 || at > size - 60 ? 7 : 4096) {
        change_byte(at);
        Status opened = h5file_open(&file, "x.h5", STATUS_DATA);
        if (opened == STATUS_OK && h5file_read(file, "/a", H5_U8, 1, &count, back) == STATUS_OK)
            assert_int_equal(h5file_check_rest(file), STATUS_DATA);
        h5file_destroy(file);
        change_byte(at);
        if (strstr(status_message(), "x.h5: ") == NULL ||
            strstr(status_message(), "damaged") == NULL)
            if (at < 16 || at >= 24) fail_msg("byte %zu: '%s'", at, status_message());
        status_clear();
    }
}

static void bytes_are_read_as_a_file(void **state) {
    (void)state;
    const size_t dims[] = {1};
    char bytes[2][16384];
    size_t counts[2];
    H5File *files[2];
    for (uint8_t i = 0; i < 2; i++) {
        assert_int_equal(h5file_create(&files[i], "x.h5", 512, STATUS_DATA), STATUS_OK);
        assert_int_equal(h5file_write(files[i], "/a", H5_U8, 1, dims, &i), STATUS_OK);
        assert_int_equal(h5file_close(files[i]), STATUS_OK);
        FILE *raw = fopen("x.h5", "r");
        counts[i] = fread(bytes[i], 1, sizeof bytes[i], raw);
        fclose(raw);
    }
    for (uint8_t i = 0; i < 2; i++)
        assert_int_equal(h5file_open_bytes(&files[i], bytes[i], counts[i], "x.h5", STATUS_DATA),
                         STATUS_OK);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t value = 9;
        assert_int_equal(h5file_read(files[i], "/a", H5_U8, 1, dims, &value), STATUS_OK);
        assert_int_equal(value, i);
        assert_int_equal(h5file_close(files[i]), STATUS_OK);
    }
    assert_int_equal(h5file_open_bytes(&files[0], bytes[0], 600, "x.h5", STATUS_DATA), STATUS_DATA);
    assert_line("x.h5: ");
}

static void what_is_no_hdf5_file_is_refused(void **state) {
    (void)state;
    H5File *file;
    FILE *text = fopen("text", "w");
    fputs("no numbers here\n", text);
    fclose(text);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(h5file_open(&file, "missing", STATUS_DATA), STATUS_DATA);
    assert_line("missing: No such file or directory");
    assert_int_equal(h5file_open(&file, "text", STATUS_DATA), STATUS_DATA);
    assert_line("text: is not an HDF5 file");
    assert_int_equal(h5file_open(&file, "fifo", STATUS_DATA), STATUS_DATA);
    assert_line("fifo: is no regular file");
    assert_int_equal(h5file_open(&file, ".", STATUS_DATA), STATUS_DATA);
    assert_null(file);
    h5file_destroy(file);
}

static void one_flipped_bit_in_numbers_is_found(void **state) {
    (void)state;
    const size_t dims[] = {1000};
    float values[1000], back[1000];
    for (int i = 0; i < 1000; i++) values[i] = 1.5F;
    H5File *file = create();
    assert_int_equal(h5file_write(file, "/a", H5_F32, 1, dims, values), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    char bytes[16384];
    FILE *raw = fopen("x.h5", "r+");
    size_t count = fread(bytes, 1, sizeof bytes, raw);
    char *place = memmem(bytes, count, values, 64);
    assert_non_null(place);
    assert_int_equal(fseek(raw, place - bytes + 400, SEEK_SET), 0);
    fputc(place[400] ^ 4, raw);
    fclose(raw);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_read(file, "/a", H5_F32, 1, dims, back), STATUS_DATA);
    assert_line("x.h5: /a: cannot be read");
    h5file_destroy(file);
}

static void objects_are_found(void **state) {
    (void)state;
    H5File *file = create();
    assert_int_equal(h5file_make_group(file, "/g/h"), STATUS_OK);
    assert_true(h5file_has(file, "/"));
    assert_true(h5file_has(file, "/g"));
    assert_true(h5file_has(file, "/g/h"));
    assert_false(h5file_has(file, "/g/x"));
    assert_false(h5file_has(file, "/x/y/z"));
    assert_int_equal(h5file_close(file), STATUS_OK);
}

static void links_and_foreign_storage_are_not_followed(void **state) {
    (void)state;
    const size_t dims[] = {4};
    uint8_t values[4];
    const struct {
        const char *name, *line;
    } refused[] = {
        {"/soft", "/soft: is a soft or external link"},
        {"/outer/a", "/outer: is a soft or external link"},
        {"/external", "/external: is stored in another file"},
        {"/virtual", "/virtual: is stored in another file"},
        {"/huge", "/huge: declares more numbers than the file holds"},
        {"/scale", "is stored with filter 6"},
        {"/table", "holds another type of number"},
        {"/nothing", "holds nothing"},
    };
    make_with_h5py("  f['a'] = np.arange(4, dtype='u1')\n"
                   "  f['soft'] = h5py.SoftLink('/a')\n"
                   "  f['outer'] = h5py.ExternalLink('other.h5', '/')\n"
                   "  open('raw', 'wb').write(bytes(4))\n"
                   "  f.create_dataset('external', (4,), 'u1', external=[('raw', 0, 4)])\n"
                   "  layout = h5py.VirtualLayout((4,), 'u1')\n"
                   "  layout[:] = h5py.VirtualSource('other.h5', 'a', (4,))\n"
                   "  f.create_virtual_dataset('virtual', layout)\n"
                   "  f.create_dataset('huge', (1 << 42,), 'u1', chunks=(1024,))\n"
                   "  f.create_dataset('scale', (4,), 'u1', scaleoffset=0)\n"
                   "  f.create_dataset('table', (4,), 'i2,f4')\n"
                   "  f['nothing'] = h5py.Empty('u1')\n");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        H5File *file;
        assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
        assert_int_equal(h5file_read(file, "/a", H5_U8, 1, dims, values), STATUS_OK);
        assert_int_equal(h5file_shape(file, refused[i].name, H5_U8, 1, (size_t[4]){0}),
                         STATUS_DATA);
        assert_line(refused[i].line);
        h5file_destroy(file);
    }
}

static void foreign_texts_and_compression_are_read(void **state) {
    (void)state;
    const char *const names[] = {"variable", "fixed", "padded", "unicode"};
    const size_t dims[] = {100};
    uint8_t values[100];
    H5File *file;
    make_with_h5py("  f.attrs['variable'] = 'text'\n"
                   "  f.attrs['fixed'] = np.bytes_('text')\n"
                   "  f.attrs['padded'] = np.array('text', 'S9')\n"
                   "  f.attrs.create('unicode', 'text', dtype=h5py.string_dtype('utf-8', 4))\n"
                   "  f.create_dataset('a', data=np.full(100, 3, 'u1'), chunks=(30,),\n"
                   "                   compression='gzip', shuffle=True, fletcher32=True)\n");
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    for (size_t i = 0; i < 4; i++) {
        char *text;
        assert_int_equal(h5file_get_text(&text, file, "/", names[i]), STATUS_OK);
        assert_string_equal(text, "text");
        free(text);
    }
    assert_int_equal(h5file_read(file, "/a", H5_U8, 1, dims, values), STATUS_OK);
    for (size_t i = 0; i < 100; i++) assert_int_equal(values[i], 3);
    assert_int_equal(h5file_close(file), STATUS_OK);
}

static void lists_of_texts_are_read(void **state) {
    (void)state;
    const char *const names[] = {"variable", "fixed"}, *const empty[] = {"none", "numbers"};
    char **texts;
    size_t count;
    H5File *file;
    make_with_h5py("  f.attrs['variable'] = ['a', 'bcd']\n"
                   "  f.attrs['fixed'] = np.array([b'a', b'bcd'])\n"
                   "  f.attrs.create('none', [], dtype=h5py.string_dtype())\n"
                   "  f.attrs['numbers'] = []\n"
                   "  f.attrs['wrong'] = [1.0]\n");
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(h5file_get_texts(&texts, &count, file, "/", names[i]), STATUS_OK);
        assert_int_equal(count, 2);
        assert_string_equal(texts[0], "a");
        assert_string_equal(texts[1], "bcd");
        h5file_free_texts(texts, count);
        assert_int_equal(h5file_get_texts(&texts, &count, file, "/", empty[i]), STATUS_OK);
        assert_int_equal(count, 0);
        h5file_free_texts(texts, count);
    }
    assert_int_equal(h5file_get_texts(&texts, &count, file, "/", "wrong"), STATUS_DATA);
    assert_null(texts);
    assert_line("/@wrong: is no list of texts");
    h5file_destroy(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_of_texts_are_read, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(arrays_of_all_types_come_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(arrays_of_all_ranks_come_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(array_of_several_chunks_comes_back, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(empty_array_comes_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(rows_grow_and_come_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(attributes_come_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(wrong_shapes_and_types_are_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(failure_stays_with_the_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(full_disk_is_not_overlooked, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(user_block_is_left_and_skipped, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(sealed_file_comes_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(damage_to_a_sealed_file_is_found, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(bytes_are_read_as_a_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(what_is_no_hdf5_file_is_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(one_flipped_bit_in_numbers_is_found, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(objects_are_found, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(links_and_foreign_storage_are_not_followed, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(foreign_texts_and_compression_are_read, enter_folder,
                                        leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
