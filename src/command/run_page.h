/* The page that a training leaves, for the commands that train. */
#pragma once

#include <limits.h>

/* DIRECTORY/report.html */
void run_page_path(char path[PATH_MAX], const char *directory);

/* RunRequest.report: makes the page of a run; a failure is no more than a warning. */
void run_page_make(const char *directory);
