/* Texts and numbers beside the objects of an HDF5 file.
 *
 * Written as Keras writes its own, so that it can read ours; taken as other writers leave them:
 * texts of variable or fixed length, whole numbers and floats of any width. In a failure's line
 * an attribute is OBJECT@NAME. */
#include "h5file_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { MAX_TEXT = 1 << 24 };

/* ---- Writing --------------------------------------------------------------------------------- */

/* Variable-length ASCII, as Keras writes it. */
static Status text_type(hid_t *type, H5File *file, const char *object) {
    static const char WHAT[] = "takes no text";
    Status status;
    TRY(h5file_take(type, file, object, WHAT, H5Tcopy(H5T_C_S1)));
    TRY(h5file_check(file, object, WHAT, H5Tset_size(*type, H5T_VARIABLE)));
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
    TRY(h5file_ready(file));
    TRY(h5file_open_object(&owner, file, object));
    TRY(h5file_take(&space, file, label, "cannot be made",
                    count < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, NULL)));
    TRY(h5file_take(&attribute, file, label, "cannot be made",
                    H5Acreate2(owner, name, stored, space, H5P_DEFAULT, H5P_DEFAULT)));
    if (count != 0)
        TRY(h5file_check(file, label, "cannot be written", H5Awrite(attribute, memory, value)));
cleanup:
    h5file_release(file, label, H5Aclose, attribute);
    h5file_release(file, label, H5Sclose, space);
    h5file_release(file, label, H5Oclose, owner);
    return file->failure;
}

static Status write_texts(H5File *file, const char *object, const char *name, ssize_t count,
                          const char *const texts[]) {
    Status status;
    hid_t type = H5I_INVALID_HID;
    TRY(h5file_ready(file));
    TRY(text_type(&type, file, object));
    TRY(write_attribute(file, object, name, type, type, count, texts));
cleanup:
    h5file_release(file, object, H5Tclose, type);
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

/* ---- Reading --------------------------------------------------------------------------------- */

bool h5file_has_attribute(H5File *file, const char *object, const char *name) {
    hid_t owner = H5I_INVALID_HID;
    if (!h5file_has(file, object) || h5file_open_object(&owner, file, object) != STATUS_OK)
        return false;
    bool has = H5Aexists(owner, name) > 0;
    h5file_release(file, object, H5Oclose, owner);
    return has;
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
    TRY(h5file_ready(file));
    TRY(h5file_open_object(&attribute->owner, file, object));
    if (H5Aexists(attribute->owner, name) <= 0) TRY(h5file_refuse(file, label, "is missing"));
    TRY(h5file_take(&attribute->id, file, label, "cannot be read",
                    H5Aopen(attribute->owner, name, H5P_DEFAULT)));
    TRY(h5file_take(&attribute->type, file, label, "cannot be read", H5Aget_type(attribute->id)));
    TRY(h5file_take(&space, file, label, "cannot be read", H5Aget_space(attribute->id)));
    if (H5Tget_class(attribute->type) != class || H5Sget_simple_extent_npoints(space) != 1)
        TRY(h5file_refuse(file, label, "is not one %s", class == H5T_STRING ? "text" : "number"));
cleanup:
    h5file_release(file, label, H5Sclose, space);
    return status;
}

static void close_attribute(Attribute *attribute, H5File *file) {
    h5file_release(file, attribute->label, H5Tclose, attribute->type);
    h5file_release(file, attribute->label, H5Aclose, attribute->id);
    h5file_release(file, attribute->label, H5Oclose, attribute->owner);
}

static Status read_variable_text(char **text, H5File *file, const Attribute *attribute) {
    char *read = NULL;
    Status status = h5file_check(file, attribute->label, "cannot be read",
                                 H5Aread(attribute->id, attribute->type, &read));
    if (status != STATUS_OK) return status;
    const size_t length = read == NULL ? 0 : strnlen(read, MAX_TEXT + 1);
    if (length <= MAX_TEXT) *text = strndup(read == NULL ? "" : read, length);
    H5free_memory(read);
    if (*text != NULL) return STATUS_OK;
    if (length <= MAX_TEXT) return h5file_starve(file);
    return h5file_refuse(file, attribute->label, "is no text of a sensible length");
}

/* Read as NUL-terminated text of one byte more, so that HDF5 itself undoes any padding. */
static Status read_fixed_text(char **text, H5File *file, const Attribute *attribute) {
    static const char WHAT[] = "cannot be read";
    const char *label = attribute->label;
    Status status;
    hid_t memory = H5I_INVALID_HID;
    size_t size = H5Tget_size(attribute->type);
    if (size == 0 || size > MAX_TEXT)
        TRY(h5file_refuse(file, label, "is no text of a sensible length"));
    TRY(h5file_take(&memory, file, label, WHAT, H5Tcopy(H5T_C_S1)));
    TRY(h5file_check(file, label, WHAT, H5Tset_size(memory, size + 1)));
    TRY(h5file_check(file, label, WHAT, H5Tset_cset(memory, H5Tget_cset(attribute->type))));
    *text = calloc(1, size + 1);
    if (*text == NULL) TRY(h5file_starve(file));
    TRY(h5file_check(file, label, WHAT, H5Aread(attribute->id, memory, *text)));
cleanup:
    h5file_release(file, label, H5Tclose, memory);
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
    TRY(h5file_check(file, attribute.label, "cannot be read", H5Aread(attribute.id, type, value)));
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
