/* CSV as Kaggle's digit-recognizer has it: [label,]pixel0,...,pixel783, one image a line.
 *
 * A line is parsed twice at most. The fast way takes what nearly every line is, bare numbers and
 * commas, four zeros in a step (four in five pixels are zero); anything else goes the strict way,
 * which also takes quoted numbers and finds out what is wrong and where. Refused: a general CSV
 * reader, which would be slower by ten times and would let a shifted column pass. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "formats.h"
#include "mnist_dist/base/digits.h"

/* How the pixels are called: 0 or 1 onwards, line x column, or not at all. */
typedef enum Naming { NAMES_NONE, NAMES_FROM_0, NAMES_FROM_1, NAMES_GRID } Naming;

enum { NAME_TEXT = 32, COLUMN_TEXT = 96 };

typedef struct Csv {
    Source *source;
    bool labelled;
    Naming naming;
    uint64_t blank_line; /* the first of the blank lines that were met last, or 0 */
    uint8_t label, image[DIGIT_PIXELS];
} Csv;

/* A field without its quotes, and where the next begins: NULL after the last. */
typedef struct Field {
    const char *text;
    size_t length;
    const char *next;
} Field;

static Field field_at(const char *text, const char *end) {
    Field field = {.text = text};
    const char *comma = memchr(text, ',', (size_t)(end - text));
    const char *stop = comma != NULL ? comma : end;
    field.next = comma != NULL ? comma + 1 : NULL;
    field.length = (size_t)(stop - text);
    if (field.length < 2 || text[0] != '"' || stop[-1] != '"') return field;
    field.text++;
    field.length -= 2;
    return field;
}

static size_t count_fields(const char *line, size_t length) {
    size_t count = 1;
    for (size_t i = 0; i < length; i++) count += line[i] == ',';
    return count;
}

static size_t columns_of(bool labelled) {
    return labelled ? DIGIT_PIXELS + 1 : DIGIT_PIXELS;
}

/* The name that column (from 0) must have. */
static void name_column(char name[NAME_TEXT], Naming naming, bool labelled, size_t column) {
    size_t pixel = labelled ? column - 1 : column;
    if (labelled && column == 0)
        snprintf(name, NAME_TEXT, "label");
    else if (naming == NAMES_GRID)
        snprintf(name, NAME_TEXT, "%zux%zu", pixel / DIGIT_SIDE + 1, pixel % DIGIT_SIDE + 1);
    else
        snprintf(name, NAME_TEXT, "pixel%zu", naming == NAMES_FROM_1 ? pixel + 1 : pixel);
}

/* "column 5 ("pixel3")", with the name if the file has names. */
static void describe_place(char place[COLUMN_TEXT], const Csv *csv, size_t column) {
    char name[NAME_TEXT];
    name_column(name, csv->naming, csv->labelled, column);
    if (csv->naming == NAMES_NONE)
        snprintf(place, COLUMN_TEXT, "column %zu", column + 1);
    else
        snprintf(place, COLUMN_TEXT, "column %zu (\"%s\")", column + 1, name);
}

static Status check_count(const Csv *csv, size_t columns, const char *line, const char *end) {
    size_t count = count_fields(line, (size_t)(end - line));
    if (count == columns) return STATUS_OK;
    return status_fail(
        STATUS_DATA, "%s:%llu: %zu column%s where %zu are expected", source_path(csv->source),
        (unsigned long long)source_line_number(csv->source), count, count == 1 ? "" : "s", columns);
}

static Status wrong_field(const Csv *csv, size_t column, const Field *field, const char *expected) {
    char place[COLUMN_TEXT], text[QUOTE_TEXT];
    bool has_nul = memchr(field->text, '\0', field->length) != NULL;
    describe_place(place, csv, column);
    quote_bytes(text, field->text, field->length);
    return status_fail(STATUS_DATA, "%s:%llu: %s: \"%s\" is no %s%s", source_path(csv->source),
                       (unsigned long long)source_line_number(csv->source), place, text, expected,
                       has_nul ? " (a NUL byte: the file is damaged)" : "");
}

