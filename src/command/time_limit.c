/* Slurm's times and the end of its jobs; see time_limit.h (sbatch(1), --time). */
#include "command/time_limit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_PARTS = 3, MOST_DIGITS = 6 };

/* Numbers with colons between them; false if the text is anything else. */
static bool read_parts(double parts[MOST_PARTS], int *count, const char *text) {
    for (*count = 0; *count < MOST_PARTS; text++) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > MOST_DIGITS) return false;
        parts[(*count)++] = strtod(text, NULL);
        text += digits;
        if (*text == '\0') return true;
        if (*text != ':') return false;
    }
    return false;
}

static bool read_seconds(double *seconds, const char *text) {
    double parts[MOST_PARTS] = {0.0};
    int count = 0;
    const char *dash = strchr(text, '-');
    if (dash != NULL) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > MOST_DIGITS || text + digits != dash) return false;
        if (!read_parts(parts, &count, dash + 1)) return false;
        *seconds = 86400.0 * strtod(text, NULL) + 3600.0 * parts[0] + 60.0 * parts[1] + parts[2];
        return true;
    }
    if (!read_parts(parts, &count, text)) return false;
    if (count == 3) *seconds = 3600.0 * parts[0] + 60.0 * parts[1] + parts[2];
    if (count < 3) *seconds = 60.0 * parts[0] + parts[1];
    return true;
}

/* A job without a limit, or no job: 0. */
static double of_job(void) {
    const char *text = getenv("SLURM_JOB_END_TIME");
    double left = text != NULL ? strtod(text, NULL) - (double)time(NULL) : 0.0;
    return left > 0.0 ? left : 0.0;
}

Status time_limit_find(double *seconds, const Arguments *arguments) {
    const char *text = arguments->max_time;
    *seconds = text == NULL ? of_job() : 0.0;
    if (text == NULL || strcmp(text, "UNLIMITED") == 0) return STATUS_OK;
    if (read_seconds(seconds, text) && *seconds > 0.0) return STATUS_OK;
    return status_fail(STATUS_USAGE,
                       "command line: --max-time %.100s: expected a time such as 90 (minutes), "
                       "1:30:00 or 2-12 (days-hours)",
                       text);
}
