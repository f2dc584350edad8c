/* The objects of an HDF5 file by their names, and none that lies in another file.
 *
 * Names are walked link by link before an object is opened, since H5Oopen would follow links into
 * other files; a dataset's storage is looked at before its numbers are, since they may lie in
 * another file, or behind a filter that is not known here. */
#include "h5file_parts.h"

#include <stdio.h>
#include <string.h>

/* ---- Finding --------------------------------------------------------------------------------- */

/* One link of a name, whose links above are there and hard. */
static Status check_link(bool *exists, H5File *file, const char *name) {
    static const char WHAT[] = "cannot be looked up";
    Status status;
    H5L_info_t link;
    htri_t found = H5Lexists(file->id, name, H5P_DEFAULT);
    TRY(h5file_check(file, name, WHAT, found));
    *exists = found > 0;
    if (!*exists) goto cleanup;
    TRY(h5file_check(file, name, WHAT, H5Lget_info(file->id, name, &link, H5P_DEFAULT)));
    if (link.type != H5L_TYPE_HARD)
        TRY(h5file_refuse(file, name, "is a soft or external link, which is not followed"));
cleanup:
    return status;
}

Status h5file_find(bool *exists, H5File *file, const char *name) {
    char part[1024];
    size_t length = strlen(name);
    *exists = true;
    if (name[0] != '/' || length >= sizeof part)
        return h5file_refuse(file, name, "is no object's name");
    for (size_t i = 1; i <= length && length > 1 && *exists; i++) {
        if (name[i] != '/' && name[i] != '\0') continue;
        snprintf(part, sizeof part, "%.*s", (int)i, name);
        Status status = check_link(exists, file, part);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

bool h5file_has(H5File *file, const char *name) {
    bool exists = false;
    return file->failure == STATUS_OK && h5file_find(&exists, file, name) == STATUS_OK && exists;
}

/* ---- Opening --------------------------------------------------------------------------------- */

Status h5file_open_object(hid_t *object, H5File *file, const char *name) {
    Status status;
    bool exists = false;
    TRY(h5file_find(&exists, file, name));
    if (!exists) TRY(h5file_refuse(file, name, "is missing"));
    TRY(h5file_take(object, file, name, "cannot be opened", H5Oopen(file->id, name, H5P_DEFAULT)));
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
            return h5file_refuse(file, name, "is stored with filter %d, which is not taken",
                                 (int)filter);
    }
    return STATUS_OK;
}

/* The numbers must lie in this file: no external storage, no virtual dataset. */
static Status check_storage(H5File *file, const char *name, hid_t dataset) {
    Status status;
    hid_t creation = H5I_INVALID_HID;
    TRY(h5file_take(&creation, file, name, "cannot be read", H5Dget_create_plist(dataset)));
    if (H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) != 0)
        TRY(h5file_refuse(file, name, "is stored in another file, which is not followed"));
    TRY(check_filters(file, name, creation));
cleanup:
    h5file_release(file, name, H5Pclose, creation);
    return status;
}

Status h5file_open_dataset(hid_t *dataset, H5File *file, const char *name) {
    Status status;
    TRY(h5file_open_object(dataset, file, name));
    if (H5Iget_type(*dataset) != H5I_DATASET) TRY(h5file_refuse(file, name, "is not a dataset"));
    TRY(check_storage(file, name, *dataset));
cleanup:
    return status;
}

/* ---- Making ---------------------------------------------------------------------------------- */

Status h5file_link_list(hid_t *list, H5File *file, const char *name) {
    static const char WHAT[] = "cannot be linked";
    Status status;
    TRY(h5file_take(list, file, name, WHAT, H5Pcreate(H5P_LINK_CREATE)));
    TRY(h5file_check(file, name, WHAT, H5Pset_create_intermediate_group(*list, 1)));
cleanup:
    return status;
}

Status h5file_make_group(H5File *file, const char *name) {
    static const char WHAT[] = "cannot be made";
    Status status;
    bool exists = false;
    hid_t links = H5I_INVALID_HID, creation = H5I_INVALID_HID, group = H5I_INVALID_HID;
    TRY(h5file_ready(file));
    TRY(h5file_find(&exists, file, name));
    if (exists) goto cleanup;
    TRY(h5file_link_list(&links, file, name));
    TRY(h5file_take(&creation, file, name, WHAT, H5Pcreate(H5P_GROUP_CREATE)));
    TRY(h5file_check(file, name, WHAT, H5Pset_obj_track_times(creation, false)));
    TRY(h5file_take(&group, file, name, WHAT,
                    H5Gcreate2(file->id, name, links, creation, H5P_DEFAULT)));
cleanup:
    h5file_release(file, name, H5Gclose, group);
    h5file_release(file, name, H5Pclose, creation);
    h5file_release(file, name, H5Pclose, links);
    return file->failure;
}
