/* JPEG files as 8-bit gray; see gray.h.
 *
 * By TurboJPEG, which reports failures without libjpeg's longjmp. A camera writes the picture as
 * its sensor lies and notes in Exif data how it was held; viewers turn it, and so must we. */
#include <libexif/exif-data.h>
#include <stdlib.h>
#include <turbojpeg.h>

#include "gray.h"
#include "mnist_dist/base/memory.h"

bool gray_is_jpeg(const uint8_t *bytes, size_t count) {
    return count >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

/* Exif's orientation: 1 is upright. */
static unsigned read_orientation(const uint8_t *bytes, size_t count) {
    ExifData *data = exif_data_new_from_data(bytes, (unsigned)count);
    if (data == NULL) return 1;
    ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    bool fits = entry != NULL && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2;
    unsigned orientation = fits ? exif_get_short(entry->data, exif_data_get_byte_order(data)) : 1;
    exif_data_unref(data);
    return orientation;
}

/* Where Exif 2.3 (tag 0x0112) says that the upright picture's pixel is in the stored one. */
static size_t stored_index(const Gray *stored, unsigned orientation, size_t x, size_t y) {
    size_t right = stored->width - 1, bottom = stored->height - 1, column = x, row = y;
    if (orientation >= 5) column = y, row = x;
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        column = right - column;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        row = bottom - row;
    return row * stored->width + column;
}

static Status turn(Gray *gray, unsigned orientation) {
    if (orientation < 2 || orientation > 8) return STATUS_OK;
    Gray turned;
    bool lies = orientation >= 5;
    Status status = gray_new(&turned, gray->path, lies ? gray->height : gray->width,
                             lies ? gray->width : gray->height);
    if (status != STATUS_OK) return status;
    for (size_t y = 0; y < turned.height; y++)
        for (size_t x = 0; x < turned.width; x++)
            turned.pixels[y * turned.width + x] =
                gray->pixels[stored_index(gray, orientation, x, y)];
    gray_free(gray);
    *gray = turned;
    return STATUS_OK;
}

static Status jpeg_failure(const char *path, tjhandle handle) {
    return status_fail(STATUS_DATA, "%s: damaged JPEG (%s); fetch it again", path,
                       tjGetErrorStr2(handle));
}

Status gray_from_jpeg(Gray *gray, const char *path, const uint8_t *bytes, size_t count) {
    int width = 0, height = 0, sampling = 0, colours = 0;
    Status status = STATUS_OK;
    *gray = (Gray){.path = path};
    tjhandle handle = tjInitDecompress();
    if (handle == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", path);
    if (tjDecompressHeader3(handle, bytes, count, &width, &height, &sampling, &colours) != 0)
        TRY(jpeg_failure(path, handle));
    if (colours == TJCS_CMYK || colours == TJCS_YCCK)
        TRY(status_fail(STATUS_DATA,
                        "%s: is a JPEG in a printer's colours (CMYK); convert it to RGB", path));
    if (width < 1 || height < 1)
        TRY(status_fail(STATUS_DATA, "%s: damaged JPEG (no size); fetch it again", path));
    TRY(gray_new(gray, path, (size_t)width, (size_t)height));
    if (tjDecompress2(handle, bytes, count, gray->pixels, width, 0, height, TJPF_GRAY, 0) != 0)
        TRY(jpeg_failure(path, handle));
    TRY(turn(gray, read_orientation(bytes, count)));
cleanup:
    tjDestroy(handle);
    return status;
}
