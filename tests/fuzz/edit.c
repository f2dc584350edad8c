/* See edit.h. An edit is: which object, what is done, and what that takes. */
#include "edit.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OBJECTS = 128, NAME = 160, MOST_EDITS = 4, MOST_NUMBERS = 4096, MOST_ATTRIBUTES = 32 };

typedef struct Objects {
    char names[MOST_OBJECTS][NAME];
    size_t count;
} Objects;

static herr_t list_object(hid_t root, const char *name, const H5O_info_t *info, void *data) {
    Objects *objects = data;
    (void)root, (void)info;
    if (objects->count < MOST_OBJECTS) snprintf(objects->names[objects->count++], NAME, "%s", name);
    return 0;
}

static hid_t choose_type(uint8_t choice) {
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_STD_U8LE,  H5T_STD_U64LE, H5T_STD_I64LE,
                           H5T_IEEE_F64LE, H5T_STD_U32LE, H5T_STD_I32LE, H5T_STD_U16BE};
    return types[choice % 8];
}

/* A space of up to five dimensions of up to 4,096 numbers in all; *count is how many. */
static hid_t choose_space(FuzzInput *input, size_t *count) {
    hsize_t dims[5];
    int rank = fuzz_byte(input) % 6;
    *count = 1;
    for (int i = 0; i < rank; i++) {
        dims[i] = fuzz_number(input, 2) % (MOST_NUMBERS / *count + 1);
        *count *= dims[i] > 0 ? dims[i] : 1;
    }
    return rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
}

/* Numbers of any bits, the input's again and again; 8 bytes each at most. */
static uint8_t *choose_numbers(FuzzInput *input) {
    FuzzInput part = fuzz_part(input, 1 + fuzz_byte(input));
    uint8_t *numbers = calloc(MOST_NUMBERS + 1, 8);
    for (size_t i = 0; i < (size_t)MOST_NUMBERS * 8 && part.count > 0; i++)
        numbers[i] = part.bytes[i % part.count];
    return numbers;
}

static void replace_dataset(hid_t file, const char *name, FuzzInput *input) {
    size_t count = 0;
    hid_t type = choose_type(fuzz_byte(input)), space = choose_space(input, &count);
    uint8_t *numbers = choose_numbers(input);
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (dataset >= 0) H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
    if (dataset >= 0) H5Dclose(dataset);
    H5Sclose(space);
    free(numbers);
}

/* Other numbers in the same type and shape. */
static void refill_dataset(hid_t file, const char *name, FuzzInput *input) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    uint8_t *numbers = choose_numbers(input);
    if (H5Sget_simple_extent_npoints(space) <= MOST_NUMBERS)
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
    free(numbers);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
}

static void set_text(hid_t object, const char *name, FuzzInput *input) {
    FuzzInput part = fuzz_part(input, fuzz_number(input, 2) % 2048);
    char *text = calloc(1, part.count + 1);
    if (part.count > 0) memcpy(text, part.bytes, part.count);
    const char *const texts[1] = {text};
    bool fixed = fuzz_byte(input) % 2 == 0;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, fixed ? part.count + 1 : H5T_VARIABLE);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) H5Awrite(attribute, type, fixed ? (const void *)text : texts);
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    free(text);
}

static void set_numbers(hid_t object, const char *name, FuzzInput *input) {
    size_t count = 0;
    hid_t type = choose_type(fuzz_byte(input)), space = choose_space(input, &count);
    uint8_t *numbers = choose_numbers(input);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) H5Awrite(attribute, type, numbers);
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    free(numbers);
}

static void edit_attribute(hid_t file, const char *object_name, FuzzInput *input) {
    char name[NAME] = "";
    hid_t object = H5Oopen(file, object_name, H5P_DEFAULT);
    if (object < 0) return;
    hsize_t which = fuzz_byte(input) % MOST_ATTRIBUTES;
    ssize_t length = H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, which, name,
                                        sizeof name, H5P_DEFAULT);
    uint8_t how = fuzz_byte(input) % 3;
    if (length > 0) H5Adelete(object, name);
    if (length > 0 && how == 1) set_text(object, name, input);
    if (length > 0 && how == 2) set_numbers(object, name, input);
    H5Oclose(object);
}

static void edit(hid_t file, FuzzInput *input) {
    static Objects objects;
    objects.count = 0;
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, list_object, &objects);
    if (objects.count == 0) return;
    const char *name = objects.names[fuzz_byte(input) % objects.count];
    switch (fuzz_byte(input) % 4) {
    case 0:
        edit_attribute(file, name, input);
        break;
    case 1:
        refill_dataset(file, name, input);
        break;
    case 2:
        replace_dataset(file, name, input);
        break;
    default:
        H5Ldelete(file, name, H5P_DEFAULT);
    }
}

void edit_file(const char *path, const uint8_t *bytes, size_t count, FuzzInput *input) {
    fuzz_write(path, bytes, count);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    FUZZ_CHECK(file >= 0);
    for (int i = 0; i < MOST_EDITS && input->count > 0; i++) edit(file, input);
    H5Fclose(file);
    H5Pclose(access);
}