/* Whether the field is an integer from 0 to `largest`, written in one to three digits. */
static bool parse_number(unsigned *value, const Field *field, unsigned largest) {
    *value = 0;
    for (size_t i = 0; i < field->length; i++) {
        unsigned digit = (unsigned)(unsigned char)field->text[i] - '0';
        if (digit > 9) return false;
        *value = 10 * *value + digit;
    }
    return field->length >= 1 && field->length <= 3 && *value <= largest;
}

/* The pixels up to the line end, or false if they are not 784 bare numbers. Reads up to 7 bytes
 * beyond `end`, which the source allows. */
static bool parse_pixels_fast(uint8_t image[DIGIT_PIXELS], const char *next, const char *end) {
    for (size_t i = 0; i < DIGIT_PIXELS;) {
        if (i + 4 < DIGIT_PIXELS && memcmp(next, "0,0,0,0,", 8) == 0) {
            memset(image + i, 0, 4);
            i += 4;
            next += 8;
            continue;
        }
        unsigned value = (unsigned)(unsigned char)*next++ - '0';
        if (value > 9) return false;
        for (int more = 0; more < 2; more++) {
            unsigned digit = (unsigned)(unsigned char)*next - '0';
            if (digit > 9) break;
            value = 10 * value + digit;
            next++;
        }
        if (value > 255) return false;
        image[i++] = (uint8_t)value;
        if (i < DIGIT_PIXELS && *next++ != ',') return false;
    }
    return next == end;
}

static bool parse_row_fast(Csv *csv, const char *line, const char *end) {
    if (!csv->labelled) return parse_pixels_fast(csv->image, line, end);
    unsigned label = (unsigned)(unsigned char)line[0] - '0';
    if (label > 9 || line[1] != ',') return false;
    csv->label = (uint8_t)label;
    return parse_pixels_fast(csv->image, line + 2, end);
}

/* Takes every row that is right, and says what is wrong with any other. */
static Status parse_row_strictly(Csv *csv, const char *line, const char *end) {
    size_t columns = columns_of(csv->labelled);
    Field field = {.next = line};
    Status status = check_count(csv, columns, line, end);
    if (status != STATUS_OK) return status;
    for (size_t column = 0; column < columns && field.next != NULL; column++) {
        bool is_label = csv->labelled && column == 0;
        unsigned value = 0;
        field = field_at(field.next, end);
        if (!parse_number(&value, &field, is_label ? 9 : 255))
            return wrong_field(csv, column, &field,
                               is_label ? "label from 0 to 9" : "integer from 0 to 255");
        *(is_label ? &csv->label : &csv->image[column - (csv->labelled ? 1 : 0)]) = (uint8_t)value;
    }
    return STATUS_OK;
}

/* Gives the next line without its carriage return. A blank line is a mistake only if a line that
 * is not blank follows it. */
static Status next_line(const char **line, const char **end, Csv *csv) {
    for (;;) {
        size_t length = 0;
        Status status = source_line(line, &length, csv->source);
        if (status != STATUS_OK || *line == NULL) return status;
        if (length > 0 && (*line)[length - 1] == '\r') length--;
        *end = *line + length;
        if (length > 0 && csv->blank_line == 0) return STATUS_OK;
        if (length > 0)
            return status_fail(STATUS_DATA, "%s:%llu: an empty line; remove it",
                               source_path(csv->source), (unsigned long long)csv->blank_line);
        if (csv->blank_line == 0) csv->blank_line = source_line_number(csv->source);
    }
}

/* A header has a name where a row has a number. */
static bool is_header(const char *line, const char *end) {
    Field first = field_at(line, end);
    for (size_t i = 0; i < first.length; i++) {
        char lower = (char)(first.text[i] | 0x20);
        if (lower >= 'a' && lower <= 'z') return true;
    }
    return false;
}

static bool field_is(const Field *field, const char *name) {
    return field->length == strlen(name) && strncasecmp(field->text, name, field->length) == 0;
}

/* Finds out how the pixels are called, from the first of them. */
static Naming find_naming(const Field *first_pixel) {
    if (field_is(first_pixel, "1x1")) return NAMES_GRID;
    return field_is(first_pixel, "pixel1") ? NAMES_FROM_1 : NAMES_FROM_0;
}

static Status wrong_name(const Csv *csv, size_t column, const Field *field, const char *name) {
    char text[QUOTE_TEXT];
    quote_bytes(text, field->text, field->length);
    return status_fail(STATUS_DATA,
                       "%s:%llu: column %zu is called \"%s\" where \"%s\" is expected; put the "
                       "columns in order, or leave out the header",
                       source_path(csv->source),
                       (unsigned long long)source_line_number(csv->source), column + 1, text, name);
}

/* The names must be those of the pixels in their order: a column in the wrong place would be
 * trained on without a word. */
static Status check_header(Csv *csv, const char *line, const char *end) {
    Field field = field_at(line, end);
    csv->labelled = csv->labelled || field_is(&field, "label");
    size_t columns = columns_of(csv->labelled);
    Status status = check_count(csv, columns, line, end);
    if (status != STATUS_OK) return status;
    bool is_label = csv->labelled && field.next != NULL;
    Field pixel = is_label ? field_at(field.next, end) : field;
    csv->naming = find_naming(&pixel);
    field.next = line;
    for (size_t column = 0; column < columns && field.next != NULL; column++) {
        char name[NAME_TEXT];
        field = field_at(field.next, end);
        name_column(name, csv->naming, csv->labelled, column);
        if (!field_is(&field, name)) return wrong_name(csv, column, &field, name);
    }
    return STATUS_OK;
}

static Status check_labelled(const Csv *csv) {
    if (csv->labelled) return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s:1: has no column \"label\"; training rows are the label and 784 pixels "
                       "(is this the test file?)",
                       source_path(csv->source));
}

/* Adds rows from this line on to the file's end. */
static Status import_rows(Csv *csv, Writer *writer, const char *line, const char *end) {
    Status status = STATUS_OK;
    csv->label = DIGIT_UNLABELLED;
    while (line != NULL) {
        if (!parse_row_fast(csv, line, end)) TRY(parse_row_strictly(csv, line, end));
        TRY(writer_add(writer, csv->image, csv->label));
        TRY(next_line(&line, &end, csv));
    }
cleanup:
    return status;
}

static Status skip_byte_order_mark(Source *source) {
    const uint8_t *bytes = NULL;
    size_t count = 0;
    Status status = source_peek(&bytes, &count, source, 3);
    if (status == STATUS_OK && count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        source_skip(source, 3);
    return status;
}

Status csv_import(Writer *writer, Source *source, bool labels_needed) {
    Status status = STATUS_OK;
    Csv csv = {.source = source};
    const char *line = NULL, *end = NULL;
    TRY(skip_byte_order_mark(source));
    TRY(next_line(&line, &end, &csv));
    if (line == NULL) TRY(status_fail(STATUS_DATA, "%s: is empty", source_path(source)));
    bool header = is_header(line, end);
    csv.labelled = count_fields(line, (size_t)(end - line)) > DIGIT_PIXELS;
    TRY(header ? check_header(&csv, line, end)
               : check_count(&csv, columns_of(csv.labelled), line, end));
    if (labels_needed) TRY(check_labelled(&csv));
    if (header) TRY(next_line(&line, &end, &csv));
    if (line == NULL)
        TRY(status_fail(STATUS_DATA, "%s: has a header and no rows", source_path(source)));
    TRY(import_rows(&csv, writer, line, end));
cleanup:
    return status;
}
